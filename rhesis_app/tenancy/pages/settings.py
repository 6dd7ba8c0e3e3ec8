"""Settings › Organization: its name, and for owners its next owner and its end."""

from typing import Any

from flask import Blueprint, Response, request, url_for

from rhesis_app.kernel.errors import AppError, Conflict, Forbidden, Invalid
from rhesis_app.kernel.permissions import OWNER, Permission
from rhesis_app.tenancy.actions.deletion import delete_organization, restore_organization
from rhesis_app.tenancy.actions.organizations import rename_organization
from rhesis_app.tenancy.actions.transfer import ADMIN, transfer_ownership
from rhesis_app.tenancy.queries.members import list_heirs, list_roles
from rhesis_app.tenancy.queries.organizations import view_organization
from rhesis_app.tenancy.rules import GRACE, user_id_from
from rhesis_app.web.access import needs
from rhesis_app.web.htmx import go_to
from rhesis_app.web.pages import render_page, say
from rhesis_app.web.scope import current_identity, current_scope

blueprint = Blueprint("settings", __name__)


@blueprint.get("/settings/organization")
@needs(Permission.ORGANIZATION_UPDATE)
def organization() -> Response:
    """The active organization's settings."""
    return _page()


@blueprint.post("/settings/organization/name")
@needs(Permission.ORGANIZATION_UPDATE)
def rename() -> Response:
    """Give it another name."""
    scope, name = current_scope(), request.form.get("name", "")
    try:
        view = rename_organization(scope, scope.organization_id, name)
    except Invalid as error:
        return _page(error=error, section="name", name=name)
    say(f"The organization is called “{view.name}” now.")
    return go_to(url_for("settings.organization"))


@blueprint.post("/settings/organization/transfer")
@needs(Permission.ORGANIZATION_DELETE)
def transfer() -> Response:
    """Hand it over to somebody else."""
    scope = current_scope()
    heir, role = request.form.get("user_id", ""), request.form.get("role", "")
    try:
        view = transfer_ownership(scope, scope.organization_id, user_id_from(heir), role=role)
    except (Invalid, Conflict, Forbidden) as error:
        return _page(error=error, section="transfer", heir=heir, role=role)
    say(f"{view.name} owns the organization now, and you are {role}.")
    return go_to(url_for("members.index"))


@blueprint.post("/settings/organization/delete")
@needs(Permission.ORGANIZATION_DELETE)
def delete() -> Response:
    """Begin to delete it; the name that was typed says that this one is meant."""
    scope, typed = current_scope(), request.form.get("name", "")
    try:
        delete_organization(scope, scope.organization_id, typed)
    except (Invalid, Forbidden) as error:
        return _page(error=error, section="delete", typed=typed)
    say("The organization is closed. Until it is erased, any owner may restore it here.")
    return go_to(url_for("settings.organization"))


@blueprint.post("/settings/organization/restore")
@needs(Permission.ORGANIZATION_DELETE)
def restore() -> Response:
    """Bring it back."""
    scope = current_scope()
    view = restore_organization(scope, scope.organization_id)
    say(f"“{view.name}” is back: its members can sign in, and schedules go on.")
    return go_to(url_for("settings.organization"))


def _page(*, error: AppError | None = None, section: str = "", **typed: str) -> Response:
    scope = current_scope()
    view = view_organization(scope, scope.organization_id)
    can_end = scope.may(Permission.ORGANIZATION_DELETE)
    is_owner = can_end and current_identity().role_name == OWNER
    views: dict[str, Any] = {
        "organization": view,
        "can_delete": can_end,
        "can_transfer": is_owner,
        "heirs": list(list_heirs(scope)) if is_owner else [],
        "roles": [(role.name, role.name) for role in list_roles(scope) if role.name != OWNER] if is_owner else [],
        "typed": {"name": view.name, "typed": "", "heir": "", "role": ADMIN} | typed,
        "grace_days": GRACE.days,
        "failed": section,
        "errors": error.errors if error else {},
        "message": error.detail if error else "",
    }
    return render_page(
        "organizations/settings.html", section="organization", status=error.status if error else 200, **views
    )
