"""Where a run passes and fails: by requirement and by metric. Counted while it goes on, frozen on the run when it ends."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Integer, and_, func, select

from rhesis_app.authoring.models import MetricVersion, Requirement
from rhesis_app.endpoints.rules.models import money
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import EffectiveEvaluation, EffectiveTest, RunMetric, TestResult, TestRun
from rhesis_app.runs.queries.costs import count_spent
from rhesis_app.runs.queries.outcomes import outcomes_now
from rhesis_app.runs.queries.runs import ALIKE, one_run
from rhesis_app.runs.queries.views import PassRate, rate_from
from rhesis_app.scoring.stats import clustered_rate

OUTCOMES = ("passed", "failed", "error", "unscored")
_COUNTED = (*OUTCOMES, "not_applicable")
_SPENT = ("tokens_in", "tokens_out", "cost")


class CountedRun(Protocol):
    """A run, or its row in a list: with a `test_count` its tests have several trials and are counted by what these came to."""

    @property
    def id(self) -> UUID: ...

    @property
    def test_count(self) -> int | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementRate:
    """How the tests of one requirement did; without an id the tests that have none."""

    requirement_id: UUID | None
    name: str | None
    rate: PassRate
    error: int
    unscored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRate:
    """What one metric found, counted in results. `not_applicable` ones lack what it needs and are no part of its rate.

    Where tests have several trials the interval allows for their likeness.

    The tokens and the cost, in US dollars, are what its judge's calls came to as far as they are known.
    """

    metric_id: UUID
    version_id: UUID
    name: str
    required: bool
    rate: PassRate
    error: int
    unscored: int
    not_applicable: int
    tokens_in: int | None
    tokens_out: int | None
    cost: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakdownView:
    """Both, worst first."""

    requirements: tuple[RequirementRate, ...]
    metrics: tuple[MetricRate, ...]


def requirements_of(scope: Scope, run: CountedRun, frozen: Mapping[str, Any] | None) -> tuple[RequirementRate, ...]:
    """Rates by requirement, worst first: what the run froze when it ended, else what is counted now."""
    if frozen is not None:
        return requirement_rates(frozen["requirements"], is_final=True)
    if run.test_count is not None:
        return requirement_rates(requirements_in(tests_by_requirement(scope, run.id)), is_final=False)
    return requirement_rates(_count_requirements(scope, run.id), is_final=False)


def requirement_rates(parts: Iterable[Mapping[str, Any]], *, is_final: bool) -> tuple[RequirementRate, ...]:
    """Rates by requirement, worst first, from what is counted of each."""
    views = [_requirement(one, is_final=is_final) for one in parts]
    return tuple(sorted(views, key=lambda one: (*_worst(one.rate), one.name or "~")))


def tests_by_requirement(scope: Scope, run_id: UUID) -> list[Any]:
    """The tests of a run with several trials, in groups of one requirement whose trials came to the same."""
    grouped = (
        scope.select(EffectiveTest.organization_id, EffectiveTest.requirement_id, *ALIKE)
        .add_columns(func.count().label("count"))
        .where(EffectiveTest.run_id == run_id)
        .group_by(EffectiveTest.organization_id, EffectiveTest.requirement_id, *ALIKE)
        .subquery("grouped")
    )
    query = (
        scope.select(TestRun.id, grouped, Requirement.name.label("requirement"))
        .join(grouped, grouped.c.organization_id == TestRun.organization_id)
        .outerjoin(Requirement, _named(grouped))
        .where(TestRun.id == run_id)
    )
    return list(scope.session.execute(query).all())


def requirements_in(groups: Iterable[Any]) -> list[dict[str, Any]]:
    """Those groups as what is counted of each requirement."""
    parts: dict[UUID | None, dict[str, Any]] = {}
    for one in groups:
        new = {"id": _text(one.requirement_id), "name": one.requirement, **dict.fromkeys(OUTCOMES, 0)}
        part = parts.setdefault(one.requirement_id, new)
        if one.outcome in OUTCOMES:
            part[one.outcome] += one.count
    return list(parts.values())


def metrics_of(scope: Scope, run: CountedRun, frozen: Mapping[str, Any] | None) -> tuple[MetricRate, ...]:
    """Rates by metric, worst first: what the run froze when it ended, else what is counted now."""
    parts = _count_metrics(scope, run) if frozen is None else frozen["metrics"]
    views = [_metric(one, is_final=frozen is not None) for one in parts]
    return tuple(sorted(views, key=lambda one: (*_worst(one.rate), one.name)))


def parts_of(scope: Scope, run: CountedRun, frozen: Mapping[str, Any] | None) -> BreakdownView:
    """Both; empty for strangers."""
    requirements = requirements_of(scope, run, frozen)
    return BreakdownView(requirements=requirements, metrics=metrics_of(scope, run, frozen))


def count_parts(scope: Scope, run: CountedRun, groups: Sequence[Any] | None = None) -> dict[str, Any]:
    """The run by requirement and by metric, people's reviews included, and its cost, as JSON that a run keeps.

    By requirement its results are counted, or with `groups` of tests these; by metric always results.
    """
    requirements = _count_requirements(scope, run.id) if groups is None else requirements_in(groups)
    return {
        "requirements": requirements,
        "metrics": _count_metrics(scope, run),
        "spent": count_spent(scope, run.id),
    }


def totals_in(parts: Mapping[str, Any]) -> dict[str, int]:
    """The tests of the whole run by outcome, summed over its requirements."""
    return {name: sum(one[name] for one in parts["requirements"]) for name in OUTCOMES}


def view_breakdown(scope: Scope, run_id: UUID) -> BreakdownView:
    """Both rates of a run; NotFound when it is not there to read."""
    row = one_run(scope, TestRun.id == run_id, extra=(TestRun.parts,))
    return parts_of(scope, row, row.parts)


def outcomes_of(rates: Iterable[RequirementRate]) -> dict[str, int]:
    """The results of the whole run by outcome, summed over its requirements."""
    totals = dict.fromkeys(OUTCOMES, 0)
    for one in rates:
        totals["passed"] += one.rate.passed
        totals["failed"] += one.rate.n - one.rate.passed
        totals["error"] += one.error
        totals["unscored"] += one.unscored
    return totals


def _count_requirements(scope: Scope, run_id: UUID) -> list[dict[str, Any]]:
    now = outcomes_now(scope, [run_id]).c
    counts = [
        func.coalesce(func.sum(now.count).filter(now.outcome == outcome), 0).cast(Integer).label(outcome)
        for outcome in OUTCOMES
    ]
    group = (now.organization_id, now.requirement_id)
    counted = select(*group, *counts).group_by(*group).subquery("counted")
    query = (
        scope.select(TestRun.id, counted, Requirement.name.label("requirement"))
        .join(counted, counted.c.organization_id == TestRun.organization_id)
        .outerjoin(Requirement, _named(counted))
        .where(TestRun.id == run_id)
    )
    return [
        {"id": _text(row["requirement_id"]), "name": row["requirement"], **{name: row[name] for name in OUTCOMES}}
        for row in scope.session.execute(query).mappings()
    ]


def _named(rows: Any) -> Any:
    return and_(Requirement.organization_id == rows.c.organization_id, Requirement.id == rows.c.requirement_id)


def _count_metrics(scope: Scope, run: CountedRun) -> list[dict[str, Any]]:
    """A metric that has judged nothing yet is there with zeros."""
    counts = [
        func.count().filter(EffectiveEvaluation.verdict == verdict, EffectiveEvaluation.applicable).label(verdict)
        for verdict in OUTCOMES
    ]
    counted = (
        scope.select(EffectiveEvaluation.metric_version_id, *counts)
        .add_columns(func.count().filter(~EffectiveEvaluation.applicable).label("not_applicable"))
        .add_columns(*(func.sum(getattr(EffectiveEvaluation, name)).label(name) for name in _SPENT))
        .where(EffectiveEvaluation.run_id == run.id)
        .group_by(EffectiveEvaluation.metric_version_id)
        .subquery("counted")
    )
    frozen = MetricVersion
    query = (
        scope.select(TestRun.id, frozen.id.label("version_id"), frozen.metric_id, frozen.name, frozen.required)
        .add_columns(*(func.coalesce(counted.c[name], 0).label(name) for name in _COUNTED))
        .add_columns(*(counted.c[name] for name in _SPENT))
        .join(RunMetric, and_(RunMetric.organization_id == TestRun.organization_id, RunMetric.run_id == TestRun.id))
        .join(
            frozen,
            and_(frozen.organization_id == RunMetric.organization_id, frozen.id == RunMetric.metric_version_id),
        )
        .outerjoin(counted, counted.c.metric_version_id == frozen.id)
        .where(TestRun.id == run.id)
        .distinct()
    )
    if run.test_count is not None:
        alike = _alike_verdicts(scope, run.id)
        query = query.add_columns(alike.c.alike).outerjoin(alike, alike.c.metric_version_id == frozen.id)
    return [
        {
            "id": str(row["metric_id"]),
            "version_id": str(row["version_id"]),
            **{name: row[name] for name in ("name", "required", *_COUNTED, "tokens_in", "tokens_out")},
            "cost": money(row["cost"]),
            **(_interval(row["alike"]) if run.test_count is not None else {}),
        }
        for row in scope.session.execute(query).mappings()
    ]


def _alike_verdicts(scope: Scope, run_id: UUID) -> Any:
    """By metric version its tests as a JSON array of (trials passed, trials decided, tests of which that is so)."""
    evaluation, result = EffectiveEvaluation, TestResult
    passed, failed = (func.count().filter(evaluation.verdict == word) for word in ("passed", "failed"))
    by_test = (
        scope.select(evaluation.metric_version_id, passed.label("passed"), (passed + failed).label("decided"))
        .join(result, and_(result.organization_id == evaluation.organization_id, result.id == evaluation.result_id))
        .where(evaluation.run_id == run_id, result.run_id == run_id, evaluation.applicable)
        .group_by(evaluation.metric_version_id, result.test_version_id)
        .subquery("by_test")
    )
    kinds = (by_test.c.metric_version_id, by_test.c.passed, by_test.c.decided)
    grouped = select(*kinds, func.count().label("tests")).group_by(*kinds).subquery("alike_tests")
    listed = func.jsonb_agg(func.jsonb_build_array(grouped.c.passed, grouped.c.decided, grouped.c.tests))
    return (
        select(grouped.c.metric_version_id, listed.label("alike"))
        .group_by(grouped.c.metric_version_id)
        .subquery("alike")
    )


def _interval(alike: Sequence[Sequence[int]] | None) -> dict[str, float]:
    """The interval of a rate over all trials, which are not independent within a test; nothing where none is decided."""
    per_test = [(passed, decided) for passed, decided, tests in alike or () if decided for _ in range(tests)]
    if not per_test:
        return {}
    rate = clustered_rate(per_test)
    return {"low": rate.low, "high": rate.high}


def _requirement(part: Mapping[str, Any], *, is_final: bool) -> RequirementRate:
    return RequirementRate(
        requirement_id=UUID(part["id"]) if part["id"] else None,
        name=part["name"],
        rate=rate_from({name: part[name] for name in OUTCOMES}, is_final=is_final),
        error=part["error"],
        unscored=part["unscored"],
    )


def _metric(part: Mapping[str, Any], *, is_final: bool) -> MetricRate:
    rate = rate_from({name: part[name] for name in OUTCOMES}, is_final=is_final)
    return MetricRate(
        metric_id=UUID(part["id"]),
        version_id=UUID(part["version_id"]),
        name=part["name"],
        required=part["required"],
        rate=replace(rate, low=part.get("low", rate.low), high=part.get("high", rate.high)),
        error=part["error"],
        unscored=part["unscored"],
        not_applicable=part["not_applicable"],
        tokens_in=part["tokens_in"],
        tokens_out=part["tokens_out"],
        cost=part["cost"],
    )


def _text(value: UUID | None) -> str | None:
    return str(value) if value is not None else None


def _worst(rate: PassRate) -> tuple[bool, float]:
    """Undecided ones come last."""
    return rate.value is None, rate.value or 0.0
