"""What an endpoint's plain fields may hold: headers, bounds, authentication."""

import re
from base64 import b64encode
from collections.abc import Mapping

from rhesis_app.kernel.urls import UrlProblem, origin_of, parse_url

METHODS = ("POST", "GET", "PUT", "PATCH", "DELETE")
AUTH_KINDS = ("none", "bearer", "basic", "header")
TIMEOUT_S = (1, 600)
# a run asks from as many slices as it needs, each with its own threads; past this a limit limits nothing
MAX_CONCURRENCY = (1, 1000)
MAX_HEADERS = 40

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_VALUE_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SECRET_NAMES = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
_SECRET_ENDINGS = ("-key", "_key", "-token", "-secret", "apikey")
_OURS = frozenset({
    "host", "connection", "content-length", "transfer-encoding", "accept-encoding", "expect", "upgrade", "te",
    "trailer", "keep-alive", "idempotency-key", "x-attempt",
})  # fmt: skip


def carries_secret(header: str) -> bool:
    """Whether a header of this name belongs under authentication, where its value is encrypted."""
    name = header.lower()
    return name not in _OURS and (name in _SECRET_NAMES or name.endswith(_SECRET_ENDINGS))


def is_ours(header: str) -> bool:
    """Whether the sender itself sets this header."""
    return header.lower() in _OURS


def header_problems(headers: Mapping[str, object]) -> list[str]:
    """What is wrong with the endpoint's own headers; empty when they may be sent."""
    if len(headers) > MAX_HEADERS:
        return [f"At most {MAX_HEADERS} headers can be sent."]
    found = [problem for name, value in headers.items() if (problem := _header_problem(name, value))]
    lowered = [name.lower() for name in headers]
    return found + [f"The header {name} is given twice." for name in sorted(set(lowered)) if lowered.count(name) > 1]


def _header_problem(name: str, value: object) -> str | None:
    if not _NAME.match(name):
        return f"“{name[:60]}” is not a header name."
    if is_ours(name):
        return f"{name} is set by the sender itself. Remove it."
    if carries_secret(name):
        return f"{name} carries a secret. Enter it under authentication, where it is encrypted."
    return _value_problem(name, value)


def _value_problem(name: str, value: object) -> str | None:
    if not isinstance(value, str):
        return f"The value of {name} must be a text."
    if _VALUE_FORBIDDEN.search(value):
        return f"The value of {name} holds a line break or a control character."
    return f"The value of {name} is longer than 4,096 characters." if len(value) > 4096 else None


def url_problem(url: str) -> str | None:
    """What is wrong with the URL's form; whether its address may be called is the door's to say."""
    try:
        parse_url(url)
    except UrlProblem as problem:
        return str(problem)
    return None


def bounds_problem(value: int, bounds: tuple[int, int]) -> str | None:
    """What is wrong with a number that has bounds."""
    low, high = bounds
    return None if low <= value <= high else f"Choose a number from {low} to {high:,}."


def auth_problem(kind: str, header: str | None, secret: str | None) -> tuple[str, str] | None:
    """(field, message) when this authentication cannot be sent; `secret` None means: keep the stored one."""
    if kind not in AUTH_KINDS:
        return "kind", f"Choose one of {', '.join(AUTH_KINDS)}."
    if kind == "header" and not (header and _NAME.match(header) and not is_ours(header)):
        return "header", "Name the header that carries the secret, such as X-Api-Key."
    if secret is None or kind == "none":
        return None
    if not secret or _VALUE_FORBIDDEN.search(secret):
        return "secret", "The secret is empty or holds a line break or a control character."
    if kind == "basic" and ":" not in secret:
        return "secret", "Write user name and password as user:password."
    return None


def auth_headers(kind: str, header: str | None, secret: str) -> dict[str, str]:
    """The header that carries the secret."""
    if kind == "bearer":
        return {"Authorization": f"Bearer {secret}"}
    if kind == "basic":
        return {"Authorization": "Basic " + b64encode(secret.encode()).decode("ascii")}
    return {header: secret} if kind == "header" and header else {}


__all__ = [
    "AUTH_KINDS",
    "MAX_CONCURRENCY",
    "METHODS",
    "TIMEOUT_S",
    "auth_headers",
    "auth_problem",
    "bounds_problem",
    "carries_secret",
    "header_problems",
    "is_ours",
    "origin_of",
    "url_problem",
]
