"""Errors leave as problem JSON under /api and as a page elsewhere; never with an exception's text."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

import orjson
from flask import Flask, Response, current_app, g, redirect, render_template, request
from flask_limiter import RateLimitExceeded
from sqlalchemy.exc import DataError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft
from werkzeug.exceptions import HTTPException, SecurityError

from rhesis_app.kernel.errors import AppError, Conflict, TooMany, Unauthenticated
from rhesis_app.kernel.scope import Scope
from rhesis_app.web.limits import pause_s
from rhesis_app.web.scope import current_scope
from rhesis_app.web.shell import BareShell, ErrorPage

FindElsewhere = Callable[[Scope, str], tuple[tuple[UUID, str], ...]]
_log = logging.getLogger(__name__)
_SAID = {
    400: "The request could not be read. Check its form and send it again.",
    404: "There is nothing at this address. Check it, or start again from the overview.",
    405: "This address does not take that method.",
    413: "This is larger than the 12 MB that are taken at once. Send less, or split it.",
    415: "Send the body as application/json.",
    429: "Too many requests in a short time. Wait a little, then go on.",
}


def problem(status: int, title: str, detail: str, *, errors: dict[str, list[str]] | None = None) -> Response:
    """One RFC 9457 document, the only shape of an API error."""
    document: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    if errors:
        document["errors"] = errors
    document["request_id"] = g.get("request_id", "")
    return Response(orjson.dumps(document), status=status, content_type="application/problem+json")


def register_errors(app: Flask) -> None:
    """Take over every error, after the API extension registered its own app-wide handler."""
    app.register_error_handler(AppError, _app_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(RateLimitExceeded, _past_limit)
    app.register_error_handler(SecurityError, _wrong_host)
    app.register_error_handler(OperationalError, _database_away)
    app.register_error_handler(NoConnectionLeft, _database_away)
    app.register_error_handler(DataError, _refused_by_database)
    app.register_error_handler(Exception, _unexpected)


def wants_json() -> bool:
    """Whether the error belongs to the API rather than to a person's page."""
    return request.path.startswith("/api/")


def _app_error(error: AppError) -> Response:
    if isinstance(error, Unauthenticated) and not wants_json():
        return _to_login()
    response = _answer(error.status, error.title, error.detail, error.errors)
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, Unauthenticated):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:
        return Response(error.get_body(), status=status, headers=list(error.get_headers()))
    title = HTTPStatus(status).phrase.capitalize()
    response = _answer(status, title, _SAID.get(status, "The request was refused."), {})
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


def _past_limit(error: RateLimitExceeded) -> Response:
    most = error.limit.limit.amount
    return _app_error(
        TooMany(
            f"More than {most} requests a minute. Wait as long as Retry-After says, then go on.",
            retry_after_s=pause_s(),
        )
    )


def _wrong_host(_error: SecurityError) -> Response:
    """Without any address of ours: none can be made for a name that is not ours, and a page is full of them."""
    title, detail = (
        "Unknown host",
        "This instance does not answer to this name. Whoever runs it sets RHESIS_TRUSTED_HOSTS.",
    )
    if wants_json():
        return problem(400, title, detail)
    said = f"{title}\n\n{detail}\nRequest id: {g.get('request_id', '')}\n"
    return Response(said, status=400, content_type="text/plain; charset=utf-8")


def _database_away(_error: OperationalError | NoConnectionLeft) -> Response:
    _log.exception("the database did not answer", extra={"path": request.path})
    response = _answer(
        503, "Not available right now", "The database does not answer. Try again in a moment; nothing was lost.", {}
    )
    response.headers["Retry-After"] = "5"
    return response


def _refused_by_database(_error: DataError) -> Response:
    _log.warning("the database refused a value")
    if any(_names_nothing(part) for part in (request.view_args or {}).values()):
        return _answer(404, HTTPStatus.NOT_FOUND.phrase.capitalize(), _SAID[404], {})
    return _answer(
        422,
        "Please correct what was sent",
        "A value is out of range, too long, or holds characters that cannot be stored.",
        {},
    )


def _names_nothing(part: Any) -> bool:
    """Whether this part of an address is a text or number that no row can have."""
    return "\x00" in part if isinstance(part, str) else isinstance(part, int) and part >= 2**31


def _unexpected(_error: Exception) -> Response:
    _log.exception("unexpected error")
    detail = "Something went wrong on our side. Try again; if it stays, tell your administrator the request id."
    return _answer(500, "Something went wrong", detail, {})


def _answer(status: int, title: str, detail: str, errors: dict[str, list[str]]) -> Response:
    if wants_json():
        return problem(status, title, detail, errors=errors)
    if request.headers.get("HX-Request"):
        page = render_template("errors/_problem.html", error=_page(status, title, detail, errors))
        return Response(page, status=status)
    page = render_template(
        "errors/page.html", shell=BareShell(nonce=g.get("nonce", "")), error=_page(status, title, detail, errors)
    )
    return Response(page, status=status)


def _page(status: int, title: str, detail: str, errors: dict[str, list[str]]) -> ErrorPage:
    said = [text for texts in errors.values() for text in texts if text != detail]
    return ErrorPage(
        status=status,
        title=title,
        detail=" ".join([detail, *said]),
        request_id=g.get("request_id", ""),
        links=(*_elsewhere(status), ("Go to the start page", "/")),
    )


def _elsewhere(status: int) -> tuple[tuple[str, str], ...]:
    """Ways to the reader's other organizations that have a project at this address: what is looked for may be there."""
    slug = (request.view_args or {}).get("slug")
    if status != 404 or request.method != "GET" or not isinstance(slug, str) or g.get("identity") is None:
        return ()
    find: FindElsewhere = current_app.extensions["rhesis_elsewhere"]
    try:
        found = find(current_scope(), slug)
    except SQLAlchemyError:
        return ()  # what the database refused just now it refuses again
    onwards = urlencode({"next": request.full_path.rstrip("?")})
    return tuple((f"Look in {name}", f"/organizations?{onwards}#organization-{there}") for there, name in found)


def _to_login() -> Response:
    """Send a person to the login page, and back afterwards; HTMX follows by its own header."""
    here = request.full_path.rstrip("?") if request.method == "GET" else "/"
    target = "/login" if here == "/" else f"/login?next={quote(here, safe='/')}"
    if request.headers.get("HX-Request"):
        return Response("", status=401, headers={"HX-Redirect": target})
    answer = redirect(target, 303)
    return Response(answer.get_data(), status=303, headers={"Location": target})


def integrity_conflict(constraint: str | None, known: dict[str, Conflict]) -> Conflict:
    """The conflict that a violated constraint stands for; a neutral one when it is not known."""
    return known.get(
        constraint or "", Conflict("This collides with something that is already there. Reload and try again.")
    )
