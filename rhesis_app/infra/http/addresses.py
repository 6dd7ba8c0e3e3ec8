"""Which addresses and ports the outbound door may open: public ones, and what the operator allowed."""

import ipaddress
from dataclasses import dataclass
from enum import Enum

from rhesis_app.kernel.urls import UrlProblem, WebAddress, ascii_host, literal_address

SETTING = "RHESIS_ALLOW_TARGETS"
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class AllowListError(ValueError):
    """An entry of the allow-list cannot be read; the text names it."""


class Verdict(Enum):
    """What may be done with an address."""

    OPEN = "open"
    CLOSED = "closed"
    """Not public: opened by an allow-list entry."""
    NEVER = "never"
    """Cloud metadata, multicast and the like: no setting opens it."""


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


# Services that hand out a machine's credentials to whoever asks from inside it, by cloud.
_METADATA = _networks(
    "169.254.169.254/32", "169.254.170.2/32", "169.254.170.23/32", "169.254.0.23/32", "168.63.129.16/32",
    "100.100.100.200/32", "192.0.0.192/32", "fd00:ec2::/64", "fd20:ce::254/128", "fe80::a9fe:a9fe/128",
)  # fmt: skip
# 0.0.0.0 reaches this very machine on Linux, whatever its name says.
_NEVER = _networks("0.0.0.0/8", "::/128", "224.0.0.0/4", "ff00::/8", "255.255.255.255/32")
# Ranges that `is_global` of some supported Python versions calls public.
_NOT_PUBLIC = _networks(
    "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4",
    "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2002::/16", "fec0::/10",
)  # fmt: skip
_LOCAL = _networks("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
_LOOPBACK = _networks("127.0.0.0/8", "::1/128")
_NAT64 = _networks("64:ff9b::/96", "64:ff9b:1::/48", "::/96")
# Ports that browsers refuse too, and those of databases, queues and remote control: an HTTP request sent there can be
# read as commands of another protocol.
_NOT_HTTP = frozenset({
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110,
    111, 113, 115, 117, 119, 123, 135, 137, 138, 139, 143, 161, 179, 389, 427, 445, 465, 512, 513, 514, 515, 526, 530,
    531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 873, 989, 990, 993, 995, 1433, 1521, 1719, 1720, 1723, 2049, 2181,
    2375, 2376, 2379, 2380, 3306, 3389, 3659, 4045, 4190, 5060, 5061, 5432, 5672, 5900, 5984, 6000, 6379, 6380, 6566,
    6665, 6666, 6667, 6668, 6669, 6679, 6697, 9042, 9092, 10080, 10250, 11211, 27017,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class AllowEntry:
    """One thing the operator opened: a network or a name, on one port or (None) on all that speak HTTP."""

    networks: tuple[Network, ...] = ()
    name: str | None = None
    port: int | None = None

    def covers(self, host: str, address: Address, port: int) -> bool:
        """Whether a URL with this host, connecting to this address and port, is opened by this entry."""
        if self.port is not None and self.port != port:
            return False
        return self.name == host or _within(address, self.networks)


@dataclass(frozen=True, slots=True)
class AllowList:
    """The operator's exceptions to "public addresses only"."""

    entries: tuple[AllowEntry, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "AllowList":
        """Read comma-separated entries: `10.1.2.0/24`, `127.0.0.1:9000`, `[::1]:9000`, `chat.internal:8080`.

        Raises AllowListError naming the entry that cannot be read.
        """
        return cls(tuple(_entry(part.strip()) for part in text.split(",") if part.strip()))

    def covers(self, host: str, address: Address, port: int) -> bool:
        """Whether any entry opens this address for a URL that names `host`."""
        return any(entry.covers(host, address, port) for entry in self.entries)

    def opens_port(self, port: int) -> bool:
        """Whether an entry names this port; only that opens a port of another protocol."""
        return any(entry.port == port for entry in self.entries)


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """The allow-list together with whether this machine's own and private networks are open."""

    allow: AllowList
    allow_local: bool

    def judge(self, host: str, address: Address, port: int) -> Verdict:
        """What may be done with `address`, reached through a URL that names `host`."""
        seen = _unwrapped(address)
        if _within(seen, _NEVER) or any(_within(form, _METADATA) for form in (address, seen, *_embedded(address))):
            return Verdict.NEVER
        if self.allow.covers(host, seen, port):
            return Verdict.OPEN
        if self.allow_local and _within(seen, _LOCAL):
            return Verdict.OPEN
        return Verdict.OPEN if _is_public(seen) else Verdict.CLOSED

    def port_is_open(self, address: WebAddress) -> bool:
        """Whether the URL's port may be called at all."""
        return address.port not in _NOT_HTTP or self.allow.opens_port(address.port)


def read_address(text: str) -> Address:
    """An address as the resolver or the socket wrote it, without its zone."""
    return ipaddress.ip_address(text.partition("%")[0])


def blocked_message(target: WebAddress, verdict: Verdict) -> str:
    """Why the address was not opened, with the exact line to set; names no address that stands behind a name."""
    if verdict is Verdict.NEVER:
        return f"{target.host} is an address that is never called: cloud metadata, multicast or unspecified."
    return (
        f"{target.host} is not a public address, and this server only calls public ones. To open it, set "
        f"{SETTING}={target.host_port} (after a comma if it already has entries) and restart."
    )


def port_message(target: WebAddress) -> str:
    """Why the port was not opened, with the exact line to set."""
    return (
        f"Port {target.port} belongs to another protocol than HTTP. If your application really listens there, set "
        f"{SETTING}={target.host_port} (after a comma if it already has entries) and restart."
    )


def _within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _is_public(address: Address) -> bool:
    return address.is_global and not address.is_multicast and not _within(address, _NOT_PUBLIC)


def _unwrapped(address: Address) -> Address:
    """IPv4 written as IPv6 is judged as IPv4: the kernel connects to that."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _embedded(address: Address) -> tuple[Address, ...]:
    """IPv4 addresses that a translator or tunnel on the way would reach through this IPv6 address."""
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    inner = [address.sixtofour, *(address.teredo or ())]
    if _within(address, _NAT64):
        inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return tuple(found for found in inner if found is not None)


def _entry(text: str) -> AllowEntry:
    network = _network(text)
    if network is not None:
        return AllowEntry(networks=(network,))
    host, port = _split_port(text)
    return _host_entry(host, port, text)


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(_unbracketed(text))
    except ValueError:
        return None


def _split_port(text: str) -> tuple[str, int | None]:
    host, colon, port = text.rpartition(":")
    if not colon:
        return text, None
    if not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise _unreadable(text)
    return _unbracketed(host), int(port)


def _unbracketed(text: str) -> str:
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


def _host_entry(host: str, port: int | None, text: str) -> AllowEntry:
    try:
        name = host if ":" in host else ascii_host(host)
    except UrlProblem:
        raise _unreadable(text) from None
    literal = literal_address(name)
    address = None if literal is None else _unwrapped(literal)
    # "localhost" resolves to 127.0.0.1, ::1 or both, and people mix the three: one entry opens this machine's port
    if name == "localhost" or (address is not None and _within(address, _LOOPBACK)):
        return AllowEntry(networks=_LOOPBACK, name="localhost", port=port)
    if address is not None:
        return AllowEntry(networks=(ipaddress.ip_network(address),), port=port)
    if ":" in name:
        raise _unreadable(text)
    return AllowEntry(name=name, port=port)


def _unreadable(text: str) -> AllowListError:
    return AllowListError(
        f"{SETTING}: “{text}” cannot be read. Write entries like 10.1.2.0/24, 127.0.0.1:9000 or chat.internal:8080."
    )
