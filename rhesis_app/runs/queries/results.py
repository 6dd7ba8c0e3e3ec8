"""Lists of a run's results: what needs a look first, filtered and in keyset pages."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Select, and_, any_, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute

from rhesis_app.authoring.models import Requirement, TestVersion
from rhesis_app.kernel.paging import Page, PageRequest, page_of
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import EffectiveResult, TestRun
from rhesis_app.runs.queries.json_rows import LISTED, evaluations_of_result
from rhesis_app.runs.queries.result_keys import ResultFilter, count_results, key_of, matches_of, page_keys
from rhesis_app.runs.queries.result_matches import Matches
from rhesis_app.runs.queries.runs import one_run


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


def list_results(scope: Scope, run_id: UUID, request: PageRequest, chosen: ResultFilter) -> Page[ResultRow]:
    """A page of a run's results with their evaluations; NotFound when the run is not there to read.

    In one statement, and one more for each of metric and text.
    """
    matches = matches_of(scope, run_id, chosen)
    rows = _rows(scope, run_id, chosen, request, matches)
    if not rows:
        one_run(scope, TestRun.id == run_id)
    total = count_results(scope, run_id, chosen, matches) if request.count else None
    return page_of(rows, request, key=lambda row: key_of(row, chosen), view=_view, total=total)


_LISTED = (
    *("id", "test_id", "position", "trial", "requirement_id", "outcome", "automated_outcome", "is_reviewed"),
    *("error_code", "error_detail", "latency_ms", "attempts", "retry_run_id", "created_at"),
)


def _rows(scope: Scope, run_id: UUID, chosen: ResultFilter, request: PageRequest, matches: Matches) -> list[Any]:
    """The page's rows in the order that was asked for. Their keys are found first and alone, whatever the rest joins."""
    keys = page_keys(scope, run_id, chosen, request, matches).subquery("keys")
    query = scope.narrow(_listed(chosen.clip), EffectiveResult).where(
        EffectiveResult.run_id == run_id,  # known beforehand, it keeps the view to this run's reviews
        EffectiveResult.id == any_(func.array(select(keys.c.result_id).scalar_subquery())),
    )
    # what a text or a metric lets through is too different for one plan to suit all of it
    is_usual = not (chosen.q or chosen.metric_id or chosen.is_flaky)
    rows = scope.session.execute(query.execution_options(keep_ready=is_usual)).all()
    return sorted(rows, key=lambda row: key_of(row, chosen), reverse=chosen.newest_first != request.backward)


@cache
def _listed(clip: int | None) -> Select[Any]:
    texts = (TestVersion.prompt, TestVersion.expected, EffectiveResult.output)
    return (
        select(
            *(getattr(EffectiveResult, name) for name in _LISTED),
            Requirement.name.label("requirement"),
            *(_clipped(column, clip) for column in texts),
            evaluations_of_result(LISTED).label("evaluations"),
        )
        .join(TestVersion, _tested())
        .outerjoin(
            Requirement,
            and_(
                Requirement.organization_id == EffectiveResult.organization_id,
                Requirement.id == EffectiveResult.requirement_id,
            ),
        )
    )


def _clipped(column: InstrumentedAttribute[Any], clip: int | None) -> Any:
    return func.left(column, literal(clip, Integer)).label(column.key) if clip else column


def _tested() -> Any:
    return and_(
        TestVersion.organization_id == EffectiveResult.organization_id,
        TestVersion.id == EffectiveResult.test_version_id,
    )


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
