"""Settings › Roles: every permission by role, with those of the organization's own roles to change."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.kernel.errors import AppError
from rhesis_app.kernel.permissions import Permission
from rhesis_app.tenancy.actions.roles import RoleChanges, delete_role, make_role, update_role
from rhesis_app.tenancy.queries.members import RoleView, list_roles, view_role
from rhesis_app.tenancy.rules import grouped_permissions
from rhesis_app.web.access import needs
from rhesis_app.web.htmx import go_to
from rhesis_app.web.pages import render_page, say
from rhesis_app.web.scope import current_scope

blueprint = Blueprint("roles", __name__)


@blueprint.get("/settings/roles")
@needs(Permission.MEMBER_READ)
def index() -> Response:
    """The matrix."""
    return _page()


@blueprint.post("/settings/roles")
@needs(Permission.ROLE_MANAGE)
def create() -> Response:
    """Make a role that begins with what another one may do."""
    scope = current_scope()
    name, like = request.form.get("name", ""), request.form.get("like", "")
    beginnings = {role.name: role.permissions for role in list_roles(scope)}
    try:
        view = make_role(scope, name, beginnings.get(like, ()))
    except AppError as error:
        return _page(error=error, name=name, like=like)
    say(f"“{view.name}” is made. Tick what it may do, and save its column.")
    return go_to(url_for("roles.index"))


@blueprint.post("/settings/roles/<uuid:role_id>")
@needs(Permission.ROLE_MANAGE)
def save(role_id: UUID) -> Response:
    """Save what a role may do."""
    changes = RoleChanges(permissions=request.form.getlist("permissions"))
    return _change(role_id, changes, "“{}” was saved. It holds from the next click of whoever has it.")


@blueprint.post("/settings/roles/<uuid:role_id>/name")
@needs(Permission.ROLE_MANAGE)
def rename(role_id: UUID) -> Response:
    """Give a role another name."""
    return _change(role_id, RoleChanges(name=request.form.get("name", "")), "The role is called “{}” now.")


@blueprint.post("/settings/roles/<uuid:role_id>/delete")
@needs(Permission.ROLE_MANAGE)
def delete(role_id: UUID) -> Response:
    """Delete a role that nobody has."""
    view = view_role(current_scope(), role_id)
    try:
        delete_role(current_scope(), role_id)
    except AppError as error:
        return _refused(error)
    say(f"“{view.name}” was deleted.")
    return go_to(url_for("roles.index"))


def _change(role_id: UUID, changes: RoleChanges, words: str) -> Response:
    scope = current_scope()
    view_role(scope, role_id)
    try:
        view = update_role(scope, role_id, changes, if_match=request.form.get("etag") or None)
    except AppError as error:
        return _refused(error)
    say(words.format(view.name))
    return go_to(url_for("roles.index"))


def _refused(error: AppError) -> Response:
    said = [text for texts in error.errors.values() for text in texts]
    say(" ".join(said) or error.detail, kind="failed")
    return go_to(url_for("roles.index"))


def _page(*, error: AppError | None = None, name: str = "", like: str = "") -> Response:
    scope = current_scope()
    roles = list_roles(scope)
    views: dict[str, Any] = {
        "roles": _in_order(roles),
        "groups": grouped_permissions(),
        "mine": scope.actor.permissions,
        "beginnings": [("", "Nothing"), *((role.name, role.name) for role in roles if _is_within(role))],
        "can_manage": scope.may(Permission.ROLE_MANAGE),
        "name": name,
        "like": like or "Viewer",
        "errors": error.errors if error else {},
        "message": error.detail if error else "",
    }
    return render_page("roles/index.html", section="roles", status=error.status if error else 200, **views)


def _is_within(role: RoleView) -> bool:
    """Whether the actor may do all that the role may, and so begin another one with it."""
    return set(role.permissions) <= set(current_scope().actor.permissions)


def _in_order(roles: tuple[RoleView, ...]) -> list[RoleView]:
    """The built-in ones, then the organization's own by name."""
    return sorted(roles, key=lambda role: (not role.is_builtin, "" if role.is_builtin else role.name.lower()))
