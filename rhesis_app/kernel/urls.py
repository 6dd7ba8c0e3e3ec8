"""Reading the URL of an outbound call: one strict parser, so that what is checked is what is connected to."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\x9f\\\u2028\u2029]")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\Z")
_NUMBER_LIKE = re.compile(r"(?:\d+|0x[0-9a-f]*)\Z")
_DEVIATIONS = frozenset("ßς\u200c\u200d")
"""Letters that the two editions of IDNA map to different domains."""
_PATH_SAFE = "/:@!$&'()*+,;=~%[]"
_QUERY_SAFE = _PATH_SAFE + "?"


class UrlProblem(ValueError):
    """The URL cannot be used; the text says why and is fit for the user."""


@dataclass(frozen=True, slots=True)
class WebAddress:
    """A parsed URL: `host` is ASCII and lower-case, IPv6 without brackets; `target` is the encoded path and query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def origin(self) -> str:
        """`scheme://host:port`, always with its port: equal exactly when a browser would call two URLs same-origin."""
        return f"{self.scheme}://{self.host_port}"

    @property
    def host_port(self) -> str:
        """`host:port`, IPv6 in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_url(url: str) -> WebAddress:
    """Read an http or https URL. The fragment is dropped. Raises UrlProblem."""
    _refuse_odd_text(url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UrlProblem("This URL cannot be read. Write it like https://chat.example.com/api/chat.") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise UrlProblem("The URL must start with http:// or https://.")
    if "@" in parts.netloc:
        raise UrlProblem("Leave the user name and password out of the URL and enter them under authentication.")
    if port == 0:
        raise UrlProblem("Port 0 cannot be called.")
    host = _host(parts.netloc)
    return WebAddress(parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme], _target(parts.path, parts.query))


def origin_of(url: str) -> str:
    """The origin a secret is bound to, such as `https://chat.example.com:443`. Raises UrlProblem."""
    return parse_url(url).origin


def literal_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address when `host` is one, else None."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _refuse_odd_text(url: str) -> None:
    if not url:
        raise UrlProblem("Enter a URL, such as https://chat.example.com/api/chat.")
    if len(url) > 2048:
        raise UrlProblem("The URL is longer than 2,048 characters.")
    # urlsplit drops tabs and newlines silently and browsers read a backslash as a slash: two readers, two hosts
    if _FORBIDDEN.search(url):
        raise UrlProblem("The URL holds a space, a backslash or a control character. Remove it or percent-encode it.")


def _host(netloc: str) -> str:
    if netloc.startswith("["):
        inside, _, rest = netloc[1:].partition("]")
        if rest and not rest.startswith(":"):
            raise UrlProblem("The address in brackets is not a plain IPv6 address.")
        return _bracketed(inside)
    return ascii_host(netloc.partition(":")[0])


def _bracketed(text: str) -> str:
    address = literal_address(text)
    if address is None or address.version != 6 or "%" in text:
        raise UrlProblem("The address in brackets is not a plain IPv6 address.")
    return str(address)


def ascii_host(host: str) -> str:
    """A host name as the resolver and TLS see it. Raises UrlProblem for what two readers could take for two hosts."""
    name = _to_ascii(host).lower().removesuffix(".")
    if not name:
        raise UrlProblem("The URL names no host. Write it like https://chat.example.com/api/chat.")
    labels = name.split(".")
    if _NUMBER_LIKE.match(labels[-1]):
        return _dotted_quad(name)
    if len(name) > 253 or not all(_LABEL.match(label) for label in labels):
        raise UrlProblem("The host name holds characters that no host name may have.")
    return name


def _to_ascii(host: str) -> str:
    if host.isascii():
        return host
    if _DEVIATIONS.intersection(host):
        raise UrlProblem("This host name can be read in two ways. Write it in its xn-- form.")
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        raise UrlProblem("The host name holds characters that no host name may have.") from None


def _dotted_quad(name: str) -> str:
    # the C library also reads 2130706433, 0x7f.1 and 0177.0.0.1 as addresses; nobody means those
    address = literal_address(name)
    if address is None:
        raise UrlProblem("Write a numeric host as four decimal numbers, such as 192.0.2.10.")
    return str(address)


def _target(path: str, query: str) -> str:
    encoded = quote(path or "/", safe=_PATH_SAFE)
    return f"{encoded}?{quote(query, safe=_QUERY_SAFE)}" if query else encoded
