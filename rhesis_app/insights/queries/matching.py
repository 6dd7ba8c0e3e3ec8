"""What is set beside each other of two runs: results matched by trial, or tests with what their trials came to."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import CTE, and_, case, func, literal, or_

from rhesis_app.insights.rules.changes import Change
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import EffectiveEvaluation, EffectiveResult, EffectiveTest, TestResult
from rhesis_app.runs.queries.views import RunView
from rhesis_app.scoring.reducers import MAJORITY, Reducer, ReducerName

DECIDED = ("passed", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two runs to match; `by_test` where one of them has several trials of a test: these are not independent, so the test counts."""

    baseline_id: UUID
    candidate_id: UUID
    by_test: bool = False
    reducer: Reducer = MAJORITY

    @classmethod
    def of(cls, baseline: RunView, candidate: RunView) -> "Pair":
        """The two, matched as their trials ask for."""
        chosen = candidate.reducer or baseline.reducer
        return cls(
            baseline_id=baseline.id,
            candidate_id=candidate.id,
            by_test=chosen is not None,
            reducer=Reducer(name=ReducerName(chosen.name), k=chosen.k) if chosen else MAJORITY,
        )


def trials_differ(baseline: RunView, candidate: RunView) -> bool:
    """Whether passing means another thing in the two runs: tests were not asked as often, or passed by another reducer."""
    first, second = baseline.reducer, candidate.reducer
    return baseline.trials != candidate.trials or (first is not None and second is not None and first != second)


def trials_sentence(baseline: RunView, candidate: RunView) -> str:
    """Why what tests came to in the two runs is not the same thing."""
    first, second = (f"in #{run.number} {_asked(run)}" for run in (baseline, candidate))
    return f"{first.capitalize()}; {second}. So passing means another thing in each."


def _asked(run: RunView) -> str:
    if run.reducer is None or run.trials == 1:
        return "a test is asked once"
    return f"a test is asked {run.trials} times and passes when {run.reducer.label}"


def matched_results(scope: Scope, pair: Pair) -> tuple[CTE, CTE, Any, Any]:
    """The two runs' results, or tests with what their trials came to; how they join, and what became of each test."""
    a, b = _side(scope, pair.baseline_id, "baseline", pair), _side(scope, pair.candidate_id, "candidate", pair)
    joined = a.c.test_id == b.c.test_id if pair.by_test else and_(a.c.test_id == b.c.test_id, a.c.trial == b.c.trial)
    undecided = or_(a.c.outcome.not_in(DECIDED), b.c.outcome.not_in(DECIDED))
    passed = a.c.outcome == "passed"
    change = case(
        (a.c.test_id.is_(None), Change.ONLY_CANDIDATE),
        (b.c.test_id.is_(None), Change.ONLY_BASELINE),
        (a.c.test_version_id != b.c.test_version_id, Change.EDITED),
        (undecided, Change.UNDECIDED),
        (and_(passed, b.c.outcome == "failed"), Change.BROKEN),
        (and_(~passed, b.c.outcome == "passed"), Change.FIXED),
        (passed, Change.STILL_PASSED),
        else_=Change.STILL_FAILED,
    )
    return a, b, joined, change


def _side(scope: Scope, run_id: UUID, name: str, pair: Pair) -> CTE:
    """Read once: where a run is newer than what the planner knows of its table, a side would be read again for every row of the other."""
    if pair.by_test:
        unit = EffectiveTest
        return (
            scope.select(*(unit.test_id, unit.trial, unit.test_version_id, unit.result_id.label("id")))
            .add_columns(unit.outcome, unit.requirement_id, unit.position)
            .where(unit.run_id == run_id)
            .cte(name)
            .prefix_with("MATERIALIZED")
        )
    return (
        scope.select(
            *(EffectiveResult.test_id, EffectiveResult.trial, EffectiveResult.test_version_id, EffectiveResult.id),
            *(EffectiveResult.outcome, EffectiveResult.requirement_id, EffectiveResult.position),
        )
        .where(EffectiveResult.run_id == run_id)
        .cte(name)
        .prefix_with("MATERIALIZED")
    )


def judged(scope: Scope, run_id: UUID, name: str, pair: Pair) -> CTE:
    """What each metric said in one of the two runs: of each result, or of each test."""
    evaluation, result = EffectiveEvaluation, TestResult  # which test and trial an answer is of, no review changes
    query = (
        scope.select(evaluation.metric_version_id)
        .join(result, and_(result.organization_id == evaluation.organization_id, result.id == evaluation.result_id))
        .where(evaluation.run_id == run_id, evaluation.applicable)
    )
    if not pair.by_test:
        return (
            query.add_columns(evaluation.verdict, result.test_version_id, result.trial)
            .cte(name)
            .prefix_with("MATERIALIZED")
        )
    verdict = _reduced_verdict(evaluation.verdict, pair.reducer)
    by_test = query.add_columns(result.test_version_id, literal(1).label("trial"), verdict.label("verdict"))
    return by_test.group_by(evaluation.metric_version_id, result.test_version_id).cte(name).prefix_with("MATERIALIZED")


def _reduced_verdict(verdict: Any, reducer: Reducer) -> Any:
    """One metric's verdicts on a test's trials as one, of those trials that it applied to; undecided where one could change it."""
    trials = func.count()
    passed, failed = (func.count().filter(verdict == word) for word in DECIDED)
    needed = {
        ReducerName.MAJORITY: trials / 2 + 1,
        ReducerName.ALL: trials,
        ReducerName.ANY: literal(1),
        ReducerName.AT_LEAST: func.least(literal(reducer.k or 1), trials),
    }[reducer.name]
    return case((passed >= needed, "passed"), (trials - failed < needed, "failed"), else_="unscored")
