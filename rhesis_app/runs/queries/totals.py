"""Counting a run's results by their effective outcome."""

from uuid import UUID

from sqlalchemy import func

from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import EffectiveResult


def effective_counts(scope: Scope, run_id: UUID) -> dict[str, int]:
    """Results by outcome, people's reviews included."""
    query = (
        scope.select(EffectiveResult.outcome, func.count())
        .where(EffectiveResult.run_id == run_id)
        .group_by(EffectiveResult.outcome)
    )
    return dict(tuple(row) for row in scope.session.execute(query))
