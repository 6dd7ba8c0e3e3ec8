"""The page of the second factor: off, waiting for a first code, or on."""

from typing import Any

import segno
from flask import Blueprint, Response, request, url_for

from rhesis_app.auth.actions import second_factor
from rhesis_app.auth.actions.proof import Proof
from rhesis_app.auth.queries import recovery_codes_left, view_me
from rhesis_app.kernel.errors import AppError, Conflict, Invalid, TooMany
from rhesis_app.web.access import needs_sign_in
from rhesis_app.web.htmx import go_to
from rhesis_app.web.pages import render_page, say
from rhesis_app.web.scope import current_identity, current_scope, runtime

blueprint = Blueprint("second_factor", __name__)


@blueprint.get("/settings/profile/second-factor")
@needs_sign_in
def index() -> Response:
    """How it stands, and what can be done."""
    return _page()


@blueprint.post("/settings/profile/second-factor")
@needs_sign_in
def begin() -> Response:
    """Make a secret, and show it."""
    try:
        second_factor.begin_setup(runtime(), current_scope(), current_identity().session_id)
    except Conflict as error:
        return _refused(error)
    return go_to(url_for("second_factor.index"))


@blueprint.post("/settings/profile/second-factor/confirm")
@needs_sign_in
def confirm() -> Response:
    """Turn it on, and show the recovery codes once."""
    try:
        codes = second_factor.confirm_setup(runtime(), current_scope(), current_identity().session_id, _proof())
    except (Invalid, TooMany) as error:
        return _page(error=error, form="confirm")
    except Conflict as error:
        return _refused(error)
    return _page(codes=codes)


@blueprint.post("/settings/profile/second-factor/recovery-codes")
@needs_sign_in
def renew() -> Response:
    """New recovery codes, shown once."""
    try:
        codes = second_factor.renew_recovery_codes(runtime(), current_scope(), current_identity().session_id, _proof())
    except (Invalid, TooMany) as error:
        return _page(error=error, form="renew")
    except Conflict as error:
        return _refused(error)
    return _page(codes=codes)


@blueprint.post("/settings/profile/second-factor/off")
@needs_sign_in
def off() -> Response:
    """Turn it off."""
    try:
        second_factor.turn_off(runtime(), current_scope(), current_identity().session_id, _proof())
    except (Invalid, TooMany) as error:
        return _page(error=error, form="off")
    except Conflict as error:
        return _refused(error)
    say("Two-factor authentication is off. Your password is enough again.")
    return go_to(url_for("profile.index"))


def _proof() -> Proof:
    return Proof(password=request.form.get("password", ""), code=request.form.get("code", ""))


def _refused(error: Conflict) -> Response:
    say(error.detail, kind="failed")
    return go_to(url_for("second_factor.index"))


def _page(*, codes: tuple[str, ...] = (), error: AppError | None = None, form: str = "") -> Response:
    scope = current_scope()
    is_on = view_me(scope).user.totp
    setup = None if is_on else second_factor.open_setup(runtime(), scope, current_identity().session_id)
    said: dict[str, Any] = {"errors": {}, "message": ""}
    if error is not None:
        said = {"errors": error.errors, "message": "" if error.errors else error.detail}
    return render_page(
        "profile/second_factor.html",
        section="profile",
        status=error.status if error is not None else 200,
        is_on=is_on,
        codes=codes,
        codes_left=recovery_codes_left(scope) if is_on else 0,
        secret=setup.secret if setup else "",
        picture=_picture(setup.address) if setup else "",
        form=form,
        **said,
    )


def _picture(address: str) -> str:
    """A QR code as a picture in the page itself, on white with a margin, as cameras need it."""
    made = segno.make(address, error="m", micro=False)
    return str(made.svg_data_uri(scale=5, border=4, dark="#000", light="#fff", xmldecl=False))
