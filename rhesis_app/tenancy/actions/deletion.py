"""Deleting an organization: closed at once to all but its owners, who may bring it back, and erased when its days of grace are over."""

import logging
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Interval, Update, func, literal, update
from sqlalchemy.exc import SQLAlchemyError

from rhesis_app.kernel.errors import Forbidden, Invalid
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.actions.members import hold_members
from rhesis_app.tenancy.actions.organizations import require_active, require_person
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
        view = view_organization(scope, organization_id)
        if name.strip() != view.name:
            raise Invalid.field("name", f"Type the name as it is: {view.name}")
        if view.delete_after is not None:
            return view
        erased_at = session.scalar(
            _change(scope, delete_after=func.now() + literal(GRACE, Interval)).returning(Organization.delete_after)
        )
        _withdraw_all(scope)
        scope.tell("organization.deleted", organization_id)
        scope.record("organization.delete", "organization", organization_id, delete_after=str(erased_at))
    return replace(view, delete_after=erased_at)


def restore_organization(scope: Scope, organization_id: UUID) -> OrganizationView:
    """Bring the active organization back: open to its members again, schedules go on. Raises NotFound, Forbidden."""
    _require_here(scope, organization_id)
    with scope.atomic() as session:
        _require_still(scope)
        closed = _change(scope, delete_after=None).where(Organization.delete_after.is_not(None))
        if session.scalar(closed.returning(Organization.id)) is not None:
            scope.record("organization.restore", "organization", organization_id)
        return view_organization(scope, organization_id)


def erase_due(host: Host) -> int:
    """Erase the organizations whose days of grace are over; how many. Each by itself, and one that fails stops no other."""
    return sum(
        _erase(host, row["organization_id"]) for row in host.ask("SELECT * FROM due_deletions(:most)", most=_MOST)
    )


def _erase(host: Host, gone: UUID) -> bool:
    try:
        done = bool(host.ask("SELECT erase_organization(:gone) AS done", gone=gone)[0]["done"])
    except SQLAlchemyError:
        _log.exception("an organization could not be erased; it stays due", extra={"organization": str(gone)})
        return False
    if done:  # its audit log is gone with it
        _log.info("an organization was erased", extra={"organization": str(gone)})
    return done


def _require_here(scope: Scope, organization_id: UUID) -> None:
    require_active(scope, organization_id)
    scope.require(Permission.ORGANIZATION_DELETE)
    require_person(scope)


def _require_still(scope: Scope) -> None:
    if Permission.ORGANIZATION_DELETE not in hold_members(scope):
        raise Forbidden("Your role may not delete this organization any more.")


def _change(scope: Scope, **values: Any) -> Update:
    change = update(Organization).where(Organization.id == scope.organization_id)
    return change.values(updated_at=func.now(), **values)


def _withdraw_all(scope: Scope) -> None:
    """Nobody joins what is being deleted."""
    still_open = update(Invitation).where(
        Invitation.organization_id == scope.organization_id,
        Invitation.accepted_at.is_(None),
        Invitation.revoked_at.is_(None),
    )
    scope.session.execute(still_open.values(revoked_at=func.now()))
