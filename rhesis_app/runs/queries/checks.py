"""What can be known of a run before it is started: checks with a status each, and what it would take."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import ceil
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import and_, func, select

from rhesis_app.authoring.models import Test, TestSetItem
from rhesis_app.endpoints.models import Endpoint
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import TestResult
from rhesis_app.runs.queries.estimates import Spending, cost_range, expected_cost, latest_runs_of, read_spending
from rhesis_app.runs.queries.preflight import JudgingMetric, Preflight, preflight
from rhesis_app.sdk import Need

_RUNS = 5
Status = Literal["passed", "warning", "failed", "skipped"]
_MAPPED = {Need.CONTEXT: ("context", "retrieved context"), Need.TOOL_CALLS: ("tool_calls", "tool calls")}


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedRun:
    """A run that may be started."""

    test_set_id: UUID
    endpoint_id: UUID
    metric_ids: tuple[UUID, ...] = ()
    trials: int = 1
    cost_cap: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at. `failed`: the run would be refused or tell nothing; `warning`: part of it would.

    `check` is one of tests, metrics, evaluators, needs, models, endpoint, with a cap cost_cap, and call.
    """

    check: str
    status: Status
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What the run would take: `seconds` and `cost` as [low, high], null where nothing is known to tell them from.

    `cost` are decimal texts in `currency`; `notes` say what the numbers rest on and what is not known.
    """

    calls: int
    seconds: tuple[float, ...] | None
    cost: tuple[str, ...] | None
    currency: str | None
    notes: tuple[str, ...]

    @property
    def cost_in_words(self) -> str:
        """The cost for reading."""
        return cost_range(self.cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRun:
    """All checks of a run that may be started, and what it would take."""

    checks: tuple[Check, ...]
    estimate: Estimate

    @property
    def worst(self) -> Status:
        """The status that matters most."""
        found = {one.status for one in self.checks}
        return next((status for status in ("failed", "warning", "skipped") if status in found), "passed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """How long this endpoint took to answer in its latest runs, over `answers` of them."""

    p50_ms: float
    p95_ms: float
    answers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstTest:
    """The test that stands first in a set."""

    prompt: str
    messages: list[dict[str, Any]] = field(default_factory=list)
    context: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is read for the checks."""

    found: Preflight
    endpoint: Endpoint
    is_other_project: bool
    latencies: Latencies | None
    first: FirstTest | None
    spending: Spending = field(default_factory=Spending)


def read_known(scope: Scope, registry: Registry, wanted: WantedRun) -> Known:
    """Everything there is to know without a call; NotFound for strangers, Forbidden for those who may not run it."""
    found = preflight(scope, registry, wanted.test_set_id, wanted.metric_ids)
    endpoint = scope.get(Endpoint, wanted.endpoint_id)
    scope.require(Permission.RUN_EXECUTE, project=endpoint.project_id)
    scope.require(Permission.RUN_EXECUTE, project=found.project_id)
    return Known(
        found=found,
        endpoint=endpoint,
        is_other_project=endpoint.project_id != found.project_id,
        latencies=_latencies(scope, wanted.endpoint_id),
        first=_first(scope, wanted.test_set_id),
        spending=read_spending(scope, endpoint, found.metrics),
    )


def checks_of(known: Known, wanted: WantedRun) -> tuple[Check, ...]:
    """The checks that need no call, in the order of what stands or falls with what."""
    found = known.found
    return (
        _tests(found),
        _metrics(found, len(wanted.metric_ids)),
        _evaluators(found.metrics),
        _needs(found.metrics, known.endpoint),
        _models(found.metrics),
        _endpoint(known),
    )


def estimate_of(known: Known, wanted: WantedRun, measured_ms: float | None = None) -> Estimate:
    """Calls, seconds and cost. `measured_ms` is what one call took just now, for an endpoint without a past."""
    calls = known.found.calls(wanted.trials)
    expected = expected_cost(known.spending, known.found.metrics, calls, wanted.trials)
    notes = list(expected.notes)
    currency = None if expected.cost is None else "USD"
    turns = ceil(calls / known.endpoint.max_concurrency)
    at_once = f"at most {known.endpoint.max_concurrency} at a time"
    if known.latencies is not None:
        low, high = known.latencies.p50_ms, known.latencies.p95_ms
        notes.append(
            f"Seconds from {known.latencies.answers:,} earlier answers of this endpoint (half came within {low:,.0f} ms,"
            f" 95 % within {high:,.0f} ms), {at_once}; judging comes on top."
        )
    elif measured_ms is not None:
        low = high = measured_ms
        notes.append(f"Seconds from the one call made just now, {at_once}: no earlier run of this endpoint tells more.")
    else:
        notes.append("No earlier run of this endpoint tells how long it takes.")
        return Estimate(calls=calls, seconds=None, cost=expected.cost, currency=currency, notes=tuple(notes))
    seconds = (round(turns * low / 1000, 2), round(turns * high / 1000, 2))
    return Estimate(calls=calls, seconds=seconds, cost=expected.cost, currency=currency, notes=tuple(notes))


def _tests(found: Preflight) -> Check:
    if not found.test_count:
        return Check(
            check="tests", status="failed", message="This test set has no tests yet. Add some, or import a file."
        )
    return Check(check="tests", status="passed", message=f"“{found.name}” has {_counted(found.test_count, 'test')}.")


def _metrics(found: Preflight, given: int) -> Check:
    judging = len({one.id for one in found.metrics})
    if given > judging:
        gone = given - judging
        sentence = (
            f"{gone} of the {given} metrics chosen {'is' if gone == 1 else 'are'} not in this project, or archived."
        )
        return Check(check="metrics", status="failed", message=sentence)
    if found.judged_by == "nothing":
        sentence = "Nothing would judge the answers: attach metrics to the test set or to requirements, or choose some."
        return Check(check="metrics", status="failed", message=sentence)
    if found.unjudged:
        has = "has" if found.unjudged == 1 else "have"
        sentence = (
            f"{found.unjudged} of {found.test_count} tests {has} no requirement with metrics: they will stay unscored."
        )
        return Check(check="metrics", status="warning", message=sentence)
    if not any(one.required for one in found.metrics):
        sentence = "Only optional metrics would judge: every test stays unscored. Make one of them required."
        return Check(check="metrics", status="warning", message=sentence)
    return Check(check="metrics", status="passed", message=f"{_counted(judging, 'metric')} would judge.")


def _evaluators(metrics: Sequence[JudgingMetric]) -> Check:
    broken = list(dict.fromkeys(f"“{one.name}” cannot judge: {one.problem}." for one in metrics if one.problem))
    if broken:
        return Check(check="evaluators", status="failed", message=" ".join(broken))
    if not metrics:
        return Check(check="evaluators", status="skipped", message="There is no metric to look at.")
    return Check(check="evaluators", status="passed", message="Every evaluator is installed and fits its metric.")


def _needs(metrics: Sequence[JudgingMetric], endpoint: Endpoint) -> Check:
    lacking: list[str] = []
    for one in (metric for metric in metrics if not metric.problem):
        if one.applies_to < one.tests:
            has = "has" if one.tests - one.applies_to == 1 else "have"
            lacking.append(
                f"{one.tests - one.applies_to} of {one.tests} tests {has} no expected answer: “{one.name}” does not apply there."
            )
        for need, (place, words) in _MAPPED.items():
            if need in one.needs and endpoint.model_id is None and not endpoint.response_mapping.get(place):
                lacking.append(f"The endpoint's mapping reads no {words}: “{one.name}” applies to no answer.")
    if lacking:
        return Check(check="needs", status="warning", message=" ".join(dict.fromkeys(lacking)))
    return Check(check="needs", status="passed", message="Tests and endpoint have what the metrics need.")


def _models(metrics: Sequence[JudgingMetric]) -> Check:
    asking = list(dict.fromkeys(f"“{one.name}”" for one in metrics if Need.JUDGE in one.needs))
    if not asking:
        return Check(check="models", status="passed", message="No metric asks a model.")
    sentence = f"{', '.join(asking)} {'asks' if len(asking) == 1 else 'ask'} a model; whether it answers was not tried."
    return Check(check="models", status="skipped", message=sentence)


def _endpoint(known: Known) -> Check:
    endpoint = known.endpoint
    if known.is_other_project:
        sentence = f"“{endpoint.name}” belongs to another project than the test set."
        return Check(check="endpoint", status="failed", message=sentence)
    if endpoint.archived_at is not None:
        sentence = f"“{endpoint.name}” is archived. Restore it, or choose another."
        return Check(check="endpoint", status="failed", message=sentence)
    sentence = f"“{endpoint.name}” is asked at most {endpoint.max_concurrency} tests at a time."
    return Check(check="endpoint", status="passed", message=sentence)


def _latencies(scope: Scope, endpoint_id: UUID) -> Latencies | None:
    """Of the answers in the endpoint's latest runs; copies in re-scores and replays are left out."""
    spread = func.percentile_cont([0.5, 0.95]).within_group(TestResult.latency_ms)
    row = scope.session.execute(
        select(spread, func.count(TestResult.latency_ms)).where(
            TestResult.organization_id == scope.organization_id,
            TestResult.run_id.in_(latest_runs_of(scope, endpoint_id)),
            TestResult.latency_ms.is_not(None),
            TestResult.outcome != "error",
        )
    ).one()
    found, answers = row
    return Latencies(p50_ms=found[0], p95_ms=found[1], answers=answers) if answers else None


def _first(scope: Scope, test_set_id: UUID) -> FirstTest | None:
    row = scope.session.execute(
        scope.select(Test.prompt, Test.messages, Test.context, Test.facts)
        .join(TestSetItem, and_(TestSetItem.organization_id == Test.organization_id, TestSetItem.test_id == Test.id))
        .where(TestSetItem.test_set_id == test_set_id, Test.archived_at.is_(None))
        .order_by(TestSetItem.position, Test.id)
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    return FirstTest(prompt=row.prompt, messages=row.messages, context=row.context, metadata=row.facts)


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"
