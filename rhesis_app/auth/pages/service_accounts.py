"""Service accounts: made from the page of API tokens, each with a page of its own."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.auth.actions import service_accounts as actions
from rhesis_app.auth.forms import TokenForm, token_form, token_from
from rhesis_app.auth.pages.token_rows import FreshToken, token_views
from rhesis_app.auth.queries import list_service_tokens, view_service_account
from rhesis_app.kernel.errors import AppError, Conflict, Forbidden, Invalid
from rhesis_app.kernel.paging import MAX_LIMIT, PageRequest
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.queries import get_project
from rhesis_app.tenancy.queries.members import RoleView, list_roles
from rhesis_app.web.access import needs
from rhesis_app.web.htmx import go_to
from rhesis_app.web.pages import render_page, say
from rhesis_app.web.scope import current_scope

blueprint = Blueprint("service_accounts", __name__)


@blueprint.post("/settings/service-accounts")
@needs(Permission.MEMBER_MANAGE)
def create() -> Response:
    """Make one, and go on to its tokens."""
    try:
        name, role = request.form.get("name", ""), request.form.get("role", "")
        view = actions.create_service_account(current_scope(), name, role)
    except (Invalid, Conflict) as error:
        return _refused(error, url_for("auth.tokens"))
    say(f"{view.name} was made. It has no token yet.")
    return go_to(_address(view.id))


@blueprint.get("/settings/service-accounts/<uuid:account_id>")
@needs(Permission.MEMBER_MANAGE)
def show(account_id: UUID) -> Response:
    """One account and its tokens."""
    return _page(account_id, TokenForm())


@blueprint.post("/settings/service-accounts/<uuid:account_id>")
@needs(Permission.MEMBER_MANAGE)
def save(account_id: UUID) -> Response:
    """Change name and role, or switch it off and on."""
    wanted: dict[str, Any] = {name: request.form[name] for name in ("name", "role") if name in request.form}
    if "is_active" in request.form:
        wanted["is_active"] = request.form["is_active"] == "true"
    try:
        view = actions.update_service_account(current_scope(), account_id, **wanted)
    except (Invalid, Conflict) as error:
        return _refused(error, _address(account_id))
    say(
        f"{view.name} was saved."
        if "is_active" not in wanted
        else f"{view.name} is {'on' if view.is_active else 'off'} now."
    )
    return go_to(_address(account_id))


@blueprint.post("/settings/service-accounts/<uuid:account_id>/delete")
@needs(Permission.MEMBER_MANAGE)
def delete(account_id: UUID) -> Response:
    """End it."""
    scope = current_scope()
    name = view_service_account(scope, account_id).name
    actions.delete_service_account(scope, account_id)
    say(f"{name} was deleted, and its tokens have ended.")
    return go_to(url_for("auth.tokens"))


@blueprint.post("/settings/service-accounts/<uuid:account_id>/tokens")
@needs(Permission.MEMBER_MANAGE)
def create_token(account_id: UUID) -> Response:
    """Make a token and show its secret once."""
    scope, form = current_scope(), token_form(request.form)
    try:
        wanted = token_from(request.form, _held(list_roles(scope), view_service_account(scope, account_id).role))
        if wanted.project_id is not None:
            get_project(scope, wanted.project_id)
        view, secret = actions.create_service_token(scope, account_id, wanted)
    except (Invalid, Conflict, Forbidden) as error:
        return _page(account_id, form, errors=error.errors, message=error.detail, status=error.status)
    return _page(account_id, TokenForm(), fresh=FreshToken(name=view.name, secret=secret), status=201)


@blueprint.post("/settings/service-accounts/<uuid:account_id>/tokens/<uuid:token_id>/revoke")
@needs(Permission.MEMBER_MANAGE)
def revoke_token(account_id: UUID, token_id: UUID) -> Response:
    """End one of its tokens."""
    view = actions.revoke_service_token(current_scope(), account_id, token_id)
    say(f"“{view.name}” was revoked.")
    return go_to(_address(account_id))


def service_roles(roles: Iterable[RoleView]) -> tuple[tuple[str, str], ...]:
    """(value, label) of those of the roles that the actor may give to a program, those that may least first."""
    given = [one for one in roles if one.can_grant and Permission.ORGANIZATION_DELETE not in one.permissions]
    return tuple((role.name, role.name) for role in reversed(given))


def _held(roles: Iterable[RoleView], name: str) -> frozenset[Permission]:
    """What an account of that role may do."""
    return frozenset(Permission(one) for role in roles if role.name == name for one in role.permissions)


def _address(account_id: UUID) -> str:
    return url_for("service_accounts.show", account_id=account_id)


def _refused(error: AppError, address: str) -> Response:
    say(" ".join(text for texts in error.errors.values() for text in texts) or error.detail, kind="error")
    return go_to(address)


def _page(account_id: UUID, form: TokenForm, *, status: int = 200, **said: Any) -> Response:
    scope = current_scope()
    account, roles = view_service_account(scope, account_id), list_roles(scope)
    tokens = list_service_tokens(scope, account_id, PageRequest(limit=MAX_LIMIT)).items
    return render_page(
        "auth/service_account.html",
        section="tokens",
        status=status,
        account=account,
        roles=service_roles(roles),
        **token_views(scope, tokens, form, _held(roles, account.role), **said),
    )
