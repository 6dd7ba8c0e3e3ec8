"""Which results of a run failed on a metric or hold a text, as far as what was stored says so.

Either there are few, then their ids are looked up and all else starts from them; or there are many, then whoever reads the
list in its order comes upon a page of them soon. What the planner would have to guess is known so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Uuid, and_, any_, exists, literal, or_, select, union_all

from rhesis_app.authoring.models import MetricVersion, TestVersion
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import EffectiveEvaluation, EffectiveResult, Evaluation, RunMetric, TestResult

FEW = 1_000
"""The most results that are looked up one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """Results of a run by id, those that failed on the metric asked for and those that hold the text; None where they are not few."""

    failed: Sequence[UUID] | None = None
    mentioning: Sequence[UUID] | None = None

    @property
    def are_few(self) -> bool:
        """Whether a list can start from them."""
        return self.failed is not None or self.mentioning is not None


def find_matches(scope: Scope, run_id: UUID, metric_id: UUID | None, q: str) -> Matches:
    """What is few of that, in at most two statements; of what is not asked for nothing is looked up."""
    failed = _few(scope, failed_ids(scope, run_id, metric_id)) if metric_id else None
    return Matches(failed=failed, mentioning=_few(scope, mentioning_ids(scope, run_id, q)) if q else None)


def is_one_of(column: Any, ids: Sequence[UUID]) -> ColumnElement[bool]:
    """The condition that `column` is among `ids`, however many, as one value."""
    return column == any_(literal(list(ids), ARRAY(Uuid)))


def failed_ids(scope: Scope, run_id: UUID, metric_id: UUID) -> Select[Any]:
    """The ids of all stored results that failed on the metric."""
    version = and_(
        MetricVersion.organization_id == Evaluation.organization_id, MetricVersion.id == Evaluation.metric_version_id
    )
    return (
        scope.select(Evaluation.result_id)
        .join(MetricVersion, version)
        .where(Evaluation.run_id == run_id, Evaluation.verdict == "failed", MetricVersion.metric_id == metric_id)
    )


def mentioning_ids(scope: Scope, run_id: UUID, q: str) -> Select[Any]:
    """The ids of all stored results that hold the text: in two passes, one over the answers and one over the tests, each of which can
    stop. A result may be there twice."""
    tested = and_(
        TestVersion.organization_id == TestResult.organization_id, TestVersion.id == TestResult.test_version_id
    )
    of_run = scope.select(TestResult.id).where(TestResult.run_id == run_id)
    answered = of_run.where(TestResult.output.icontains(q, autoescape=True))
    asked = of_run.join(TestVersion, tested).where(or_(*_in_texts(q)))
    return select(union_all(answered, asked).subquery("mentioning").c.id)


def failed_on(run_id: UUID, metric_id: UUID, result: Any = EffectiveResult, stored: str = "") -> Any:
    """The condition that a metric failed the result, asked of each that is read in turn. Of TestResult the stored verdicts count.

    What failed on a required metric has failed: unless the run has the metric as one that is not, no other outcome is searched.
    """
    said = Evaluation if result is TestResult else EffectiveEvaluation
    verdicts = select(said.id).where(
        said.organization_id == result.organization_id,
        said.run_id == run_id,
        said.result_id == result.id,
        said.verdict == "failed",
        MetricVersion.organization_id == said.organization_id,
        MetricVersion.id == said.metric_version_id,
        MetricVersion.metric_id == metric_id,
    )
    failed = exists(_in_turn(verdicts) if result is TestResult else verdicts)
    if stored in {"", "failed"}:
        return failed
    optional = exists().where(
        RunMetric.run_id == run_id,
        MetricVersion.organization_id == RunMetric.organization_id,
        MetricVersion.id == RunMetric.metric_version_id,
        MetricVersion.metric_id == metric_id,
        ~MetricVersion.required,
    )
    return and_(optional, failed)


def mentions(q: str, result: Any = EffectiveResult) -> Any:
    """The condition that a result holds the text, asked of each that is read in turn."""
    tested = select(TestVersion.id).where(
        TestVersion.organization_id == result.organization_id,
        TestVersion.id == result.test_version_id,
        or_(*_in_texts(q)),
    )
    return or_(result.output.icontains(q, autoescape=True), exists(_in_turn(tested)))


def _in_turn(rows: Select[Any]) -> Select[Any]:
    """`rows` looked up for each result that is read; without an offset the planner could read them all beforehand."""
    return rows.offset(0)


def _few(scope: Scope, query: Select[Any]) -> Sequence[UUID] | None:
    found = scope.session.scalars(query.limit(FEW + 1)).all()
    return found if len(found) <= FEW else None


def _in_texts(q: str) -> list[ColumnElement[bool]]:
    return [column.icontains(q, autoescape=True) for column in (TestVersion.prompt, TestVersion.expected)]
