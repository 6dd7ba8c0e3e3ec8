"""A watch over the whole suite: what every answer of the application and every line of its log may never hold."""

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException

from benchmarks.figures import Figure
from tests.people import PASSWORD, PASSWORD_HASH

TEST_KEY = "dGVzdHMgYWxvbmUgdXNlIHRoaXMgb25lLCAzMiBieXQ="
SIGNING_KEY = "a key that only the tests have and that is long enough"
HUSH = "hush-hush"
"""The secret that tests give to endpoints and models."""
CANARIES = (
    PASSWORD,
    PASSWORD_HASH,
    TEST_KEY,
    SIGNING_KEY,
    HUSH,
    "a-secret-that-was-sent",
    "seven otters read maps",
    "$argon2id$",
)
_FORMS = re.compile(r"rhx_[0-9A-Za-z]{36}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}")
# whose answers are a new credential, shown this once
SHOWN_ONCE = frozenset(
    {
        "auth.create_token",
        "auth_api.Tokens",
        "auth_api.accept",
        "auth_api.confirm_registration",
        "auth_api.login",
        "auth_api.refresh",
        "auth_api.register",
        "auth_api.switch",
        "organizations_api.switch",
        "service_accounts.create_token",
        "service_accounts_api.ServiceTokens",
    }
)
# whose answer is the form with what was pasted the moment before, the credential in its field
PASTED = frozenset({"endpoints.read_curl"})
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
_POLICY = ("default-src 'none'", "script-src 'nonce-", "base-uri 'none'", "frame-ancestors 'none'")
OUR_LOGGERS = ("rhesis_app", "flask", "werkzeug", "sqlalchemy", "rq")
_OVERLAP = 200
"""Characters of a piece that are looked at together with the next one."""


class Watch:
    """Sees all answers and all lines; what is wrong is kept with the test that was under way."""

    def __init__(self) -> None:
        self.answers = self.lines = 0
        self.headers: list[str] = []
        self.told: list[str] = []
        self.logged: list[str] = []

    @property
    def wrong(self) -> list[str]:
        """All that was seen and should not be."""
        return [*self.headers, *self.told, *self.logged]

    def figures(self) -> Iterator[Figure]:
        """What was looked at, and what was wrong with it."""
        how = "every answer of the tests of this run; the same watch fails the whole suite"
        lines = "every line of the log as it is written, and the logs that processes of the tests left"
        yield Figure("headers/answers looked at", self.answers, None, None, how)
        yield Figure("headers/answers without one of them", len(self.headers), "= 0", not self.headers, how)
        yield Figure("secrets/answers that told one", len(self.told), "= 0", not self.told, how)
        yield Figure("secrets/lines looked at", self.lines, None, None, lines)
        yield Figure("secrets/lines that told one", len(self.logged), "= 0", not self.logged, lines)

    def around(self, wsgi_app: Callable[..., Any]) -> Callable[..., Any]:
        """Flask's own entrance, watched where it is this application's."""

        def watched(app: Flask, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
            if "rhesis" not in app.extensions:
                return wsgi_app(app, environ, start_response)
            endpoint = _endpoint_of(app, environ)

            def starting(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
                self._look_at_headers(endpoint, environ, status, headers)
                return start_response(status, headers, *rest)

            return _Pieces(wsgi_app(app, environ, starting), lambda piece: self._look_at_body(endpoint, environ, piece))

        return watched

    def look_at_line(self, record: logging.LogRecord) -> None:
        """One line, as it is written."""
        if not record.name.startswith(OUR_LOGGERS):
            return
        self.lines += 1
        written = next((one for one in logging.getLogger().handlers if type(one) is logging.StreamHandler), None)
        line = written.format(record) if written is not None else record.getMessage()
        self._keep(self.logged, f"{record.name} logs {', '.join(credentials_in(line))}" if credentials_in(line) else "")

    def read_files(self, folder: Path) -> None:
        """The logs that processes of the tests have left."""
        for path in folder.rglob("*.log"):
            if path.is_file() and (found := credentials_in(path.read_text("utf-8", errors="replace"))):
                self._keep(self.logged, f"{path.name} holds {', '.join(found)}")

    def _look_at_headers(
        self, endpoint: str, environ: dict[str, Any], status: str, headers: list[tuple[str, str]]
    ) -> None:
        self.answers += 1
        there = {name.lower(): value for name, value in headers}
        missing = [name for name, value in ALWAYS.items() if there.get(name.lower()) != value]
        policy = there.get("content-security-policy", "")
        missing += [part for part in _POLICY if part not in policy]
        missing += [name for name in ("Permissions-Policy", "X-Request-ID") if not there.get(name.lower())]
        if endpoint != "static" and there.get("cache-control") != "no-store":
            missing.append("no-store")
        if "unsafe" in policy and endpoint != "docs.swagger":
            missing.append("a policy without “unsafe”")
        if missing:
            self._keep(self.headers, f"{_asked(environ)} {status} is without {', '.join(missing)}")
        said = " ".join(f"{name}: {value}" for name, value in headers if name.lower() != "set-cookie")
        if found := credentials_in(said):
            self._keep(self.told, f"{_asked(environ)} says {', '.join(found)} in a header")

    def _look_at_body(self, endpoint: str, environ: dict[str, Any], piece: str) -> None:
        found = [one for one in credentials_in(piece) if endpoint not in SHOWN_ONCE or one in CANARIES]
        found = [one for one in found if endpoint not in PASTED or one != HUSH]
        if found:
            self._keep(self.told, f"{_asked(environ)} answers with {', '.join(found)}")

    def _keep(self, where: list[str], said: str) -> None:
        if said and len(where) < 50:
            where.append(f"{os.environ.get('PYTEST_CURRENT_TEST', '')}: {said}")


class _Pieces:
    """An answer's pieces as they are asked for, each looked at together with the end of the one before."""

    def __init__(self, pieces: Iterable[bytes], look: Callable[[str], None]) -> None:
        self._pieces, self._look = pieces, look

    def __iter__(self) -> Iterator[bytes]:
        before = ""
        for piece in self._pieces:
            now = piece.decode("utf-8", errors="replace")
            self._look(before + now)
            before = now[-_OVERLAP:]
            yield piece

    def close(self) -> None:
        """As WSGI asks for."""
        if hasattr(self._pieces, "close"):
            self._pieces.close()


def credentials_in(said: str) -> list[str]:
    """The secrets of the tests that stand in a text, and what has the form of a credential."""
    return [one for one in CANARIES if one in said] + _FORMS.findall(said)[:3]


def _endpoint_of(app: Flask, environ: dict[str, Any]) -> str:
    """The endpoint that answers; empty where none does."""
    with suppress(HTTPException):
        adapter = app.create_url_adapter(app.request_class(environ))
        return str(adapter.match()[0]) if adapter is not None else ""
    return ""


def _asked(environ: dict[str, Any]) -> str:
    return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO'][:80]}"


@contextmanager
def watching(folder: Path) -> Iterator[Watch]:
    """Everything meanwhile; `folder` is where processes of the tests leave their logs."""
    watch, entrance, call_handlers = Watch(), Flask.wsgi_app, logging.Logger.callHandlers

    def see(logger: logging.Logger, record: logging.LogRecord) -> None:
        watch.look_at_line(record)
        call_handlers(logger, record)

    # a handler would be gone as soon as an application is made, which takes the log over
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flask, "wsgi_app", watch.around(entrance))
        patch.setattr(logging.Logger, "callHandlers", see)
        yield watch
    watch.read_files(folder)
