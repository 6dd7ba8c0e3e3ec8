"""The page behind an invitation's link."""

from dataclasses import dataclass

from flask import Blueprint, Response, request

from rhesis_app.auth.actions.accept import Acceptance, OpenInvitation, accept_invitation, look_at_invitation
from rhesis_app.auth.actions.proof import CodeNeeded
from rhesis_app.auth.pages.entering import client_of_request, enter
from rhesis_app.kernel.errors import AppError, Invalid, NotFound
from rhesis_app.web.pages import render_bare, say
from rhesis_app.web.scope import runtime

blueprint = Blueprint("invitations", __name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptForm:
    """What was typed, without the password."""

    name: str = ""


@blueprint.get("/invitations/<token>")
def show(token: str) -> Response:
    """Who invites, where to, and what is needed to join; or why the link leads nowhere any more."""
    try:
        return _page(token, look_at_invitation(runtime(), token), AcceptForm())
    except NotFound as error:
        return _ended(error)


@blueprint.post("/invitations/<token>")
def accept(token: str) -> Response:
    """Join."""
    form = AcceptForm(name=request.form.get("name", ""))
    acceptance = Acceptance(
        token=token, name=form.name, password=request.form.get("password", ""), code=request.form.get("code", "")
    )
    try:
        invitation = look_at_invitation(runtime(), token)
    except NotFound as error:
        return _ended(error)
    try:
        made = accept_invitation(runtime(), acceptance, client_of_request())
    except NotFound as error:
        return _ended(error)
    except (CodeNeeded, Invalid) as error:
        return _page(token, invitation, form, status=error.status, errors=error.errors)
    except AppError as error:
        return _page(token, invitation, form, status=error.status, message=error.detail)
    say(f"Welcome to {invitation.organization}.")
    return enter(made, "/", stay=False)


def _page(
    token: str, invitation: OpenInvitation, form: AcceptForm, *, status: int = 200, **said: str | dict[str, list[str]]
) -> Response:
    views = {"errors": {}, "message": "", **said}
    return render_bare("auth/invitation.html", status=status, token=token, invitation=invitation, form=form, **views)


def _ended(error: NotFound) -> Response:
    return render_bare("auth/invitation_ended.html", status=error.status, detail=error.detail)
