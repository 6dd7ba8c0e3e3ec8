"""After a refusal was sent: what of it belongs in the audit log is written there, by nobody's waiting."""

import logging
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final
from uuid import UUID

from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import HTTPException

from rhesis_app.auth.actions.refusals import Asked, note_acceptance, note_sign_in, note_strangers, note_token
from rhesis_app.auth.rules import is_api_token
from rhesis_app.kernel.host import Host
from rhesis_app.sdk.params import is_storable
from rhesis_app.web.scope import Identity, runtime

Note = Callable[[Host], None]
_SIGN_INS: Final = frozenset({"auth.submit_login", "auth_api.login"})
_ACCEPTANCES: Final = frozenset({"invitations.accept", "auth_api.accept"})
_REFUSED: Final = frozenset({401, 429})
# what looking for a row that is not there can be answered with
_NOT_THERE: Final = frozenset({404, 409, 422})
_ID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MOST_IDS: Final = 100
_LONGEST: Final = 200_000
_log = logging.getLogger(__name__)


def register_refusals(app: Flask) -> None:
    """Look at every answer that refuses; what is noted is noted when it has left."""

    @app.after_request
    def _watch(response: Response) -> Response:
        if response.status_code < 400 or request.url_rule is None:
            return response
        try:
            note = _note(response.status_code)
        except HTTPException:
            return response  # what was sent cannot be read, be it for its size
        if note is not None:
            response.call_on_close(partial(_write, note, runtime()))
        return response


def _write(note: Note, host: Host) -> None:
    try:
        note(host)
    except Exception:  # noqa: BLE001 the answer has left: nobody is there to be told
        _log.exception("a refusal could not be noted in the audit log")


def _note(status: int) -> Note | None:
    """What to note of this request; None where it is nobody's business, or a flood that the rate limit has turned away."""
    asked = Asked(method=request.method, rule=str(request.url_rule), ip=request.remote_addr)
    identity: Identity | None = g.get("identity")
    if identity is not None:
        ids = _ids() if status in _NOT_THERE else ()
        return partial(_strangers, identity, ids, asked) if ids else None
    if status not in _REFUSED or _is_past_limit():
        return None
    if request.endpoint in _SIGN_INS:
        return _of_text("email", note_sign_in, asked, is_throttled=status == 429)
    if request.endpoint in _ACCEPTANCES:
        return _of_text("token", note_acceptance, asked, is_throttled=status == 429)
    if request.endpoint == "auth_api.refresh":
        return _of_text("refresh_token", note_token, asked)
    secret = request.headers.get("Authorization", "").partition(" ")[2].strip()
    return (lambda host: note_token(host, secret, asked)) if is_api_token(secret) else None


def _strangers(identity: Identity, ids: tuple[UUID, ...], asked: Asked, host: Host) -> None:
    note_strangers(host, identity.actor, ids, asked)


def _of_text(name: str, note: Callable[..., None], asked: Asked, **more: Any) -> Note | None:
    """Note by one text of what was sent: of its form, its JSON, or its address."""
    sent: Any = request.get_json(silent=True) if request.is_json else request.form
    told = sent.get(name) if isinstance(sent, Mapping) else None
    said = told or (request.view_args or {}).get(name)
    return (lambda host: note(host, said, asked, **more)) if isinstance(said, str) and is_storable(said) else None


def _ids() -> tuple[UUID, ...]:
    """The ids that stand in the address or in what was sent."""
    body = request.get_data()[:_LONGEST].decode("utf-8", "replace") if request.is_json else ""
    said = " ".join([request.full_path, body, *request.form.values()])
    return tuple({UUID(found) for found in _ID.findall(said)})[:_MOST_IDS]


def _is_past_limit() -> bool:
    limits = (limiter.current_limit for limiter in current_app.extensions.get("limiter", ()))
    return any(limit is not None and limit.breached for limit in limits)
