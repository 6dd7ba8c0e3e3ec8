"""The one way out over HTTP: checked addresses, whole-call deadlines, capped answers, no redirects, no cookies."""

import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from http.client import HTTPException, IncompleteRead

from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError
from urllib3.exceptions import SSLError as UrllibSSLError
from urllib3.response import BaseHTTPResponse
from urllib3.util.ssl_match_hostname import CertificateError

from rhesis_app import __version__
from rhesis_app.infra.http.addresses import (
    AddressPolicy,
    AllowList,
    Verdict,
    blocked_message,
    port_message,
    read_address,
)
from rhesis_app.infra.http.connections import Connection, ConnectionPool, Dialler, Resolver, make_tls_context
from rhesis_app.kernel.ports import OutboundAnswer, OutboundFailure, OutboundRequest
from rhesis_app.kernel.urls import UrlProblem, WebAddress, literal_address, parse_url

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_VALUE_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_OURS = frozenset({
    "host", "connection", "content-length", "transfer-encoding", "accept-encoding", "expect", "upgrade", "te",
    "trailer", "keep-alive",
})  # fmt: skip
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})


def check_url(url: str) -> WebAddress:
    """Read a URL by the door's rules without any look-up. Raises UrlProblem, whose text is fit for a form."""
    return parse_url(url)


class OutboundDoor:
    """Makes HTTP calls to public addresses and to what the operator allowed; one per process, shared by its threads."""

    def __init__(
        self,
        allow: AllowList,
        *,
        allow_local: bool,
        resolver: Resolver = socket.getaddrinfo,
        tls: Callable[[], ssl.SSLContext] = make_tls_context,
    ) -> None:
        self._policy = AddressPolicy(allow, allow_local)
        self._pool = ConnectionPool(Dialler(self._policy, resolver), tls)

    def check(self, url: str) -> None:
        """Raise OutboundFailure when `url` can be refused without a look-up: its form, its port, a literal address."""
        self._target(url)

    def send(self, request: OutboundRequest) -> OutboundAnswer:
        """Make the call once; an answer of any status is returned. Raises OutboundFailure."""
        target = self._target(request.url)
        headers = _headers(request)
        started = time.monotonic()
        connection = self._pool.take(target)
        try:
            answer = self._exchange(connection, request, headers, started)
        except BaseException:
            connection.close()
            raise
        if connection.sock is not None:  # None: the server asked to close
            self._pool.keep(connection)
        return answer

    def close(self) -> None:
        """Close the kept connections."""
        self._pool.close()

    def _target(self, url: str) -> WebAddress:
        try:
            target = parse_url(url)
        except UrlProblem as problem:
            raise OutboundFailure("blocked_address", str(problem)) from None
        if not self._policy.port_is_open(target):
            raise OutboundFailure("blocked_address", port_message(target))
        address = literal_address(_literal(target.host))
        if address is None:
            return target
        verdict = self._policy.judge(target.host, read_address(str(address)), target.port)
        if verdict is not Verdict.OPEN:
            raise OutboundFailure("blocked_address", blocked_message(target, verdict))
        return target

    @staticmethod
    def _exchange(
        connection: Connection, request: OutboundRequest, headers: Mapping[str, str], started: float
    ) -> OutboundAnswer:
        deadline = started + request.timeout_s
        if connection.sock is None:
            _connect(connection, min(started + request.connect_timeout_s, deadline))
        connection.spend_until(deadline)
        try:
            return _ask(connection, request, headers)
        except (OSError, HTTPError, HTTPException) as error:
            raise _translated(error, request.timeout_s) from None


def _literal(host: str) -> str:
    """`localhost` and names below it are this machine by definition; no look-up is needed to say so."""
    return "127.0.0.1" if host == "localhost" or host.endswith(".localhost") else host


def _headers(request: OutboundRequest) -> dict[str, str]:
    if request.method not in _METHODS:
        raise OutboundFailure("template", f"The method {request.method!r} is not one of {', '.join(sorted(_METHODS))}.")
    headers = {"User-Agent": f"rhesis-app/{__version__}", "Accept": "*/*"}
    if request.body is not None:
        headers["Content-Type"] = "application/json"
    for name, value in request.headers.items():
        _refuse_header(name, value)
        headers = {known: kept for known, kept in headers.items() if known.lower() != name.lower()}
        headers[name] = _on_the_wire(value)
    return headers | {"Accept-Encoding": "identity"}


def _refuse_header(name: str, value: str) -> None:
    if not _NAME.match(name) or name.lower() in _OURS:
        raise OutboundFailure("template", f"The header {name!r} cannot be sent. Remove it from the endpoint.")
    if _VALUE_FORBIDDEN.search(value):
        raise OutboundFailure("template", f"The value of header {name} holds a line break or a control character.")


def _on_the_wire(value: str) -> str:
    """Header values go out as UTF-8 bytes; http.client encodes a str as Latin-1, so the bytes are spelled in that."""
    return value if value.isascii() else value.encode("utf-8", "surrogatepass").decode("latin-1")


def _connect(connection: Connection, connect_by: float) -> None:
    try:
        connection.open_until(connect_by)
    except (ssl.SSLCertVerificationError, CertificateError):
        raise OutboundFailure("tls", "The server's certificate is not valid for this host.") from None
    except TimeoutError:
        raise OutboundFailure(
            "connect", "The connection was not ready in time. Is the application reachable?"
        ) from None
    except (ssl.SSLError, HTTPError):
        raise OutboundFailure(
            "tls", "No encrypted connection could be made. Is this really an https address?"
        ) from None
    except OSError:
        raise _reset() from None


def _ask(connection: Connection, request: OutboundRequest, headers: Mapping[str, str]) -> OutboundAnswer:
    sent = time.monotonic()
    # an endpoint may refuse a long request before reading all of it: what it said is still there to be read
    with suppress(BrokenPipeError):
        path = connection.target.target
        connection.request(request.method, path, request.body, headers, preload_content=False, decode_content=False)
    response = connection.getresponse()
    with closing(response):
        body = _body(response, request.max_bytes)
    latency_ms = (time.monotonic() - sent) * 1000
    seen = {name.lower(): value for name, value in response.headers.items()}
    return OutboundAnswer(status=response.status, headers=seen, body=body, latency_ms=latency_ms)


def _body(response: BaseHTTPResponse, max_bytes: int) -> bytes:
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise OutboundFailure("encoding", "The answer is compressed although it was asked for uncompressed.")
    announced = response.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise _too_large(max_bytes)
    body = response.read(max_bytes + 1)
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    if not response.closed and response.read(1):
        raise _too_large(max_bytes)
    return body


def _too_large(max_bytes: int) -> OutboundFailure:
    return OutboundFailure("too_large", f"The answer is longer than {max_bytes:,} bytes.")


def _reset() -> OutboundFailure:
    return OutboundFailure("reset", "The endpoint closed the connection before it had answered.")


def _translated(error: Exception, timeout_s: float) -> OutboundFailure:
    if isinstance(error, TimeoutError | ReadTimeoutError):
        return OutboundFailure("timeout", f"No complete answer within {timeout_s:g} s.")
    if isinstance(error, ConnectionError | IncompleteRead | ProtocolError | ssl.SSLEOFError):
        return _reset()
    if isinstance(error, ssl.SSLError | UrllibSSLError):
        return OutboundFailure("tls", "The encrypted connection broke.")
    if isinstance(error, HTTPException):
        return OutboundFailure("reset", "What came back is not HTTP. Check the URL's port and whether it needs https.")
    return _reset()
