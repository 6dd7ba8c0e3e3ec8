"""Which results of a run a list shows, and in which order, found by its indexes however many there are.

An effective outcome is the stored one but for the few results that somebody reviewed or a retry answered. So the stored ones are
read outcome by outcome, each in the order of an index and no further than a page goes, and only the few are decided and sorted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, case, exists, literal_column, or_, select, union_all

from rhesis_app.authoring.models import MetricVersion, TestVersion
from rhesis_app.authoring.queries.narrowing import total_of
from rhesis_app.kernel.paging import By, PageRequest, keyset
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import (
    EffectiveEvaluation,
    EffectiveResult,
    EffectiveTest,
    Evaluation,
    Replacement,
    Review,
    RunMetric,
    TestResult,
    TestRun,
)

RANKS = {"failed": 0, "error": 1, "unscored": 2, "passed": 3}
_RANK = case(RANKS, value=EffectiveResult.outcome, else_=4)


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


def page_keys(scope: Scope, run_id: UUID, chosen: ResultFilter, request: PageRequest) -> Select[Any]:
    """(result_id, rank, position, trial) of a page's results, and of one more that says whether it goes on, in their order."""
    if chosen.newest_first:
        return keyset(
            _matching(scope, run_id, chosen, EffectiveResult), [By(EffectiveResult.id, descending=True)], request
        )
    parts = [part.subquery() for part in _parts(scope, run_id, chosen, request)]
    found = union_all(*(select(part) for part in parts)).subquery("found")
    places = (found.c.rank, found.c.position, found.c.trial)
    ordered = (place.desc() if request.backward else place.asc() for place in places)
    return select(found).order_by(*ordered).limit(request.limit + 1)


def key_of(row: Any, chosen: ResultFilter) -> tuple[Any, ...]:
    """Where a result stands in the order of a list, for a cursor."""
    if chosen.newest_first:
        return (row.id,)
    return (RANKS.get(row.outcome, 4), row.position, row.trial)


def count_results(scope: Scope, run_id: UUID, chosen: ResultFilter) -> int:
    """How many results `chosen` lets through. A run that has ended keeps these counts unless a metric or a text is asked for."""
    if (
        not (chosen.metric_id or chosen.q or chosen.is_flaky)
        and (kept := _kept_counts(scope, run_id, chosen.requirement_id)) is not None
    ):
        return sum(kept.get(outcome, 0) for outcome in ([chosen.outcome] if chosen.outcome else RANKS))
    return int(scope.session.scalar(total_of(_matching(scope, run_id, chosen, EffectiveResult))) or 0)


def _kept_counts(scope: Scope, run_id: UUID, requirement_id: UUID | None) -> dict[str, int] | None:
    """Results by outcome as they stand on an ended run; None where they have to be counted."""
    row = scope.session.execute(
        scope.select(TestRun.totals, TestRun.parts, TestRun.test_count).where(TestRun.id == run_id)
    ).one_or_none()
    if row is not None and row.test_count is not None and requirement_id is not None:
        return None  # its requirements are counted by tests, and these are results
    if row is None or row.totals is None or row.parts is None:
        return None
    if requirement_id is None:
        return dict(row.totals)
    return next((one for one in row.parts["requirements"] if one["id"] == str(requirement_id)), {})


def _parts(scope: Scope, run_id: UUID, chosen: ResultFilter, request: PageRequest) -> Iterator[Select[Any]]:
    """The page's candidates: as many of each outcome as a page has, and as many of those that may be another one by now."""
    changed = _changed(scope, run_id)
    for outcome, rank in RANKS.items():
        after = _within(rank, request)
        if after is None or (chosen.outcome and chosen.outcome != outcome):
            continue
        query = _matching(scope, run_id, chosen, TestResult, outcome).where(TestResult.id.not_in(changed))
        yield keyset(query, [By(TestResult.position), By(TestResult.trial)], after)
    few = _matching(scope, run_id, chosen, EffectiveResult).where(EffectiveResult.id.in_(changed))
    yield keyset(few, [By(_RANK), By(EffectiveResult.position), By(EffectiveResult.trial)], request)


def _within(rank: int, request: PageRequest) -> PageRequest | None:
    """The request as it is among the results of one rank; None where all of them are on other pages."""
    if not request.after:
        return request
    first, *rest = request.after
    if rank == first:
        return PageRequest(limit=request.limit, after=tuple(rest), backward=request.backward)
    is_before = rank < first
    return PageRequest(limit=request.limit, backward=request.backward) if is_before == request.backward else None


def _changed(scope: Scope, run_id: UUID) -> Select[Any]:
    """The results whose effective outcome may be another than the stored one."""
    reviewed = scope.select(Review.result_id).where(Review.run_id == run_id, Review.superseded_at.is_(None))
    replaced = scope.select(Replacement.result_id).where(Replacement.run_id == run_id)
    either = union_all(reviewed, replaced).subquery("changed")
    return select(either.c.result_id)


def _matching(scope: Scope, run_id: UUID, chosen: ResultFilter, result: Any, stored: str = "") -> Select[Any]:
    """Keys of the results that `chosen` lets through: only what sorting needs, so that no text is read for nothing.

    `stored` is the one stored outcome that is meant, with TestResult as `result`.
    """
    rank = literal_column(str(RANKS[stored])) if stored else _RANK
    query = (
        scope.select(TestRun.id, result.id.label("result_id"), rank.label("rank"), result.position, result.trial)
        .join(result, and_(result.organization_id == TestRun.organization_id, result.run_id == TestRun.id))
        .where(TestRun.id == run_id, result.run_id == run_id)
    )
    if stored:
        query = query.where(result.outcome == stored)
    elif chosen.outcome:
        query = query.where(result.outcome == chosen.outcome)
    if chosen.requirement_id:
        query = query.where(result.requirement_id == chosen.requirement_id)
    if chosen.metric_id:
        query = query.where(failed_on(run_id, chosen.metric_id, result, stored))
    if chosen.is_flaky:
        flaky = scope.select(EffectiveTest.test_version_id).where(
            EffectiveTest.run_id == run_id, EffectiveTest.is_flaky
        )
        query = query.where(result.test_version_id.in_(flaky))
    if chosen.q:
        tested = and_(TestVersion.organization_id == result.organization_id, TestVersion.id == result.test_version_id)
        query = query.join(TestVersion, tested).where(_mentions(chosen.q, result))
    return query


def failed_on(run_id: UUID, metric_id: UUID, result: Any = EffectiveResult, stored: str = "") -> Any:
    """The condition that a metric failed the result. Of what nobody reviewed the stored verdict is the effective one, and an index has it.

    What failed on a required metric has failed: unless the run has the metric as one that is not, no other outcome is searched.
    """
    said = Evaluation if result is TestResult else EffectiveEvaluation
    versions = (MetricVersion.organization_id == said.organization_id, MetricVersion.id == said.metric_version_id)
    failed = exists().where(
        said.organization_id == result.organization_id,
        said.run_id == result.run_id,
        said.result_id == result.id,
        said.verdict == "failed",
        *versions,
        MetricVersion.metric_id == metric_id,
    )
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


def _mentions(q: str, result: Any) -> Any:
    columns = (TestVersion.prompt, TestVersion.expected, result.output)
    return or_(*(column.icontains(q, autoescape=True) for column in columns))
