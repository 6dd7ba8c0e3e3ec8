"""How long is kept, and what that would erase."""

from dataclasses import dataclass

from sqlalchemy import select, text

from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.retention.rules.keeping import Keeping
from rhesis_app.tenancy.models import Organization

_OLD = text("SELECT count(*) FROM old_runs(now() - make_interval(days => :days))")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionView:
    """For how many days results and the audit log are kept, None for good; `old_runs` is how many runs go by that."""

    result_days: int | None
    audit_days: int | None
    old_runs: int


def view_retention(scope: Scope, *, result_days: int | None = None) -> RetentionView:
    """The settings of the organization; with `result_days`, how many runs would go by that instead. Raises Forbidden."""
    scope.require(Permission.ORGANIZATION_DELETE)
    kept = keeping_of(scope)
    days = kept.result_days if result_days is None else result_days
    return RetentionView(result_days=kept.result_days, audit_days=kept.audit_days, old_runs=count_old_runs(scope, days))


def keeping_of(scope: Scope) -> Keeping:
    """What the organization's settings say."""
    query = select(Organization.settings).where(Organization.id == scope.organization_id)
    return Keeping.of(scope.session.scalars(query).one())


def count_old_runs(scope: Scope, days: int | None) -> int:
    """How many runs are erased where results are kept for so many days."""
    return 0 if days is None else int(scope.session.scalar(_OLD, {"days": days}) or 0)
