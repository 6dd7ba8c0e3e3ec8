"""Invitations over the API, for those who send them; accepting one is a matter of identity."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from flask.views import MethodView

from rhesis_app.kernel.paging import Page
from rhesis_app.kernel.permissions import Permission
from rhesis_app.tenancy.actions.invitations import Invited, invite, revoke_invitation, send_again
from rhesis_app.tenancy.queries.invitations import InvitationView, list_invitations, view_invitation
from rhesis_app.tenancy.schemas import InvitationArguments, InvitationListArguments
from rhesis_app.web.access import needs
from rhesis_app.web.links import full_address
from rhesis_app.web.openapi import Answer, ApiBlueprint
from rhesis_app.web.paging import page_request
from rhesis_app.web.scope import current_scope

blueprint = ApiBlueprint(
    "invitations_api", __name__, url_prefix="/api/v1/invitations", description="Asking people to join"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitedView:
    """A new invitation; `accept_url` is its link where no mail server takes it to the person, shown this once."""

    id: UUID
    email: str
    role: str
    expires_at: datetime
    accept_url: str | None


@blueprint.route("")
class Invitations(MethodView):
    """All invitations."""

    @needs(Permission.MEMBER_MANAGE)
    @blueprint.arguments(InvitationListArguments, location="query")
    @blueprint.answers(200, InvitationView, many=True)
    def get(self, arguments: dict[str, Any]) -> Page[InvitationView]:
        """List invitations, newest first."""
        state = arguments.pop("state")
        return list_invitations(current_scope(), page_request(**arguments), state=state)

    @needs(Permission.MEMBER_MANAGE)
    @blueprint.arguments(InvitationArguments)
    @blueprint.answers(201, InvitedView)
    def post(self, arguments: dict[str, Any]) -> Answer:
        """Invite somebody as Owner, Admin, Member or Viewer, never above your own role. The link works once, for 7 days."""
        return _invited(invite(current_scope(), **arguments))


@blueprint.route("/<uuid:invitation_id>")
class Invitation(MethodView):
    """One invitation."""

    @needs(Permission.MEMBER_MANAGE)
    @blueprint.answers(200, InvitationView)
    def get(self, invitation_id: UUID) -> InvitationView:
        """Read an invitation."""
        return view_invitation(current_scope(), invitation_id)

    @needs(Permission.MEMBER_MANAGE)
    @blueprint.answers(200, InvitationView)
    def delete(self, invitation_id: UUID) -> InvitationView:
        """Revoke an invitation: its link works no more."""
        return revoke_invitation(current_scope(), invitation_id)


@blueprint.route("/<uuid:invitation_id>/send", methods=["POST"])
@needs(Permission.MEMBER_MANAGE)
@blueprint.answers(201, InvitedView)
def send(invitation_id: UUID) -> Answer:
    """Send an invitation again, with a new link as a new invitation; the link before works no more."""
    return _invited(send_again(current_scope(), invitation_id))


def _invited(made: Invited) -> Answer:
    one = made.invitation
    view = InvitedView(
        id=one.id,
        email=one.email,
        role=one.role,
        expires_at=one.expires_at,
        accept_url=full_address(made.path) if made.path else None,
    )
    return Answer(view, {"Location": f"/api/v1/invitations/{one.id}"})
