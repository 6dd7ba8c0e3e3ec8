"""Where a run passes and fails: by requirement and by metric. Counted while it goes on, frozen on the run when it ends."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func

from rhesis_app.authoring.models import MetricVersion, Requirement
from rhesis_app.endpoints.rules.models import money
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import EffectiveEvaluation, EffectiveResult, RunMetric, TestRun
from rhesis_app.runs.queries.costs import count_spent
from rhesis_app.runs.queries.runs import one_run
from rhesis_app.runs.queries.views import PassRate, rate_from

OUTCOMES = ("passed", "failed", "error", "unscored")
_COUNTED = (*OUTCOMES, "not_applicable")
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


def requirements_of(scope: Scope, run_id: UUID, frozen: Mapping[str, Any] | None) -> tuple[RequirementRate, ...]:
    """Rates by requirement, worst first: what the run froze when it ended, else what is counted now."""
    parts = _count_requirements(scope, run_id) if frozen is None else frozen["requirements"]
    views = [_requirement(one, is_final=frozen is not None) for one in parts]
    return tuple(sorted(views, key=lambda one: (*_worst(one.rate), one.name or "~")))


def metrics_of(scope: Scope, run_id: UUID, frozen: Mapping[str, Any] | None) -> tuple[MetricRate, ...]:
    """Rates by metric, worst first: what the run froze when it ended, else what is counted now."""
    parts = _count_metrics(scope, run_id) if frozen is None else frozen["metrics"]
    views = [_metric(one, is_final=frozen is not None) for one in parts]
    return tuple(sorted(views, key=lambda one: (*_worst(one.rate), one.name)))


def parts_of(scope: Scope, run_id: UUID, frozen: Mapping[str, Any] | None) -> BreakdownView:
    """Both; empty for strangers."""
    requirements = requirements_of(scope, run_id, frozen)
    return BreakdownView(requirements=requirements, metrics=metrics_of(scope, run_id, frozen))


def count_parts(scope: Scope, run_id: UUID) -> dict[str, Any]:
    """The run's results by requirement and by metric, people's reviews included, and its cost, as JSON that a run keeps."""
    return {
        "requirements": _count_requirements(scope, run_id),
        "metrics": _count_metrics(scope, run_id),
        "spent": count_spent(scope, run_id),
    }


def totals_in(parts: Mapping[str, Any]) -> dict[str, int]:
    """The results of the whole run by outcome, summed over its requirements."""
    return {name: sum(one[name] for one in parts["requirements"]) for name in OUTCOMES}


def view_breakdown(scope: Scope, run_id: UUID) -> BreakdownView:
    """Both rates of a run; NotFound when it is not there to read."""
    return parts_of(scope, run_id, one_run(scope, TestRun.id == run_id, extra=(TestRun.parts,)).parts)


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
    outcomes = [func.count().filter(EffectiveResult.outcome == outcome).label(outcome) for outcome in OUTCOMES]
    counted = (
        scope.select(EffectiveResult.organization_id, EffectiveResult.requirement_id, *outcomes)
        .where(EffectiveResult.run_id == run_id)
        .group_by(EffectiveResult.organization_id, EffectiveResult.requirement_id)
        .subquery("counted")
    )
    query = (
        scope.select(TestRun.id, counted, Requirement.name.label("requirement"))
        .join(counted, counted.c.organization_id == TestRun.organization_id)
        .outerjoin(
            Requirement,
            and_(Requirement.organization_id == counted.c.organization_id, Requirement.id == counted.c.requirement_id),
        )
        .where(TestRun.id == run_id)
    )
    return [
        {"id": _text(row["requirement_id"]), "name": row["requirement"], **{name: row[name] for name in OUTCOMES}}
        for row in scope.session.execute(query).mappings()
    ]


def _count_metrics(scope: Scope, run_id: UUID) -> list[dict[str, Any]]:
    """A metric that has judged nothing yet is there with zeros."""
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
        .add_columns(*(func.coalesce(counted.c[name], 0).label(name) for name in _COUNTED))
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
    return [
        {
            "id": str(row["metric_id"]),
            "version_id": str(row["version_id"]),
            **{name: row[name] for name in ("name", "required", *_COUNTED, "tokens_in", "tokens_out")},
            "cost": money(row["cost"]),
        }
        for row in scope.session.execute(query).mappings()
    ]


def _requirement(part: Mapping[str, Any], *, is_final: bool) -> RequirementRate:
    return RequirementRate(
        requirement_id=UUID(part["id"]) if part["id"] else None,
        name=part["name"],
        rate=rate_from({name: part[name] for name in OUTCOMES}, is_final=is_final),
        error=part["error"],
        unscored=part["unscored"],
    )


def _metric(part: Mapping[str, Any], *, is_final: bool) -> MetricRate:
    return MetricRate(
        metric_id=UUID(part["id"]),
        version_id=UUID(part["version_id"]),
        name=part["name"],
        required=part["required"],
        rate=rate_from({name: part[name] for name in OUTCOMES}, is_final=is_final),
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
