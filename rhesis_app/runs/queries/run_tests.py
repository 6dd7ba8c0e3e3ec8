"""The tests of a run with what their trials came to, in keyset pages."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Select, and_, case, func, literal, or_, select

from rhesis_app.authoring.models import MetricVersion, Requirement, TestVersion
from rhesis_app.kernel.paging import By, Page, PageRequest, keyset, page_of
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import EffectiveEvaluation, EffectiveResult, EffectiveTest, TestResult, TestRun
from rhesis_app.runs.queries.result_keys import RANKS
from rhesis_app.runs.queries.runs import one_run
from rhesis_app.scoring.reducers import mean, pass_at_k, pass_hat_k

_RANK = case(RANKS, value=EffectiveTest.outcome, else_=len(RANKS))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTestRow:
    """A test in a run. `trials` are the outcomes of its trials in order (`pending` or `cancelled` without an answer).

    `passed` of them passed, `failed` failed; `outcome` is what the run's reducer makes of them. `consistent` is false
    where one passed and another failed. `mean` is the share that passed of those with a verdict; `pass_hat_k` the chance
    that `k` trials all pass, `pass_at_k` that one of them does; null with fewer than `k` verdicts. `result_ids` are of
    the trials, null without an answer; `result_id` is of the first that came out as the test did.
    """

    test_id: UUID
    position: int
    prompt: str
    requirement_id: UUID | None
    requirement: str | None
    outcome: str
    trials: tuple[str, ...]
    passed: int
    failed: int
    consistent: bool
    mean: float | None
    k: int
    pass_hat_k: float | None
    pass_at_k: float | None
    result_ids: tuple[UUID | None, ...]
    result_id: UUID

    @property
    def words(self) -> str:
        """Such as `2 of 3 passed`."""
        return f"{self.passed} of {len(self.trials)} passed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTestFilter:
    """Which tests of a run; `metric_id` those with a trial that failed on that metric, `q` in prompt, expected or an answer.

    They come by position; with `worst_first` failed, error, unscored, passed. With `clip` prompts are cut to that many
    characters.
    """

    outcome: str = ""
    requirement_id: UUID | None = None
    metric_id: UUID | None = None
    q: str = ""
    is_flaky: bool = False
    worst_first: bool = False
    clip: int | None = None

    @property
    def is_narrowing(self) -> bool:
        """Whether anything is left out."""
        return bool(self.outcome or self.requirement_id or self.metric_id or self.q or self.is_flaky)


def list_run_tests(scope: Scope, run_id: UUID, request: PageRequest, chosen: RunTestFilter) -> Page[RunTestRow]:
    """A page of a run's tests that have a result, in at most two statements; NotFound when the run is not there to read."""
    rows = _rows(scope, run_id, chosen)
    if chosen.is_narrowing or chosen.worst_first:
        matching = _narrowed(scope, rows, run_id, chosen)
        order = [By(_RANK), By(EffectiveTest.position)] if chosen.worst_first else [By(EffectiveTest.position)]
        found = scope.session.execute(keyset(matching, order, request)).all()
    else:
        # by position alone the index tells which tests they are; as values the positions reach the rows before these are
        # grouped, and a page costs what its rows cost
        matching = _positions(scope, run_id)
        places = scope.session.scalars(keyset(matching, [By(TestResult.position)], request)).all()
        by_place = EffectiveTest.position.desc() if request.backward else EffectiveTest.position
        page = rows.where(EffectiveTest.position.in_(places)).order_by(by_place)
        found = scope.session.execute(page).all() if places else []
    if not found:
        one_run(scope, TestRun.id == run_id)
    total = scope.session.scalar(select(func.count()).select_from(matching.subquery())) if request.count else None
    return page_of(found, request, key=lambda row: _key(row, chosen), view=_view, total=total)


def _key(row: Any, chosen: RunTestFilter) -> tuple[Any, ...]:
    return (RANKS.get(row.outcome, len(RANKS)), row.position) if chosen.worst_first else (row.position,)


def _positions(scope: Scope, run_id: UUID) -> Select[Any]:
    query = scope.select(TestRun.id).select_from(TestRun).join(TestResult, _of_run(TestResult))
    return query.where(TestRun.id == run_id).with_only_columns(TestResult.position).distinct()


def _narrowed(scope: Scope, query: Select[Any], run_id: UUID, chosen: RunTestFilter) -> Select[Any]:
    if chosen.outcome:
        query = query.where(EffectiveTest.outcome == chosen.outcome)
    if chosen.requirement_id:
        query = query.where(EffectiveTest.requirement_id == chosen.requirement_id)
    if chosen.is_flaky:
        query = query.where(EffectiveTest.is_flaky)
    if chosen.metric_id or chosen.q:
        # looked up once, and not for each test again where a table has grown since it was last measured
        found = _with_result(scope, run_id, chosen).cte().prefix_with("MATERIALIZED")
        query = query.where(EffectiveTest.test_version_id.in_(select(found.c.test_version_id)))
    return query


def _with_result(scope: Scope, run_id: UUID, chosen: RunTestFilter) -> Select[Any]:
    """Tests one of whose results failed on the metric, or holds the words."""
    query = scope.select(EffectiveResult.test_version_id).where(EffectiveResult.run_id == run_id)
    if chosen.metric_id:
        one = EffectiveEvaluation
        judged = and_(MetricVersion.organization_id == one.organization_id, MetricVersion.id == one.metric_version_id)
        failed = scope.select(one.result_id).join(MetricVersion, judged)
        failed = failed.where(
            one.run_id == run_id, one.verdict == "failed", MetricVersion.metric_id == chosen.metric_id
        )
        once = failed.cte().prefix_with("MATERIALIZED")
        query = query.where(EffectiveResult.id.in_(select(once.c.result_id)))
    if chosen.q:
        said = (TestVersion.prompt, TestVersion.expected, EffectiveResult.output)
        query = query.join(TestVersion, _tested(EffectiveResult)).where(
            or_(*(column.icontains(chosen.q, autoescape=True) for column in said))
        )
    return query


def _rows(scope: Scope, run_id: UUID, chosen: RunTestFilter) -> Select[Any]:
    prompt = func.left(TestVersion.prompt, literal(chosen.clip, Integer)) if chosen.clip else TestVersion.prompt
    return (
        scope.select(
            *(TestRun.id, TestRun.finished_at, TestRun.test_count, TestRun.trials.label("of_run")),
            *(getattr(EffectiveTest, name) for name in _SHOWN),
            prompt.label("prompt"),
            Requirement.name.label("requirement"),
        )
        .join(EffectiveTest, _of_run(EffectiveTest))
        .join(TestVersion, _tested(EffectiveTest))
        .outerjoin(
            Requirement,
            and_(
                Requirement.organization_id == EffectiveTest.organization_id,
                Requirement.id == EffectiveTest.requirement_id,
            ),
        )
        .where(TestRun.id == run_id, EffectiveTest.run_id == run_id)
    )


_SHOWN = (
    *("test_id", "position", "requirement_id", "outcome", "trials", "passed", "failed", "is_flaky"),
    *("answered", "outcomes", "result_ids", "result_id"),
)


def _of_run(rows: Any) -> Any:
    return and_(rows.organization_id == TestRun.organization_id, rows.run_id == TestRun.id)


def _tested(rows: Any) -> Any:
    return and_(TestVersion.organization_id == rows.organization_id, TestVersion.id == rows.test_version_id)


def _view(row: Any) -> RunTestRow:
    decided = row.passed + row.failed
    k = 1 if row.test_count is None else max(2, row.of_run)
    answers = dict(zip(row.answered, zip(row.outcomes, row.result_ids, strict=True), strict=True))
    missing = ("pending" if row.finished_at is None else "cancelled", None)
    trials = [answers.get(trial, missing) for trial in range(1, row.trials + 1)]
    is_open = row.outcome == "pending"
    return RunTestRow(
        test_id=row.test_id,
        position=row.position,
        prompt=row.prompt,
        requirement_id=row.requirement_id,
        requirement=row.requirement,
        outcome=missing[0] if is_open else row.outcome,
        trials=tuple(outcome for outcome, _ in trials),
        passed=row.passed,
        failed=row.failed,
        consistent=not row.is_flaky,
        mean=mean(row.passed, decided),
        k=k,
        pass_hat_k=pass_hat_k(row.passed, decided, k),
        pass_at_k=pass_at_k(row.passed, decided, k),
        result_ids=tuple(result_id for _, result_id in trials),
        result_id=row.result_id,
    )
