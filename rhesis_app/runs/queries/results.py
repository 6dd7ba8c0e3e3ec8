"""Lists of a run's results: what needs a look first, filtered and in keyset pages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Select, and_, case, exists, func, literal, or_
from sqlalchemy.orm import InstrumentedAttribute

from rhesis_app.authoring.models import MetricVersion, Requirement, TestVersion
from rhesis_app.authoring.queries.narrowing import total_of
from rhesis_app.kernel.paging import By, Page, PageRequest, keyset, page_of
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import EffectiveEvaluation, EffectiveResult, EffectiveTest, TestRun
from rhesis_app.runs.queries.json_rows import LISTED, evaluations_of_result
from rhesis_app.runs.queries.runs import one_run

RANKS = {"failed": 0, "error": 1, "unscored": 2, "passed": 3}
"""What needs a look first."""
RANK = case(RANKS, value=EffectiveResult.outcome, else_=4)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRow:
    """What one metric said of one result. Not `applicable`: the result was decided without it.

    `verdict` is the effective one: a person's where the evaluation was reviewed, else `automated_verdict`.
    """

    id: UUID
    metric: str
    metric_id: UUID
    required: bool
    applicable: bool
    verdict: str
    automated_verdict: str
    score: float | None
    label: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """One result in a list; `position` counts from 1 within the test set. `retry_run_id` is the retry that replaced an error by it.

    `outcome` is the effective one, with what people said of the result; `automated_outcome` is what the metrics found.
    """

    id: UUID
    test_id: UUID
    position: int
    trial: int
    requirement_id: UUID | None
    requirement: str | None
    outcome: str
    automated_outcome: str
    is_reviewed: bool
    error_code: str | None
    error_detail: str | None
    prompt: str
    expected: str | None
    output: str | None
    latency_ms: float | None
    attempts: int
    evaluations: tuple[EvaluationRow, ...]
    retry_run_id: UUID | None
    created_at: datetime

    @property
    def why(self) -> str:
        """In a line, what decided: the first required metric that failed or could not tell, or the endpoint's error."""
        if self.outcome == "error":
            return self.error_detail or self.error_code or ""
        if self.is_reviewed and self.outcome != self.automated_outcome:
            return "A person's review."
        wanted = {"failed": ("failed",), "unscored": ("error", "unscored")}.get(self.outcome, ())
        decided = [one for one in self.evaluations if one.required and one.verdict in wanted]
        decided.sort(key=lambda one: (not one.applicable, wanted.index(one.verdict)))
        return _sentence(decided[0]) if decided else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFilter:
    """Which results of a run: `metric_id` those that failed on that metric, `q` in prompt, expected or answer; `is_flaky`
    those of tests whose trials disagree.

    `newest_first` replaces the usual order (failed, error, unscored, passed, then by position). With `clip` long texts
    are cut to that many characters.
    """

    outcome: str = ""
    requirement_id: UUID | None = None
    metric_id: UUID | None = None
    q: str = ""
    is_flaky: bool = False
    newest_first: bool = False
    clip: int | None = None

    @property
    def is_narrowing(self) -> bool:
        """Whether anything is left out."""
        return bool(self.outcome or self.requirement_id or self.metric_id or self.q or self.is_flaky)


def list_results(scope: Scope, run_id: UUID, request: PageRequest, chosen: ResultFilter) -> Page[ResultRow]:
    """A page of a run's results with their evaluations, in one statement; NotFound when the run is not there to read."""
    order = order_of(chosen)
    matching = matching_results(scope, run_id, chosen)
    keys = keyset(matching, order, request).subquery("keys")
    rows = scope.session.execute(_rows(scope, keys, chosen, request)).all()
    if not rows:
        one_run(scope, TestRun.id == run_id)
    total = scope.session.scalar(total_of(matching)) if request.count else None
    return page_of(rows, request, key=lambda row: key_of(row, chosen), view=_view, total=total)


def matching_results(scope: Scope, run_id: UUID, chosen: ResultFilter) -> Select[Any]:
    """Keys of the results that `chosen` lets through: only what sorting needs, so that no text is read for nothing."""
    query = (
        scope.select(
            *(TestRun.id, EffectiveResult.id.label("result_id"), RANK.label("rank")),
            *(EffectiveResult.position, EffectiveResult.trial),
        )
        .join(
            EffectiveResult,
            and_(EffectiveResult.organization_id == TestRun.organization_id, EffectiveResult.run_id == TestRun.id),
        )
        .where(TestRun.id == run_id)
    )
    if chosen.outcome:
        query = query.where(EffectiveResult.outcome == chosen.outcome)
    if chosen.requirement_id:
        query = query.where(EffectiveResult.requirement_id == chosen.requirement_id)
    if chosen.metric_id:
        query = query.where(failed_on(chosen.metric_id))
    if chosen.is_flaky:
        flaky = scope.select(EffectiveTest.test_version_id).where(EffectiveTest.run_id == run_id)
        query = query.where(EffectiveResult.test_version_id.in_(flaky.where(EffectiveTest.is_flaky)))
    if chosen.q:
        query = query.join(TestVersion, _tested()).where(_mentions(chosen.q))
    return query


def order_of(chosen: ResultFilter) -> list[By]:
    """The order of a list; a filter by outcome leaves the rank constant, so that the index gives the order."""
    if chosen.newest_first:
        return [By(EffectiveResult.id, descending=True)]
    places = [By(EffectiveResult.position), By(EffectiveResult.trial)]
    return places if chosen.outcome else [By(RANK), *places]


_LISTED = (
    *("id", "test_id", "position", "trial", "requirement_id", "outcome", "automated_outcome", "is_reviewed"),
    *("error_code", "error_detail", "latency_ms", "attempts", "retry_run_id", "created_at"),
)


def _rows(scope: Scope, keys: Any, chosen: ResultFilter, request: PageRequest) -> Select[Any]:
    backward = request.backward
    texts = (TestVersion.prompt, TestVersion.expected, EffectiveResult.output)
    query = (
        scope.select(
            *(getattr(EffectiveResult, name) for name in _LISTED),
            Requirement.name.label("requirement"),
            *(_clipped(column, chosen.clip) for column in texts),
            evaluations_of_result(LISTED).label("evaluations"),
        )
        .join(keys, keys.c.result_id == EffectiveResult.id)
        .join(TestVersion, _tested())
        .outerjoin(
            Requirement,
            and_(
                Requirement.organization_id == EffectiveResult.organization_id,
                Requirement.id == EffectiveResult.requirement_id,
            ),
        )
    )
    if chosen.newest_first:
        return query.order_by(EffectiveResult.id.asc() if backward else EffectiveResult.id.desc())
    places = (keys.c.rank, keys.c.position, keys.c.trial)
    return query.order_by(*(column.desc() if backward else column.asc() for column in places))


def _clipped(column: InstrumentedAttribute[Any], clip: int | None) -> Any:
    return func.left(column, literal(clip, Integer)).label(column.key) if clip else column


def _tested() -> Any:
    return and_(
        TestVersion.organization_id == EffectiveResult.organization_id,
        TestVersion.id == EffectiveResult.test_version_id,
    )


def failed_on(metric_id: UUID) -> Any:
    """The condition that a metric failed the result; on EffectiveResult."""
    return exists().where(
        EffectiveEvaluation.organization_id == EffectiveResult.organization_id,
        EffectiveEvaluation.result_id == EffectiveResult.id,
        EffectiveEvaluation.verdict == "failed",
        MetricVersion.organization_id == EffectiveEvaluation.organization_id,
        MetricVersion.id == EffectiveEvaluation.metric_version_id,
        MetricVersion.metric_id == metric_id,
    )


def _mentions(q: str) -> Any:
    columns = (TestVersion.prompt, TestVersion.expected, EffectiveResult.output)
    return or_(*(column.icontains(q, autoescape=True) for column in columns))


def key_of(row: Any, chosen: ResultFilter) -> tuple[Any, ...]:
    """Where a result stands in the order of a list, for a cursor."""
    if chosen.newest_first:
        return (row.id,)
    place = (row.position, row.trial)
    return place if chosen.outcome else (RANKS.get(row.outcome, 4), *place)


def _view(row: Any) -> ResultRow:
    found = row._asdict()
    evaluations = tuple(_evaluation(one) for one in found.pop("evaluations"))
    return ResultRow(evaluations=evaluations, **found)


def _evaluation(found: dict[str, Any]) -> EvaluationRow:
    return EvaluationRow(**{**found, "id": UUID(found["id"]), "metric_id": UUID(found["metric_id"])})


def _figure(score: float) -> str:
    """Three digits behind the point of a share are enough, and one of what is measured in large numbers."""
    return f"{round(score, 3 if abs(score) < 10 else 1):,.12g}"


def _sentence(one: EvaluationRow) -> str:
    measured = one.label or ("" if one.score is None or one.score in {0, 1} else _figure(one.score))
    head = f"{one.metric} {measured}".rstrip()
    return f"{head}: {one.reason}" if one.reason else head
