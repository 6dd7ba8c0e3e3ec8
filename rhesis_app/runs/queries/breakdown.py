"""Where a run passes and fails: by requirement and by metric, one statement each."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import RowMapping, and_, func

from rhesis_app.authoring.models import MetricVersion, Requirement
from rhesis_app.endpoints.rules.models import money
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import EffectiveEvaluation, EffectiveResult, RunMetric, TestRun
from rhesis_app.runs.queries.runs import one_run
from rhesis_app.runs.queries.views import PassRate, rate_from

OUTCOMES = ("passed", "failed", "error", "unscored")
_SPENT = ("tokens_in", "tokens_out", "cost")


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
    """What one metric found. `not_applicable` results lack what it needs and are no part of its rate.

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


def by_requirement(scope: Scope, run_id: UUID) -> tuple[RequirementRate, ...]:
    """Rates of a run by requirement, worst first; empty for strangers."""
    outcomes = [func.count().filter(EffectiveResult.outcome == outcome).label(outcome) for outcome in OUTCOMES]
    counted = (
        scope.select(TestRun.id, EffectiveResult.organization_id, EffectiveResult.requirement_id, *outcomes)
        .add_columns(TestRun.finished_at.is_not(None).label("is_final"))
        .join(
            EffectiveResult,
            and_(EffectiveResult.organization_id == TestRun.organization_id, EffectiveResult.run_id == TestRun.id),
        )
        .where(TestRun.id == run_id)
        .group_by(TestRun.id, TestRun.finished_at, EffectiveResult.organization_id, EffectiveResult.requirement_id)
        .subquery("counted")
    )
    query = (
        scope.select(TestRun.id, counted, Requirement.name.label("requirement"))
        .join(counted, counted.c.id == TestRun.id)
        .outerjoin(
            Requirement,
            and_(Requirement.organization_id == counted.c.organization_id, Requirement.id == counted.c.requirement_id),
        )
    )
    found = [_requirement(row) for row in scope.session.execute(query).mappings()]
    return tuple(sorted(found, key=lambda one: (*_worst(one.rate), one.name or "~")))


def by_metric(scope: Scope, run_id: UUID) -> tuple[MetricRate, ...]:
    """Rates of a run by metric, worst first; a metric that has judged nothing yet is there with n = 0."""
    counts = [
        func.count().filter(EffectiveEvaluation.verdict == verdict, EffectiveEvaluation.applicable).label(verdict)
        for verdict in OUTCOMES
    ]
    counted = (
        scope.select(EffectiveEvaluation.metric_version_id, *counts)
        .add_columns(func.count().filter(~EffectiveEvaluation.applicable).label("not_applicable"))
        .add_columns(*(func.sum(getattr(EffectiveEvaluation, name)).label(name) for name in _SPENT))
        .where(EffectiveEvaluation.run_id == run_id)
        .group_by(EffectiveEvaluation.metric_version_id)
        .subquery("counted")
    )
    frozen = MetricVersion
    query = (
        scope.select(TestRun.id, frozen.id.label("version_id"), frozen.metric_id, frozen.name, frozen.required)
        .add_columns(TestRun.finished_at.is_not(None).label("is_final"))
        .add_columns(*(func.coalesce(counted.c[name], 0).label(name) for name in (*OUTCOMES, "not_applicable")))
        .add_columns(*(counted.c[name] for name in _SPENT))
        .join(RunMetric, and_(RunMetric.organization_id == TestRun.organization_id, RunMetric.run_id == TestRun.id))
        .join(
            frozen,
            and_(frozen.organization_id == RunMetric.organization_id, frozen.id == RunMetric.metric_version_id),
        )
        .outerjoin(counted, counted.c.metric_version_id == frozen.id)
        .where(TestRun.id == run_id)
        .distinct()
    )
    found = [_metric(row) for row in scope.session.execute(query).mappings()]
    return tuple(sorted(found, key=lambda one: (*_worst(one.rate), one.name)))


def view_breakdown(scope: Scope, run_id: UUID) -> BreakdownView:
    """Both rates of a run; NotFound when it is not there to read."""
    one_run(scope, TestRun.id == run_id)
    return BreakdownView(requirements=by_requirement(scope, run_id), metrics=by_metric(scope, run_id))


def outcomes_of(rates: Iterable[RequirementRate]) -> dict[str, int]:
    """The results of the whole run by outcome, summed over its requirements."""
    totals = dict.fromkeys(OUTCOMES, 0)
    for one in rates:
        totals["passed"] += one.rate.passed
        totals["failed"] += one.rate.n - one.rate.passed
        totals["error"] += one.error
        totals["unscored"] += one.unscored
    return totals


def judging_cost(metrics: Iterable[MetricRate]) -> str:
    """What the judges of a run came to, in words; empty when nothing is known of any."""
    asked = [one for one in metrics if one.tokens_in is not None or one.tokens_out is not None or one.cost is not None]
    if not asked:
        return ""
    tokens = sum((one.tokens_in or 0) + (one.tokens_out or 0) for one in asked)
    costs = [Decimal(one.cost) for one in asked if one.cost is not None]
    said = f"judging took {tokens:,} tokens"
    return f"{said}, ${money(sum(costs[1:], start=costs[0]))}" if costs else said


def _requirement(row: RowMapping) -> RequirementRate:
    return RequirementRate(
        requirement_id=row["requirement_id"],
        name=row["requirement"],
        rate=rate_from({name: row[name] for name in OUTCOMES}, is_final=row["is_final"]),
        error=row["error"],
        unscored=row["unscored"],
    )


def _metric(row: RowMapping) -> MetricRate:
    return MetricRate(
        metric_id=row["metric_id"],
        version_id=row["version_id"],
        name=row["name"],
        required=row["required"],
        rate=rate_from({name: row[name] for name in OUTCOMES}, is_final=row["is_final"]),
        error=row["error"],
        unscored=row["unscored"],
        not_applicable=row["not_applicable"],
        tokens_in=row["tokens_in"],
        tokens_out=row["tokens_out"],
        cost=money(row["cost"]),
    )


def _worst(rate: PassRate) -> tuple[bool, float]:
    """Undecided ones come last."""
    return rate.value is None, rate.value or 0.0
