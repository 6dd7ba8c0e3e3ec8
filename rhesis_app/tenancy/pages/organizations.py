"""The organizations one belongs to: switch, leave, make another."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.auth.actions.sessions import switch_organization
from rhesis_app.kernel.errors import AppError, Conflict, Invalid
from rhesis_app.kernel.permissions import Permission
from rhesis_app.tenancy.actions.members import leave as leave_organization
from rhesis_app.tenancy.actions.organizations import found_another
from rhesis_app.tenancy.queries.organizations import list_organizations
from rhesis_app.web.access import needs_sign_in
from rhesis_app.web.htmx import go_to
from rhesis_app.web.pages import render_page, safe_next, say
from rhesis_app.web.scope import current_identity, current_scope, runtime
from rhesis_app.web.tokens import life_until, make_token, set_session_cookie

blueprint = Blueprint("organizations", __name__)


@blueprint.get("/organizations")
@needs_sign_in
def index() -> Response:
    """Those one belongs to, the active one marked."""
    return _page()


@blueprint.post("/organizations")
@needs_sign_in
def create() -> Response:
    """Make another one and go there."""
    name = request.form.get("name", "")
    try:
        made = found_another(runtime(), current_scope(), name)
    except (Invalid, Conflict) as error:
        return _page(status=error.status, name=name, errors=error.errors, message=error.detail)
    say("It is ready: make a project, and invite your colleagues.")
    return _switch(made, "/")


@blueprint.post("/organizations/<uuid:organization_id>/switch")
@needs_sign_in
def switch(organization_id: UUID) -> Response:
    """Work in another one from now on."""
    return _switch(organization_id, safe_next(request.form.get("next")))


@blueprint.post("/organizations/<uuid:organization_id>/leave")
@needs_sign_in
def leave(organization_id: UUID) -> Response:
    """Give up one's place in the active one; another one becomes active, or one is signed out."""
    scope = current_scope()
    left = next((one for one in list_organizations(scope) if one.id == organization_id), None)
    try:
        leave_organization(scope, organization_id)
    except Conflict as error:
        return _refused(error)
    if left is not None:
        say(f"You have left {left.name}.")
    return go_to("/login")


def _switch(organization_id: UUID, target: str) -> Response:
    entered = switch_organization(runtime(), current_scope(), current_identity().session_id, organization_id)
    response = go_to(target)
    life = life_until(entered.expires_at)
    token = make_token(entered.user_id, entered.organization_id, entered.session_id, entered.permissions, life=life)
    set_session_cookie(response, token, expires_at=entered.expires_at, stay=entered.stays)
    return response


def _refused(error: AppError) -> Response:
    said = [text for texts in error.errors.values() for text in texts]
    say(" ".join(said) or error.detail, kind="failed")
    return go_to(url_for("organizations.index"))


def _page(*, status: int = 200, **said: Any) -> Response:
    scope = current_scope()
    return render_page(
        "organizations/index.html",
        section="organizations",
        status=status,
        organizations=list_organizations(scope),
        can_change=scope.may(Permission.ORGANIZATION_UPDATE),
        next=safe_next(request.args.get("next"), ""),
        name=said.get("name", ""),
        errors=said.get("errors", {}),
        message=said.get("message", ""),
        now=scope.now,
    )
