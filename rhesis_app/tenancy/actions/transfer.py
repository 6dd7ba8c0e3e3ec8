"""Handing an organization over to somebody else, as one deed."""

from uuid import UUID

from rhesis_app.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from rhesis_app.kernel.permissions import OWNER, Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.actions.members import grantable, hold_places, named_role, withdraw
from rhesis_app.tenancy.actions.organizations import require_active, require_person
from rhesis_app.tenancy.queries.members import MemberView, roles_by_name, view_member

ADMIN = "Admin"


def transfer_ownership(scope: Scope, organization_id: UUID, user_id: UUID, *, role: str = ADMIN) -> MemberView:
    """Make a member an owner of the active organization and take `role` oneself, both or neither; the new owner.

    Raises NotFound, Invalid for an unknown role or one that is Owner, Forbidden for whoever is no owner, and Conflict for oneself
    and for somebody who cannot sign in.
    """
    require_active(scope, organization_id)
    scope.require(Permission.ORGANIZATION_DELETE)
    giver_id = require_person(scope)
    with scope.atomic() as session:
        _, places = hold_places(scope, (user_id,))
        giver, taker = places[giver_id], places.get(user_id)
        if not giver.is_owner:
            raise Forbidden("Only an owner hands the organization over.")
        if taker is None:
            raise NotFound("There is no such member here.")
        if user_id == giver_id:
            raise Conflict("You own the organization already. Choose somebody else.")
        if not taker.is_active:
            raise Conflict("This person cannot sign in. Choose somebody else.")
        roles = roles_by_name(scope)
        role_id, may = named_role(roles, role)
        if role_id == roles[OWNER][0]:
            raise Invalid.field("role", "Choose what you will be afterwards, other than an owner.")
        taker.member.role_id = roles[OWNER][0]
        giver.member.role_id = role_id
        session.flush()
        withdraw(scope, (giver_id,), keep=grantable(roles.values(), may))
        scope.record("organization.transfer", "user", user_id, role=role)
        return view_member(scope, user_id)
