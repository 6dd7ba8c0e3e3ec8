"""Roles and places of members: nobody rises above those who lift them, and one owner always stays."""

from uuid import UUID

from sqlalchemy import func, select, text, update

from rhesis_app.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.actions.organizations import ELSEWHERE
from rhesis_app.tenancy.models import Invitation, Membership, Organization, Role
from rhesis_app.tenancy.queries.members import MemberView, find_role, grantable_role_ids, view_member
from rhesis_app.tenancy.queries.organizations import view_organization
from rhesis_app.tenancy.queries.roles import role_permissions

OWNER = "Owner"
ABOVE = (
    "This takes somebody with a role at least as high: nobody grants, changes or takes away what is above their own."
)
LAST = "Somebody has to own the organization: make somebody else an owner first."


def change_role(scope: Scope, user_id: UUID, role: str) -> MemberView:
    """Give a member another role. Raises NotFound, Invalid for an unknown role, Forbidden, Conflict for the last owner."""
    scope.require(Permission.MEMBER_MANAGE)
    with scope.atomic() as session:
        mine = hold_members(scope)
        member, may = _member(scope, user_id)
        new_role_id, new_may = named_role(scope, role)
        if not (may <= mine and new_may <= mine):
            raise Forbidden(ABOVE)
        if member.role_id != new_role_id:
            _keep_an_owner(scope, member, becomes=role)
            member.role_id = new_role_id
            session.flush()
            _withdraw(scope, user_id, new_may)
            scope.record("member.change_role", "user", user_id, role=role)
        return view_member(scope, user_id)


def remove_member(scope: Scope, user_id: UUID) -> None:
    """End somebody's place here, and with it their sessions and tokens. Raises NotFound, Forbidden, Conflict for the last owner."""
    scope.require(Permission.MEMBER_MANAGE)
    with scope.atomic():
        mine = hold_members(scope)
        member, may = _member(scope, user_id)
        if not may <= mine:
            raise Forbidden(ABOVE)
        _end(scope, member)
        scope.record("member.remove", "user", user_id)


def leave(scope: Scope, organization_id: UUID) -> None:
    """End one's own place in the active organization. Raises NotFound, Forbidden, Conflict for the last owner."""
    user_id = scope.actor.user_id
    view_organization(scope, organization_id)
    if organization_id != scope.organization_id:
        raise NotFound(ELSEWHERE)
    if user_id is None or scope.actor.kind != "user":
        raise Forbidden("Sign in to leave: a token may not.")
    with scope.atomic():
        hold_members(scope)
        member, _ = _member(scope, user_id)
        _end(scope, member)
        scope.record("member.leave", "user", user_id)


def hold_members(scope: Scope) -> frozenset[Permission]:
    """Hold the organization's memberships until the transaction ends; what the actor's role may do by now.

    What the request began with may have been taken away while it waited for another one to let go.
    """
    # FOR NO KEY UPDATE: rows that refer to the organization are written meanwhile as ever
    held = select(Organization.id).where(Organization.id == scope.organization_id).with_for_update(key_share=True)
    scope.session.execute(held)
    if scope.actor.user_id is None:
        raise Forbidden("Only people manage members.")
    try:
        _, may = _member(scope, scope.actor.user_id)
    except NotFound as error:
        raise Forbidden("You do not belong to this organization any more.") from error
    return may & scope.actor.permissions


def named_role(scope: Scope, name: str) -> tuple[UUID, frozenset[Permission]]:
    """The role of that name and what it may do. Raises Invalid."""
    found = find_role(scope, name)
    if found is None:
        raise Invalid.field("role", "There is no such role here. Choose Owner, Admin, Member or Viewer.")
    return found


def _member(scope: Scope, user_id: UUID) -> tuple[Membership, frozenset[Permission]]:
    query = (
        scope.select(Membership, Role)
        .join(Role, (Role.organization_id == Membership.organization_id) & (Role.id == Membership.role_id))
        .where(Membership.user_id == user_id, Membership.left_at.is_(None))
        .execution_options(populate_existing=True)
    )
    row = scope.session.execute(query).one_or_none()
    if row is None:
        raise NotFound("There is no such member here.")
    return row.Membership, role_permissions(row.Role.name, row.Role.is_builtin, row.Role.permissions)


def _keep_an_owner(scope: Scope, leaving: Membership, *, becomes: str | None = None) -> None:
    if becomes == OWNER:
        return
    owners = (
        scope.select(Membership.user_id)
        .join(Role, (Role.organization_id == Membership.organization_id) & (Role.id == Membership.role_id))
        .where(Role.name == OWNER, Role.is_builtin, Membership.left_at.is_(None))
    )
    held = set(scope.session.scalars(owners))
    if held == {leaving.user_id}:
        raise Conflict(LAST)


def _end(scope: Scope, member: Membership) -> None:
    _keep_an_owner(scope, member)
    member.left_at = scope.session.scalar(select(func.now()))
    scope.session.flush()
    _withdraw(scope, member.user_id, frozenset())
    scope.session.execute(text("SELECT end_access(:who)"), {"who": member.user_id})


def _withdraw(scope: Scope, user_id: UUID, may: frozenset[Permission]) -> None:
    """Invitations that this person could not send any more: they would be a way back in."""
    scope.session.execute(
        update(Invitation)
        .where(
            Invitation.organization_id == scope.organization_id,
            Invitation.invited_by == user_id,
            Invitation.accepted_at.is_(None),
            Invitation.revoked_at.is_(None),
            Invitation.role_id.not_in(grantable_role_ids(scope, may)),
        )
        .values(revoked_at=func.now())
    )
