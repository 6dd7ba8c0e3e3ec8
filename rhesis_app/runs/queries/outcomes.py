"""Results of runs by outcome, counted so that an index alone has nearly all of it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, any_, func, select, union_all

from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import EffectiveResult, Replacement, Review, TestResult


def changed_ids(scope: Scope, run_ids: Sequence[UUID]) -> Select[Any]:
    """The results whose effective outcome may be another than the stored one; one may be there twice."""
    reviewed = scope.select(Review.result_id).where(Review.run_id.in_(run_ids), Review.superseded_at.is_(None))
    replaced = scope.select(Replacement.result_id).where(Replacement.run_id.in_(run_ids))
    either = union_all(reviewed, replaced).subquery("changed")
    return select(either.c.result_id)


def is_changed(scope: Scope, run_ids: Sequence[UUID], result: Any) -> Any:
    """The condition that a result is one of those; their ids are known before anything else of it is read."""
    return result.id == any_(func.array(changed_ids(scope, run_ids).scalar_subquery()))


def outcomes_now(scope: Scope, run_ids: Sequence[UUID]) -> Any:
    """(organization_id, run_id, requirement_id, outcome, count) by effective outcome; the counts of a group have to be summed.

    All as they were stored, less those that may have changed, and these as they are now.
    """
    few = [is_changed(scope, run_ids, result) for result in (TestResult, EffectiveResult)]
    stored, before = _counted(scope, run_ids, TestResult), _counted(scope, run_ids, TestResult, sign=-1)
    now = _counted(scope, run_ids, EffectiveResult)
    return union_all(stored, before.where(few[0]), now.where(few[1])).subquery("outcomes")


def _counted(scope: Scope, run_ids: Sequence[UUID], result: Any, sign: int = 1) -> Select[Any]:
    group = (result.organization_id, result.run_id, result.requirement_id, result.outcome)
    count = (sign * func.count()).label("count")
    return scope.select(*group).add_columns(count).where(result.run_id.in_(run_ids)).group_by(*group)
