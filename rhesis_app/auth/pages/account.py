"""The pages of one's own e-mail address, and of the end of one's account."""

from typing import Any

from flask import Blueprint, Response, request, url_for

from rhesis_app.auth.actions.address import UNSENT, ask_to_change, ask_to_verify, confirm_address, look_at_link
from rhesis_app.auth.actions.deactivate import deactivate as deactivate_account
from rhesis_app.auth.actions.proof import Proof
from rhesis_app.auth.queries import view_me
from rhesis_app.kernel.errors import AppError, Conflict, Invalid, NotFound, TooMany
from rhesis_app.tenancy.actions.members import sole_owner_of
from rhesis_app.web.access import needs_sign_in
from rhesis_app.web.htmx import go_to
from rhesis_app.web.pages import render_page, say
from rhesis_app.web.scope import current_identity, current_scope, runtime
from rhesis_app.web.tokens import clear_session_cookie

blueprint = Blueprint("account", __name__)


@blueprint.get("/settings/profile/email")
@needs_sign_in
def email() -> Response:
    """The address, whether it is confirmed, and the form of another one."""
    return _email_page()


@blueprint.post("/settings/profile/email")
@needs_sign_in
def change_email() -> Response:
    """Send a link to another address."""
    wanted = request.form.get("email", "")
    try:
        address = ask_to_change(runtime(), current_scope(), current_identity().session_id, _proof(), wanted)
    except (Invalid, Conflict, TooMany) as error:
        return _email_page(wanted, error=error)
    say(f"A letter with a link is on its way to {address}.")
    return go_to(url_for("profile.index"))


@blueprint.post("/settings/profile/email/verify")
@needs_sign_in
def verify_email() -> Response:
    """Send a link to the address that there is."""
    try:
        address = ask_to_verify(runtime(), current_scope(), current_identity().session_id)
    except (Conflict, TooMany) as error:
        return _email_page(error=error)
    say(f"A letter with a link is on its way to {address}.")
    return go_to(url_for("profile.index"))


@blueprint.get("/settings/profile/email/<token>")
@needs_sign_in
def show_link(token: str) -> Response:
    """What a link would do; looking does not use it up."""
    try:
        address = look_at_link(current_scope(), current_identity().session_id, token)
    except NotFound as error:
        return _ended(error)
    before = view_me(current_scope()).user.email
    return render_page(
        "profile/confirm_email.html", section="profile", token=token, address=address, before=before, ended=""
    )


@blueprint.post("/settings/profile/email/<token>")
@needs_sign_in
def use_link(token: str) -> Response:
    """Use it."""
    try:
        me = confirm_address(current_scope(), current_identity().session_id, token)
    except (NotFound, Conflict) as error:
        return _ended(error)
    say(f"Your address {me.user.email} is confirmed.")
    return go_to(url_for("profile.index"))


@blueprint.get("/settings/profile/deactivate")
@needs_sign_in
def ask_to_deactivate() -> Response:
    """What ends with the account, and the form that ends it."""
    return _deactivate_page()


@blueprint.post("/settings/profile/deactivate")
@needs_sign_in
def deactivate() -> Response:
    """End it."""
    typed = request.form.get("email", "")
    try:
        deactivate_account(runtime(), current_scope(), current_identity().session_id, _proof(), typed)
    except (Invalid, Conflict, TooMany) as error:
        return _deactivate_page(typed, error=error)
    say("Your account is deactivated. Whoever runs this server can bring it back.")
    response = go_to(url_for("auth.login"))
    clear_session_cookie(response)
    return response


def _proof() -> Proof:
    return Proof(password=request.form.get("password", ""), code=request.form.get("code", ""))


def _said(error: AppError | None) -> dict[str, Any]:
    if error is None:
        return {"status": 200, "errors": {}, "message": ""}
    return {"status": error.status, "errors": error.errors, "message": "" if error.errors else error.detail}


def _email_page(typed: str = "", *, error: AppError | None = None) -> Response:
    scope = current_scope()
    unsent = "" if "link" in scope.channels else UNSENT
    me = view_me(scope)
    return render_page("profile/email.html", section="profile", me=me, typed=typed, unsent=unsent, **_said(error))


def _deactivate_page(typed: str = "", *, error: AppError | None = None) -> Response:
    scope = current_scope()
    return render_page(
        "profile/deactivate.html",
        section="profile",
        typed=typed,
        me=view_me(scope),
        solely_owned=tuple(name for _, name in sole_owner_of(scope)),
        **_said(error),
    )


def _ended(error: AppError) -> Response:
    return render_page("profile/confirm_email.html", section="profile", status=error.status, ended=error.detail)
