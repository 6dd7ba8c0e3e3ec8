"""Setting how long is kept, and erasing what is older."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import func, text, update

from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.retention.rules.keeping import Keeping, check_keeping
from rhesis_app.tenancy.models import Organization

_RUNS_AT_ONCE: Final = 20
_BATCHES: Final = 25
_BATCHES_AT_ONCE: Final = 5
_PRUNE: Final = text("SELECT prune_audit(now() - make_interval(days => :days), :most)")
_ERASE: Final = text("SELECT erase_runs(now() - make_interval(days => :days), :most)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What one round erased: runs, and entries of audit logs. With `is_more` the next one will find more."""

    runs: int = 0
    entries: int = 0
    is_more: bool = False


def set_keeping(scope: Scope, keeping: Keeping) -> None:
    """Set how long results and the audit log are kept. Raises Forbidden for all but owners, Invalid at a field."""
    scope.require(Permission.ORGANIZATION_DELETE)
    check_keeping(keeping)
    days = {"result_days": keeping.result_days, "audit_days": keeping.audit_days}
    with scope.atomic() as session:
        ours = update(Organization).where(Organization.id == scope.organization_id)
        session.execute(ours.values(settings=Organization.settings.op("||")(days), updated_at=func.now()))
        scope.record("organization.retention", "organization", scope.organization_id, **days)


def erase_what_is_old(host: Host) -> Erased:
    """One round over all organizations that keep things for a while: each a few transactions, so that nobody waits long."""
    runs = entries = 0
    is_more = False
    for row in host.ask("SELECT * FROM kept_for_a_while()"):
        organization_id = row["organization_id"]
        if row["result_days"] is not None:
            erased = _erase_runs(host, organization_id, row["result_days"])
            runs, is_more = runs + erased.runs, is_more or erased.is_more
        if row["audit_days"] is not None:
            entries += _prune_audit(host, organization_id, row["audit_days"])
    return Erased(runs=runs, entries=entries, is_more=is_more)


def _erase_runs(host: Host, organization_id: UUID, days: int) -> Erased:
    erased = 0
    for _ in range(_BATCHES):
        with host.open_scope(Actor.system(organization_id)) as scope, scope.atomic() as session:
            found = int(session.scalar(_ERASE, {"days": days, "most": _RUNS_AT_ONCE}) or 0)
            if found:
                scope.record("run.expire", "organization", organization_id, runs=found, days=days)
        erased += found
        if found < _RUNS_AT_ONCE:
            return Erased(runs=erased)
    return Erased(runs=erased, is_more=True)


def _prune_audit(host: Host, organization_id: UUID, days: int) -> int:
    """Whole sealed batches, a few at a time; how many entries went."""
    erased = 0
    for _ in range(_BATCHES):
        with host.open_scope(Actor.system(organization_id)) as scope, scope.atomic() as session:
            found = int(session.scalar(_PRUNE, {"days": days, "most": _BATCHES_AT_ONCE}) or 0)
            if found:
                scope.record("audit.expire", "organization", organization_id, entries=found, days=days)
        if not found:
            break
        erased += found
    return erased
