"""A real HTTP server on loopback that answers by a script: latency, throttling, hangs, drips, resets and worse."""

import gzip
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it arrived; header names are lower-case."""

    number: int
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What to do with one request. `fault` names a method of the wire instead of an ordinary answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    fault: str | None = None


Script = Callable[[Call], Reply]


def json_reply(
    value: Any, *, status: int = 200, delay_s: float = 0.0, headers: Mapping[str, str] | None = None
) -> Reply:
    """A JSON answer."""
    body = json.dumps(value, ensure_ascii=False).encode()
    return Reply(
        status=status, body=body, delay_s=delay_s, headers={"Content-Type": "application/json"} | dict(headers or {})
    )


def text_reply(text: str, *, status: int = 200) -> Reply:
    """A plain-text answer."""
    return Reply(status=status, body=text.encode(), headers={"Content-Type": "text/plain; charset=utf-8"})


def throttled(retry_after: str | None = None, *, status: int = 429) -> Reply:
    """`429 Too Many Requests`, with `Retry-After` in any form, also a wrong one."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return json_reply({"error": "slow down"}, status=status, headers=headers)


def huge(size: int) -> Reply:
    """An answer of `size` bytes, announced."""
    return Reply(body=b"x" * size)


def gzipped(value: Any) -> Reply:
    """A compressed answer nobody asked for."""
    body = gzip.compress(json.dumps(value).encode())
    return Reply(body=body, headers={"Content-Type": "application/json", "Content-Encoding": "gzip"})


def redirect(location: str, *, status: int = 302) -> Reply:
    """A redirect."""
    return Reply(status=status, headers={"Location": location})


HANG = Reply(fault="hang")
"""Never answers."""
DRIP = Reply(fault="drip", body=b"x" * 10_000)
"""One byte of the body every 20 ms."""
DRIP_HEADERS = Reply(fault="drip_headers")
"""One byte of an endless header every 20 ms."""
RESET = Reply(fault="reset")
"""A TCP reset instead of an answer."""
CLOSE = Reply(fault="close")
"""The connection ends without an answer."""
TRUNCATED = Reply(fault="truncated", body=b'{"reply": "half')
"""The connection ends in the middle of the body."""
NOT_HTTP = Reply(fault="not_http")
"""A greeting of another protocol."""
ENDLESS = Reply(fault="endless")
"""A chunked answer that never stops."""
UNSIZED = Reply(fault="unsized", body=b'{"reply": "until the end"}')
"""An answer whose length only the end of the connection tells."""
CHUNKED = Reply(fault="chunked", body=b'{"reply": "in pieces"}')
"""An answer in chunks."""


def echo(call: Call) -> Reply:
    """Answers `{"reply": …}` with the request's `message`, or with its body as text."""
    try:
        message = call.json["message"]
    except (ValueError, KeyError, TypeError):
        message = call.body.decode(errors="replace")
    return json_reply({"reply": message})


def always(reply: Reply) -> Script:
    """The same answer to every request."""
    return lambda _call: reply


def in_turn(replies: Iterable[Reply]) -> Script:
    """One answer after the other by arrival; the last one repeats."""
    listed = tuple(replies)
    return lambda call: listed[min(call.number, len(listed) - 1)]


class ScriptedEndpoint:
    """`with ScriptedEndpoint(script) as endpoint:` serves HTTP/1.1 with keep-alive on `endpoint.url`.

    It counts `calls` and the most that were in flight at once (`max_in_flight`), and keeps what was received.
    """

    def __init__(
        self,
        script: Script = echo,
        *,
        host: str = "127.0.0.1",
        keep_calls: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.script = script
        self.calls: list[Call] = []
        self.count = 0
        self.max_in_flight = 0
        self.connections = 0
        self._tls = tls
        self._in_flight = 0
        self._keep_calls = keep_calls
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=256)
        self.host, self.port = host, self._listener.getsockname()[1]

    @property
    def origin(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL to call; any path is served."""
        return f"{self.origin}/chat"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving: open connections break, hanging answers end."""
        self._stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            still_open = list(self._open)
        for connection in still_open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(5)

    def _start(self, work: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            with self._lock:
                self._open.add(connection)
                self.connections += 1
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            reader = connection.makefile("rb")
            with reader:
                while not self._stopping.is_set() and self._serve_one(connection, reader):
                    pass
        with self._lock:
            self._open.discard(connection)
            self._threads.discard(threading.current_thread())

    def _serve_one(self, connection: socket.socket, reader: Any) -> bool:
        """Serve one request; False when the connection is over."""
        request_line = reader.readline(65537)
        if request_line.count(b" ") < 2:  # the end, or something that is not HTTP
            return False
        call = self._received(request_line, reader)
        try:
            reply = self.script(call)
            if reply.delay_s:
                self._stopping.wait(reply.delay_s)
            if reply.fault is not None:
                getattr(self, f"_{reply.fault}")(connection, reply)
                return False
            connection.sendall(_head(reply, {"Content-Length": str(len(reply.body))}) + reply.body)
            return reply.headers.get("Connection") != "close"
        finally:
            with self._lock:
                self._in_flight -= 1

    def _received(self, request_line: bytes, reader: Any) -> Call:
        method, target, _ = request_line.decode("latin-1").split(" ", 2)
        headers: dict[str, str] = {}
        while (line := reader.readline(65537).strip()) != b"":
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = reader.read(int(headers.get("content-length", "0")))
        with self._lock:
            call = Call(self.count, method, target, headers, body)
            self.count += 1
            self._in_flight += 1
            self.max_in_flight = max(self.max_in_flight, self._in_flight)
            if self._keep_calls:
                self.calls.append(call)
        return call

    def _hang(self, _connection: socket.socket, _reply: Reply) -> None:
        self._stopping.wait()

    def _drip(self, connection: socket.socket, reply: Reply) -> None:
        connection.sendall(_head(reply, {"Content-Length": str(len(reply.body))}))
        for byte in reply.body:
            if self._stopping.wait(0.02):
                return
            connection.sendall(bytes([byte]))

    def _drip_headers(self, connection: socket.socket, _reply: Reply) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not self._stopping.wait(0.02):
            connection.sendall(b"x")

    def _reset(self, connection: socket.socket, _reply: Reply) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _close(self, connection: socket.socket, _reply: Reply) -> None:
        connection.shutdown(socket.SHUT_RDWR)

    def _truncated(self, connection: socket.socket, reply: Reply) -> None:
        connection.sendall(_head(reply, {"Content-Length": "5000"}) + reply.body)

    def _not_http(self, connection: socket.socket, _reply: Reply) -> None:
        connection.sendall(b"220 mail.example.com ready\r\n")

    def _endless(self, connection: socket.socket, reply: Reply) -> None:
        connection.sendall(_head(reply, {"Transfer-Encoding": "chunked"}))
        while not self._stopping.is_set():
            connection.sendall(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")

    def _unsized(self, connection: socket.socket, reply: Reply) -> None:
        connection.sendall(_head(reply, {"Connection": "close"}) + reply.body)

    def _chunked(self, connection: socket.socket, reply: Reply) -> None:
        half = len(reply.body) // 2
        pieces = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (reply.body[:half], reply.body[half:]))
        connection.sendall(_head(reply, {"Transfer-Encoding": "chunked"}) + pieces + b"0\r\n\r\n")


def _head(reply: Reply, framing: Mapping[str, str]) -> bytes:
    lines = [
        f"HTTP/1.1 {reply.status} Scripted",
        *(f"{name}: {value}" for name, value in (reply.headers | framing).items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
