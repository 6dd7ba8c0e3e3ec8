"""Organizations over the API."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask.views import MethodView

from rhesis_app.auth.actions.sessions import switch_organization
from rhesis_app.kernel.permissions import Permission
from rhesis_app.tenancy.actions.deletion import delete_organization, restore_organization
from rhesis_app.tenancy.actions.members import leave as leave_organization
from rhesis_app.tenancy.actions.organizations import found_another, rename_organization
from rhesis_app.tenancy.actions.transfer import transfer_ownership
from rhesis_app.tenancy.queries.members import MemberView
from rhesis_app.tenancy.queries.organizations import OrganizationView, list_organizations, view_organization
from rhesis_app.tenancy.schemas import DeletionArguments, OrganizationArguments, TransferArguments
from rhesis_app.web.access import needs, needs_sign_in
from rhesis_app.web.openapi import Answer, ApiBlueprint
from rhesis_app.web.scope import current_identity, current_scope, runtime
from rhesis_app.web.tokens import make_token

blueprint = ApiBlueprint(
    "organizations_api", __name__, url_prefix="/api/v1/organizations", description="Where one belongs"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrganizationView:
    """An organization that was just made; switch to it to work there."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchedView:
    """An access token for the organization that is active now; the refresh token stays as it is."""

    access_token: str
    token_type: str
    expires_in: int


@blueprint.route("")
class Organizations(MethodView):
    """One's own organizations."""

    @needs_sign_in
    @blueprint.answers(200, OrganizationView, many=True)
    def get(self) -> tuple[OrganizationView, ...]:
        """List the organizations one belongs to; an API token belongs to one."""
        return list_organizations(current_scope())

    @needs_sign_in
    @blueprint.arguments(OrganizationArguments)
    @blueprint.answers(201, NewOrganizationView)
    def post(self, arguments: dict[str, Any]) -> Answer:
        """Make an organization and own it; the active one stays the same."""
        made = found_another(runtime(), current_scope(), arguments["name"])
        view = NewOrganizationView(id=made, name=arguments["name"].strip())
        return Answer(view, {"Location": f"/api/v1/organizations/{made}"})


@blueprint.route("/<uuid:organization_id>")
class Organization(MethodView):
    """One of them."""

    @needs_sign_in
    @blueprint.answers(200, OrganizationView)
    def get(self, organization_id: UUID) -> OrganizationView:
        """Read an organization."""
        return view_organization(current_scope(), organization_id)

    @needs_sign_in
    @blueprint.arguments(OrganizationArguments)
    @blueprint.answers(200, OrganizationView)
    def patch(self, arguments: dict[str, Any], organization_id: UUID) -> OrganizationView:
        """Rename the active organization; its addresses stay. Needs the permission organization:update."""
        return rename_organization(current_scope(), organization_id, arguments["name"])


@blueprint.route("/<uuid:organization_id>/switch", methods=["POST"])
@needs_sign_in
@blueprint.answers(200, SwitchedView)
def switch(organization_id: UUID) -> SwitchedView:
    """Make another of one's organizations the active one of this session."""
    identity = current_identity()
    entered = switch_organization(runtime(), current_scope(), identity.session_id, organization_id)
    token = make_token(entered.user_id, entered.organization_id, entered.session_id, entered.permissions)
    return SwitchedView(
        access_token=token,
        token_type="Bearer",  # noqa: S106 the kind of token
        expires_in=runtime().settings.access_token_minutes * 60,
    )


@blueprint.route("/<uuid:organization_id>/leave", methods=["POST"])
@needs_sign_in
@blueprint.answers(204)
def leave(organization_id: UUID) -> None:
    """Leave the active organization; its last owner cannot. Sessions and tokens there end."""
    leave_organization(current_scope(), organization_id)


@blueprint.route("/<uuid:organization_id>/transfer", methods=["POST"])
@needs(Permission.ORGANIZATION_DELETE)
@blueprint.arguments(TransferArguments)
@blueprint.answers(200, MemberView)
def transfer(arguments: dict[str, Any], organization_id: UUID) -> MemberView:
    """Hand the active organization over: a member becomes an owner and you take another role, both or neither."""
    return transfer_ownership(current_scope(), organization_id, arguments["user_id"], role=arguments["role"])


@blueprint.route("/<uuid:organization_id>/delete", methods=["POST"])
@needs(Permission.ORGANIZATION_DELETE)
@blueprint.arguments(DeletionArguments)
@blueprint.answers(200, OrganizationView)
def delete(arguments: dict[str, Any], organization_id: UUID) -> OrganizationView:
    """Delete the active organization: closed at once to all but its owners, erased after 7 days unless one restores it."""
    return delete_organization(current_scope(), organization_id, arguments["name"])


@blueprint.route("/<uuid:organization_id>/restore", methods=["POST"])
@needs(Permission.ORGANIZATION_DELETE)
@blueprint.answers(200, OrganizationView)
def restore(organization_id: UUID) -> OrganizationView:
    """Bring an organization back that is being deleted, while it is not erased yet."""
    return restore_organization(current_scope(), organization_id)
