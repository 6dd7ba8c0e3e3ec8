"""Roles over the API."""

from typing import Any
from uuid import UUID

from flask import request
from flask.views import MethodView

from rhesis_app.kernel.permissions import Permission
from rhesis_app.tenancy.actions.roles import RoleChanges, delete_role, make_role, update_role
from rhesis_app.tenancy.queries.members import RoleView, list_roles, view_role
from rhesis_app.tenancy.schemas import NewRoleArguments, RoleChangesArguments
from rhesis_app.web.access import needs
from rhesis_app.web.openapi import Answer, ApiBlueprint
from rhesis_app.web.scope import current_scope

blueprint = ApiBlueprint("roles_api", __name__, url_prefix="/api/v1/roles", description="Named sets of permissions")


@blueprint.route("")
class Roles(MethodView):
    """All roles."""

    @needs(Permission.MEMBER_READ)
    @blueprint.answers(200, RoleView, many=True)
    def get(self) -> tuple[RoleView, ...]:
        """List the roles with what they may do, those that may most first."""
        return list_roles(current_scope())

    @needs(Permission.ROLE_MANAGE)
    @blueprint.arguments(NewRoleArguments)
    @blueprint.answers(201, RoleView)
    def post(self, arguments: dict[str, Any]) -> Answer:
        """Make a role of permissions that you have yourself; its name is unique without regard to case."""
        view = make_role(current_scope(), **arguments)
        return Answer(view, {"Location": f"/api/v1/roles/{view.id}", "ETag": view.etag})


@blueprint.route("/<uuid:role_id>")
class Role(MethodView):
    """One role."""

    @needs(Permission.MEMBER_READ)
    @blueprint.answers(200, RoleView)
    def get(self, role_id: UUID) -> Answer:
        """Read a role."""
        view = view_role(current_scope(), role_id)
        return Answer(view, {"ETag": view.etag})

    @needs(Permission.ROLE_MANAGE)
    @blueprint.arguments(RoleChangesArguments)
    @blueprint.answers(200, RoleView)
    def patch(self, arguments: dict[str, Any], role_id: UUID) -> Answer:
        """Rename a role or replace its permissions, at once for whoever has it; the built-in ones stay as they are."""
        view = update_role(current_scope(), role_id, RoleChanges(**arguments), if_match=request.headers.get("If-Match"))
        return Answer(view, {"ETag": view.etag})

    @needs(Permission.ROLE_MANAGE)
    @blueprint.answers(204)
    def delete(self, role_id: UUID) -> None:
        """Delete a role that nobody has; 409 says who has it."""
        delete_role(current_scope(), role_id)
