"""Connections of the outbound door: addresses checked at connect time, time budgets on the socket, kept for reuse."""

import os
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection

from rhesis_app.infra.http.addresses import AddressPolicy, Verdict, blocked_message, read_address
from rhesis_app.kernel.ports import OutboundFailure
from rhesis_app.kernel.urls import WebAddress

Resolver = Callable[..., list[Any]]
"""`socket.getaddrinfo` or a stand-in with its parameters and its answer."""
_MAX_ADDRESSES = 4
_MAX_IDLE_S = 1.5
"""Servers drop an idle connection after 2 s or more; reusing one just then would look like a reset of theirs."""
_MAX_QUIET_ORIGINS = 16
"""With more origins than that, those that nobody called lately are closed too."""


class _BudgetedSocket:
    """Mixed into sockets: every read and write gets what is left of one budget, so dripping bytes never extends it."""

    deadline: float | None = None

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self._arm()
        return super().recv_into(*args, **kwargs)  # type: ignore[misc]

    def send(self, *args: Any, **kwargs: Any) -> int:
        self._arm()
        return super().send(*args, **kwargs)  # type: ignore[misc]

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self._arm()
        super().sendall(*args, **kwargs)  # type: ignore[misc]

    def _arm(self) -> None:
        if self.deadline is None:
            return
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.settimeout(left)  # type: ignore[attr-defined]


class _PlainSocket(_BudgetedSocket, socket.socket):
    pass


class _TlsSocket(_BudgetedSocket, ssl.SSLSocket):
    pass


def make_tls_context() -> ssl.SSLContext:
    """Certificates checked against the system's authorities (`SSL_CERT_FILE` is honoured), TLS 1.2 or newer."""
    return ssl.create_default_context()


class Dialler:
    """Opens sockets: one look-up, every address of it must be allowed, and the peer is checked once more."""

    def __init__(self, policy: AddressPolicy, resolver: Resolver) -> None:
        self._policy = policy
        self._resolver = resolver

    def dial(self, target: WebAddress, deadline: float) -> socket.socket:
        """A connected socket to one of the target's addresses, or OutboundFailure."""
        found = self._look_up(target)[:_MAX_ADDRESSES]
        for position, (family, kind, protocol, _, place) in enumerate(found):
            share = max(0.0, deadline - time.monotonic()) / (len(found) - position)
            opened = self._try((family, kind, protocol), place, max(share, 0.05))
            if opened is not None:
                return self._checked(target, opened)
        raise OutboundFailure("connect", f"Nothing answers at {target.host_port}. Is the application running there?")

    def _look_up(self, target: WebAddress) -> list[Any]:
        try:
            found = self._resolver(target.host, target.port, 0, socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            found = []
        if not found:
            raise OutboundFailure("dns", f"The name {target.host} has no address. Check the spelling of the URL.")
        for entry in found:
            self._require_open(target, entry[4][0])
        return found

    def _checked(self, target: WebAddress, opened: socket.socket) -> socket.socket:
        try:
            self._require_open(target, opened.getpeername()[0])
        except (OSError, OutboundFailure):
            opened.close()
            raise
        return opened

    def _require_open(self, target: WebAddress, address: str) -> None:
        verdict = self._policy.judge(target.host, read_address(address), target.port)
        if verdict is not Verdict.OPEN:
            raise OutboundFailure("blocked_address", blocked_message(target, verdict))

    @staticmethod
    def _try(kind: tuple[int, int, int], place: Any, timeout_s: float) -> socket.socket | None:
        try:
            opened = _PlainSocket(*kind)
        except OSError:  # a family this machine does not speak; the next address may be of another
            return None
        opened.settimeout(timeout_s)
        try:
            opened.connect(place)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            opened.close()
            return None
        return opened


class _Guarded:
    """Mixed into urllib3's connections: sockets come from the dialler, and each call brings its own budget."""

    dialler: Dialler
    target: WebAddress
    sock: Any
    timeout: float | None
    idle_since: float = 0.0
    _until: float = 0.0

    def _new_conn(self) -> socket.socket:
        opened = self.dialler.dial(self.target, self._until)
        opened.settimeout(max(self._until - time.monotonic(), 0.05))
        return opened

    def open_until(self, connect_by: float) -> None:
        """Connect, TLS handshake included, before that moment of the monotonic clock."""
        self._until = connect_by
        self.connect()  # type: ignore[attr-defined]

    def spend_until(self, deadline: float) -> None:
        """From here on every read and write ends at that moment of the monotonic clock."""
        self.sock.deadline = deadline
        self.timeout = max(deadline - time.monotonic(), 0.001)


class PlainConnection(_Guarded, HTTPConnection):
    """An http connection of the door."""


class TlsConnection(_Guarded, HTTPSConnection):
    """An https connection of the door; the certificate must fit the URL's own host."""


Connection = PlainConnection | TlsConnection


class ConnectionPool:
    """Kept connections by origin, newest first; safe for threads, and a forked child starts with none."""

    def __init__(self, dialler: Dialler, tls: Callable[[], ssl.SSLContext]) -> None:
        self._dialler = dialler
        self._make_tls = tls
        self._tls: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._idle: dict[str, deque[Connection]] = {}
        self._process = os.getpid()

    def take(self, target: WebAddress) -> Connection:
        """A kept connection that is still open, or a new one that is not connected yet."""
        kept = self._take_idle(target.origin)
        while kept is not None:
            if time.monotonic() - kept.idle_since < _MAX_IDLE_S and kept.is_connected:
                kept.target = target  # it was opened for another path of the same origin, perhaps
                return kept
            kept.close()
            kept = self._take_idle(target.origin)
        return self._make(target)

    def keep(self, connection: Connection) -> None:
        """Give back a connection whose answer was read to its end."""
        connection.idle_since = time.monotonic()
        with self._lock:
            idle = self._idle.setdefault(connection.target.origin, deque())
            idle.append(connection)
            stale = _take_stale(idle, connection.idle_since)
            if len(self._idle) > _MAX_QUIET_ORIGINS:
                stale += self._take_all_stale(connection.idle_since)
        for old in stale:
            old.close()

    def close(self) -> None:
        """Close every kept connection."""
        with self._lock:
            idle, self._idle = self._idle, {}
        for connections in idle.values():
            for connection in connections:
                connection.close()

    def _take_idle(self, origin: str) -> Connection | None:
        if self._process != os.getpid():  # a fork shares the parent's sockets: two processes would mix answers
            self._process = os.getpid()
            self.close()
        with self._lock:
            idle = self._idle.get(origin)
            return idle.pop() if idle else None

    def _take_all_stale(self, now: float) -> list[Connection]:
        stale = [old for idle in self._idle.values() for old in _take_stale(idle, now)]
        self._idle = {origin: idle for origin, idle in self._idle.items() if idle}
        return stale

    def _make(self, target: WebAddress) -> Connection:
        made: Connection
        if target.scheme == "https":
            made = TlsConnection(target.host, target.port, ssl_context=self._context())
        else:
            made = PlainConnection(target.host, target.port)
        made.dialler, made.target = self._dialler, target
        return made

    def _context(self) -> ssl.SSLContext:
        # reading the authorities takes some 20 ms: once, and only where https is called at all
        with self._lock:
            if self._tls is None:
                self._tls = self._make_tls()
                self._tls.sslsocket_class = _TlsSocket
            return self._tls


def _take_stale(idle: deque[Connection], now: float) -> list[Connection]:
    """Remove from the old end what has waited too long to be reused."""
    stale: list[Connection] = []
    while idle and now - idle[0].idle_since > _MAX_IDLE_S:
        stale.append(idle.popleft())
    return stale
