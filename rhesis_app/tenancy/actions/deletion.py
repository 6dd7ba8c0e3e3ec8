"""Deleting an organization: closed at once to all but its owners, who may bring it back, and erased when its days of grace are over."""

import logging
from uuid import UUID

from sqlalchemy import Interval, Select, func, literal, select, update

from rhesis_app.kernel.errors import Forbidden, Invalid, NotFound
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.actions.members import hold_members
from rhesis_app.tenancy.actions.organizations import ELSEWHERE
from rhesis_app.tenancy.models import Invitation, Organization
from rhesis_app.tenancy.queries.organizations import OrganizationView, view_organization
from rhesis_app.tenancy.rules import GRACE

_MOST = 20
_log = logging.getLogger(__name__)


def delete_organization(scope: Scope, organization_id: UUID, name: str) -> OrganizationView:
    """Begin to delete the active organization, whose `name` was typed to confirm it; its invitations end, what runs is stopped.

    Doing it twice moves nothing. Raises NotFound, Forbidden, Invalid when the name is another one.
    """
    _require_here(scope, organization_id)
    with scope.atomic() as session:
        _require_still(scope)
        row = session.scalars(_held(scope)).one()
        if name.strip() != row.name:
            raise Invalid.field("name", f"Type the name as it is: {row.name}")
        if row.delete_after is None:
            erased_at = session.scalar(select(func.now() + literal(GRACE, Interval)))
            row.delete_after = erased_at
            session.flush()
            _withdraw_all(scope)
            scope.tell("organization.deleted", organization_id)
            scope.record("organization.delete", "organization", organization_id, delete_after=str(erased_at))
        return view_organization(scope, organization_id)


def restore_organization(scope: Scope, organization_id: UUID) -> OrganizationView:
    """Bring the active organization back: open to its members again, schedules go on. Raises NotFound, Forbidden."""
    _require_here(scope, organization_id)
    with scope.atomic() as session:
        _require_still(scope)
        row = session.scalars(_held(scope)).one()
        if row.delete_after is not None:
            row.delete_after = None
            session.flush()
            scope.record("organization.restore", "organization", organization_id)
        return view_organization(scope, organization_id)


def erase_due(host: Host) -> int:
    """Erase the organizations whose days of grace are over, each in a transaction of its own that looks again; how many."""
    due = [row["organization_id"] for row in host.ask("SELECT * FROM due_deletions(:most)", most=_MOST)]
    erased = [one for one in due if host.ask("SELECT erase_organization(:gone) AS done", gone=one)[0]["done"]]
    for one in erased:  # its audit log is gone with it
        _log.info("an organization was erased", extra={"organization": str(one)})
    return len(erased)


def _require_here(scope: Scope, organization_id: UUID) -> None:
    view_organization(scope, organization_id)
    scope.require(Permission.ORGANIZATION_DELETE)
    if organization_id != scope.organization_id:
        raise NotFound(ELSEWHERE)
    if scope.actor.kind != "user":
        raise Forbidden("Sign in for this: a token may not.")


def _require_still(scope: Scope) -> None:
    if Permission.ORGANIZATION_DELETE not in hold_members(scope):
        raise Forbidden("Your role may not delete this organization any more.")


def _held(scope: Scope) -> Select[Organization]:
    query = select(Organization).where(Organization.id == scope.organization_id)
    return query.execution_options(populate_existing=True)


def _withdraw_all(scope: Scope) -> None:
    """Nobody joins what is being deleted."""
    still_open = update(Invitation).where(
        Invitation.organization_id == scope.organization_id,
        Invitation.accepted_at.is_(None),
        Invitation.revoked_at.is_(None),
    )
    scope.session.execute(still_open.values(revoked_at=func.now()))
