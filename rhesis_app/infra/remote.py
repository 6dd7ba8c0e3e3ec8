"""A Rhesis App server asked over its API by the command line.

Not the outbound door: its rules keep people of a shared server from reaching what that server can reach. Here whoever types
the command names the server, on their own machine and with their own token, and no database or settings are at hand.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

API: Final = "/api/v1"
_PASSING: Final = frozenset({429, 502, 503, 504})
_TIMEOUT: Final = urllib3.Timeout(connect=5, read=60)
_FIRST_S: Final = 0.5
_LONGEST_S: Final = 10.0


class Away(Exception):
    """The server did not answer for as long as we were patient, or what answers is no Rhesis App server."""


class Refused(Exception):
    """The server understood and said no; the text says why and at which field."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(slots=True)
class Server:
    """Asks one server with one token. What may pass (a restart, a limit) is tried again for `patience_s` seconds.

    So every request must bear being sent twice: those that start something carry an Idempotency-Key.
    """

    url: str
    token: str = field(repr=False)
    patience_s: float = 120.0
    say: Callable[[str], None] = lambda _text: None
    _pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(timeout=_TIMEOUT, retries=False))

    def get(self, path: str, **query: Any) -> Any:
        """What is there, as JSON."""
        return self._json(self._ask("GET", _with_query(path, query)))

    def every(self, path: str, **query: Any) -> Iterator[Any]:
        """A list's rows, page after page."""
        address: str | None = _with_query(path, {**query, "limit": 200})
        while address is not None:
            answer = self._ask("GET", address)
            yield from self._json(answer)
            address = _next_page(answer.headers.get("Link", ""))

    def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None) -> Any:
        """What was made, as JSON; with `key` a repeated request makes nothing twice."""
        headers = {"Idempotency-Key": key} if key else {}
        return self._json(self._ask("POST", path, body={} if body is None else body, headers=headers))

    def download(self, path: str, file: BinaryIO, **query: Any) -> None:
        """Write what is there into `file`."""
        file.write(self._ask("GET", _with_query(path, query)).data)

    def _ask(
        self, method: str, path: str, *, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> urllib3.BaseHTTPResponse:
        until, wait, told = time.monotonic() + self.patience_s, _FIRST_S, False
        while True:
            answer, trouble = self._once(method, path, body, headers or {})
            if answer is not None:
                return answer
            pause = max(wait, trouble.after_s)
            if time.monotonic() + pause > until:
                raise Away(trouble.sentence)
            if not told:
                self.say(f"{trouble.sentence} Trying again for up to {self.patience_s:g} s.")
                told = True
            time.sleep(pause)
            wait = min(wait * 2, _LONGEST_S)

    def _once(
        self, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> tuple[urllib3.BaseHTTPResponse | None, "_Trouble"]:
        sent = {"Authorization": f"Bearer {self.token}", "Accept": "application/json", **headers}
        raw = None if body is None else json.dumps(body).encode()
        if raw is not None:
            sent["Content-Type"] = "application/json"
        try:
            answer = self._pool.request(method, f"{self.url}{API}{path}", body=raw, headers=sent, redirect=False)
        except HTTPError as error:
            return None, _Trouble(f"{self.url} does not answer ({type(error).__name__}).")
        if answer.status in _PASSING:
            return None, _Trouble(f"{self.url} answers {answer.status} for now.", _seconds(answer))
        if answer.status >= 500:
            return None, _Trouble(f"{self.url} answers {answer.status}.")
        if 300 <= answer.status < 400:
            raise Away(f"{self.url} sends elsewhere: {_origin(answer)}. Give that address if it is the server's.")
        if answer.status >= 400:
            raise Refused(answer.status, _problem(answer))
        return answer, _Trouble("")

    def _json(self, answer: urllib3.BaseHTTPResponse) -> Any:
        try:
            return json.loads(answer.data)
        except ValueError:
            raise Away(f"What answers at {self.url} is no Rhesis App server.") from None


@dataclass(frozen=True, slots=True)
class _Trouble:
    sentence: str
    after_s: float = 0.0


def _with_query(path: str, query: Mapping[str, Any]) -> str:
    kept = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(kept)}" if kept else path


def _next_page(link: str) -> str | None:
    for part in link.split(", "):
        address, _, relation = part.partition(">; ")
        if relation == 'rel="next"':
            return address.removeprefix("<").removeprefix(API)
    return None


def _seconds(answer: urllib3.BaseHTTPResponse) -> float:
    asked = answer.headers.get("Retry-After", "")
    return min(float(asked), 60.0) if asked.isdecimal() else 0.0


def _origin(answer: urllib3.BaseHTTPResponse) -> str:
    found = urlsplit(answer.headers.get("Location", ""))
    return f"{found.scheme}://{found.netloc}" if found.netloc else "somewhere else on the same host"


def _problem(answer: urllib3.BaseHTTPResponse) -> str:
    """A problem's words: what is wrong at which field, else what to do about the whole."""
    try:
        told = json.loads(answer.data)
    except ValueError:
        told = None
    if not isinstance(told, dict) or "detail" not in told:
        return f"The server answered {answer.status}, and not as a Rhesis App server does."
    errors = told.get("errors") or {}
    fields = [f"{name}: {' '.join(texts)}" for name, texts in errors.items()]
    return " ".join(fields) or str(told["detail"])
