"""Roles that an organization makes itself: nobody puts into one what they may not do, or changes one that is above their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from rhesis_app.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from rhesis_app.kernel.etags import require_match
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission, known_permissions
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.actions.members import ABOVE, grantable, hold_members, withdraw
from rhesis_app.tenancy.models import Membership, Role
from rhesis_app.tenancy.queries.holders import holders_of
from rhesis_app.tenancy.queries.members import NO_ROLE, RoleView, roles_by_name, view_role
from rhesis_app.tenancy.rules import MOST_ROLES, check_role_name

BUILT_IN = "The built-in roles stay as they are. Make a role of your own, beginning with what one of them may do."
_TAKEN = "There is a role of this name already. Choose another."


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleChanges:
    """What to change of a role; None leaves it."""

    name: str | None = None
    permissions: Sequence[str] | None = None


def make_role(scope: Scope, name: str, permissions: Sequence[str]) -> RoleView:
    """Make a role with these permissions, none of which the actor may lack. Raises Invalid, Forbidden, Conflict."""
    scope.require(Permission.ROLE_MANAGE)
    row = Role(id=new_id(), name=check_role_name(name), permissions=_checked(permissions))
    try:
        with scope.atomic() as session:
            _refuse_above(row.permissions, hold_members(scope))
            if len(roles_by_name(scope)) >= MOST_ROLES:
                raise Conflict(f"There are {MOST_ROLES} roles already. Delete one that nobody needs.")
            session.add(row)
            session.flush()
            scope.record("role.create", "role", row.id, name=row.name, permissions=row.permissions)
            return view_role(scope, row.id)
    except IntegrityError as error:
        raise Conflict(_TAKEN, errors={"name": [_TAKEN]}) from error


def update_role(scope: Scope, role_id: UUID, changes: RoleChanges, *, if_match: str | None = None) -> RoleView:
    """Rename a role or change what it may do, from the next request on of whoever has it.

    Raises NotFound, Invalid, Forbidden for a built-in one and what is above the actor's own, Conflict, PreconditionFailed.
    """
    scope.require(Permission.ROLE_MANAGE)
    name = check_role_name(changes.name) if changes.name is not None else None
    permissions = _checked(changes.permissions) if changes.permissions is not None else None
    try:
        with scope.atomic() as session:
            row, mine = _hold(scope, role_id)
            require_match(if_match, row.id, row.updated_at)
            if name is not None:
                row.name = name
            if permissions is not None:
                _refuse_above(permissions, mine)
                row.permissions = permissions
            session.flush()
            if permissions is not None:
                _withdraw_of_holders(scope, row)
            scope.record("role.update", "role", row.id, name=row.name, permissions=row.permissions)
            return view_role(scope, role_id)
    except IntegrityError as error:
        raise Conflict(_TAKEN, errors={"name": [_TAKEN]}) from error


def delete_role(scope: Scope, role_id: UUID) -> None:
    """Delete a role that nobody has or is invited with. Raises NotFound, Forbidden, and Conflict that says who has it."""
    scope.require(Permission.ROLE_MANAGE)
    with scope.atomic() as session:
        row, _ = _hold(scope, role_id)
        holders = holders_of(scope, role_id)
        if holders:
            raise Conflict(f"“{row.name}” is in use: {'; '.join(holders)}. Give them another role first.")
        row.archived_at = session.scalar(select(func.now()))
        scope.record("role.delete", "role", row.id, name=row.name)


def _hold(scope: Scope, role_id: UUID) -> tuple[Role, frozenset[Permission]]:
    """The role, which nobody changes or gives to anybody meanwhile, and what the actor may do by now."""
    mine = hold_members(scope)
    query = scope.select(Role).where(Role.id == role_id, Role.archived_at.is_(None))
    row: Role | None = scope.session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if row is None:
        raise NotFound(NO_ROLE)
    if row.is_builtin:
        raise Forbidden(BUILT_IN)
    if not known_permissions(row.permissions) <= mine:
        raise Forbidden(ABOVE)
    return row, mine


def _checked(permissions: Sequence[str]) -> list[str]:
    unknown = sorted(set(permissions) - {str(permission) for permission in Permission})
    if unknown:
        raise Invalid.field("permissions", f"There is no permission {', '.join(unknown)[:300]}.")
    return sorted(set(permissions))


def _refuse_above(permissions: Sequence[str], mine: frozenset[Permission]) -> None:
    above = sorted(known_permissions(list(permissions)) - mine)
    if above:
        raise Forbidden(f"You may not do this yourself, so no role gets it from you: {', '.join(above)}.")


def _withdraw_of_holders(scope: Scope, row: Role) -> None:
    """End what those who have the role have sent and could not send any more."""
    holders = scope.select(Membership.user_id).where(Membership.role_id == row.id, Membership.left_at.is_(None))
    keep = grantable(roles_by_name(scope).values(), known_permissions(row.permissions))
    withdraw(scope, holders, keep=keep)
