"""Roles and places of members: nobody rises above those who lift them, and one owner always stays."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, func, select, text, update

from rhesis_app.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from rhesis_app.kernel.permissions import OWNER, Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.actions.organizations import require_active, require_person
from rhesis_app.tenancy.models import Invitation, Membership, Organization, Role, User
from rhesis_app.tenancy.queries.members import MemberView, RoleRow, roles_by_name, view_member
from rhesis_app.tenancy.queries.roles import role_permissions

ABOVE = (
    "This takes somebody with a role at least as high: nobody grants, changes or takes away what is above their own."
)
LAST = "Somebody has to own the organization: make somebody else an owner first."


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Somebody's membership and what its role may do; `is_owner` by the built-in role alone, `is_active` while they may sign in.

    Service accounts have places too; they are no members, and `is_person` tells.
    """

    member: Membership
    may: frozenset[Permission]
    is_owner: bool
    is_active: bool
    is_person: bool


def change_role(scope: Scope, user_id: UUID, role: str) -> MemberView:
    """Give a member another role. Raises NotFound, Invalid for an unknown role, Forbidden, Conflict for the last owner."""
    scope.require(Permission.MEMBER_MANAGE)
    with scope.atomic() as session:
        mine, place = _hold(scope, user_id)
        roles = roles_by_name(scope)
        new_role_id, new_may = named_role(roles, role)
        if not (place.may <= mine and new_may <= mine):
            raise Forbidden(ABOVE)
        if place.member.role_id != new_role_id:
            _keep_an_owner(scope, place)
            place.member.role_id = new_role_id
            session.flush()
            withdraw(scope, (user_id,), keep=grantable(roles.values(), new_may))
            scope.record("member.change_role", "user", user_id, role=role)
        return view_member(scope, user_id)


def remove_member(scope: Scope, user_id: UUID) -> None:
    """End somebody's place here, and with it their sessions and tokens. Raises NotFound, Forbidden, Conflict for the last owner."""
    scope.require(Permission.MEMBER_MANAGE)
    with scope.atomic():
        mine, place = _hold(scope, user_id)
        if not place.may <= mine:
            raise Forbidden(ABOVE)
        _end(scope, place)
        scope.record("member.remove", "user", user_id)


def leave(scope: Scope, organization_id: UUID) -> None:
    """End one's own place in the active organization. Raises NotFound, Forbidden, Conflict for the last owner."""
    require_active(scope, organization_id)
    user_id = require_person(scope)
    with scope.atomic():
        _, place = _hold(scope, user_id)
        _end(scope, place)
        scope.record("member.leave", "user", user_id)


def hold_members(scope: Scope) -> frozenset[Permission]:
    """Hold the organization's memberships until the transaction ends; what the actor's role may do by now.

    What the request began with may have been taken away while it waited for another one to let go.
    """
    return hold_places(scope, ())[0]


def sole_owner_of(scope: Scope) -> tuple[tuple[UUID, str], ...]:
    """(id, name) of the organizations that the actor owns and nobody else who can sign in, whichever is the active one.

    Called inside of `atomic()`, their members stay as they are until the transaction ends. One that is being deleted needs no owner.
    """
    rows = scope.session.execute(text("SELECT * FROM owned_alone()"))
    return tuple((row.organization_id, row.name) for row in rows)


def named_role(roles: Mapping[str, RoleRow], name: str) -> RoleRow:
    """The id of the role of that name, in whichever case, and what it may do. Raises Invalid."""
    alike = [known for known in roles if known.lower() == name.strip().lower()]
    if name not in roles and len(alike) == 1:
        return roles[alike[0]]
    if name not in roles:
        raise Invalid.field("role", f"There is no such role here. Choose one of {', '.join(roles)}.")
    return roles[name]


def _hold(scope: Scope, user_id: UUID) -> tuple[frozenset[Permission], Place]:
    """The same, and a member's place. Raises NotFound."""
    mine, places = hold_places(scope, (user_id,))
    if user_id not in places or not places[user_id].is_person:
        raise NotFound("There is no such member here.")
    return mine, places[user_id]


def hold_places(scope: Scope, user_ids: Iterable[UUID]) -> tuple[frozenset[Permission], dict[UUID, Place]]:
    """As `hold_members`, and the places of the actor and of these people, as far as they belong here. Raises Forbidden."""
    actor = scope.actor.user_id
    if actor is None:
        raise Forbidden("Only people manage members.")
    # FOR NO KEY UPDATE: rows that refer to the organization are written meanwhile as ever
    held = select(Organization.id).where(Organization.id == scope.organization_id).with_for_update(key_share=True)
    scope.session.execute(held)
    query = (
        scope.select(Membership, Role, User.is_active, User.kind)
        .join(Role, (Role.organization_id == Membership.organization_id) & (Role.id == Membership.role_id))
        .join(User, User.id == Membership.user_id)
        .where(Membership.user_id.in_([actor, *user_ids]), Membership.left_at.is_(None))
        .execution_options(populate_existing=True)
    )
    places = {
        member.user_id: Place(
            member=member,
            may=role_permissions(role.name, role.is_builtin, role.permissions),
            is_owner=role.is_builtin and role.name == OWNER,
            is_active=is_active,
            is_person=kind == "person",
        )
        for member, role, is_active, kind in scope.session.execute(query)
    }
    if actor not in places:
        raise Forbidden("You do not belong to this organization any more.")
    return places[actor].may & scope.actor.permissions, places


def _keep_an_owner(scope: Scope, leaving: Place) -> None:
    """Refuse when nobody else is an owner who can sign in."""
    if not leaving.is_owner:
        return
    owners = (
        scope.select(Membership.user_id)
        .join(Role, (Role.organization_id == Membership.organization_id) & (Role.id == Membership.role_id))
        .join(User, User.id == Membership.user_id)
        .where(Role.name == OWNER, Role.is_builtin, Membership.left_at.is_(None))
        .where(User.is_active, User.kind == "person")
    )
    if set(scope.session.scalars(owners)) <= {leaving.member.user_id}:
        raise Conflict(LAST)


def _end(scope: Scope, place: Place) -> None:
    _keep_an_owner(scope, place)
    user_id = place.member.user_id
    ended = update(Membership).where(Membership.organization_id == scope.organization_id, Membership.user_id == user_id)
    scope.session.execute(ended.values(left_at=func.now()))
    withdraw(scope, (user_id,), keep=[])
    scope.session.execute(text("SELECT end_access(:who)"), {"who": user_id})


def grantable(roles: Iterable[RoleRow], may: frozenset[Permission]) -> list[UUID]:
    """The roles that somebody who may do this can give to others."""
    return [role_id for role_id, allows in roles if Permission.MEMBER_MANAGE in may and allows <= may]


def withdraw(scope: Scope, user_ids: Collection[UUID] | Select[UUID], *, keep: Sequence[UUID]) -> None:
    """End the open invitations that these people could not send any more: they would be a way back in."""
    scope.session.execute(
        update(Invitation)
        .where(
            Invitation.organization_id == scope.organization_id,
            Invitation.invited_by.in_(user_ids),
            Invitation.accepted_at.is_(None),
            Invitation.revoked_at.is_(None),
            Invitation.role_id.not_in(keep),
        )
        .values(revoked_at=func.now())
    )


def take_role(scope: Scope, role: str) -> bool:
    """Give the actor the role that the organization's sign-on provider says; whether that changed it. The last owner stays one.

    Raises Invalid for an unknown role, Forbidden for somebody who does not belong here.
    """
    assert scope.actor.user_id is not None
    with scope.atomic() as session:
        _, place = _hold(scope, scope.actor.user_id)
        roles = roles_by_name(scope)
        role_id, new_may = named_role(roles, role)
        if place.member.role_id == role_id:
            return False
        user_id = place.member.user_id
        try:
            _keep_an_owner(scope, place)
        except Conflict:
            scope.record("sso.keep_owner", "user", user_id, role=role)
            return False
        place.member.role_id = role_id
        session.flush()
        withdraw(scope, (user_id,), keep=grantable(roles.values(), new_may))
        scope.record("member.change_role", "user", user_id, role=role, by="sso")
        return True
