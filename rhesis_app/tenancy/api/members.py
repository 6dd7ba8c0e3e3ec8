"""Members over the API."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask.views import MethodView

from rhesis_app.auth.actions.reset import make_reset_link
from rhesis_app.kernel.paging import Page
from rhesis_app.kernel.permissions import Permission
from rhesis_app.tenancy.actions.members import change_role, remove_member
from rhesis_app.tenancy.queries.members import MemberView, list_members, view_member
from rhesis_app.tenancy.schemas import MemberChanges, MemberListArguments
from rhesis_app.web.access import needs
from rhesis_app.web.links import full_address
from rhesis_app.web.openapi import ApiBlueprint
from rhesis_app.web.paging import page_request
from rhesis_app.web.scope import current_scope

blueprint = ApiBlueprint("members_api", __name__, url_prefix="/api/v1", description="Who belongs here, and as what")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetLinkView:
    """A link to hand over, shown this once."""

    reset_url: str


@blueprint.route("/members")
class Members(MethodView):
    """All members."""

    @needs(Permission.MEMBER_READ)
    @blueprint.arguments(MemberListArguments, location="query")
    @blueprint.answers(200, MemberView, many=True)
    def get(self, arguments: dict[str, Any]) -> Page[MemberView]:
        """List the members by name."""
        return list_members(current_scope(), page_request(**arguments))


@blueprint.route("/members/<uuid:user_id>")
class Member(MethodView):
    """One member."""

    @needs(Permission.MEMBER_READ)
    @blueprint.answers(200, MemberView)
    def get(self, user_id: UUID) -> MemberView:
        """Read a member."""
        return view_member(current_scope(), user_id)

    @needs(Permission.MEMBER_MANAGE)
    @blueprint.arguments(MemberChanges)
    @blueprint.answers(200, MemberView)
    def patch(self, arguments: dict[str, Any], user_id: UUID) -> MemberView:
        """Give a member another role, never one above your own; the last owner stays one."""
        return change_role(current_scope(), user_id, arguments["role"])

    @needs(Permission.MEMBER_MANAGE)
    @blueprint.answers(204)
    def delete(self, user_id: UUID) -> None:
        """Remove a member: their sessions and tokens here end at once, and what they made stays."""
        remove_member(current_scope(), user_id)


@blueprint.route("/members/<uuid:user_id>/reset-link", methods=["POST"])
@needs(Permission.MEMBER_MANAGE)
@blueprint.answers(201, ResetLinkView)
def reset_link(user_id: UUID) -> ResetLinkView:
    """Make a link by which a member sets a new password: once, for 30 minutes. Not for members of other organizations too."""
    return ResetLinkView(reset_url=full_address(make_reset_link(current_scope(), user_id)))
