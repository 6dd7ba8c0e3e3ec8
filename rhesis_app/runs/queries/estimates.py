"""What a run may cost, told from what answers and judgements came to in the latest runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, exists, func, select

from rhesis_app.authoring.models import Metric, MetricVersion
from rhesis_app.endpoints.models import Endpoint, Model
from rhesis_app.endpoints.rules.costs import dollars
from rhesis_app.endpoints.rules.models import money
from rhesis_app.kernel.ports import Prices
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import Evaluation, RunMetric, TestResult, TestRun
from rhesis_app.runs.queries.preflight import JudgingMetric
from rhesis_app.runs.rules import COUNTED
from rhesis_app.runs.rules.recordings import REPLAYS
from rhesis_app.sdk import Need

RUNS: Final = 5
_GRAIN: Final = Decimal("0.000001")
_UNPRICED: Final = "What the endpoint's own calls cost is not known: it has no prices, and its answers tell no cost."
_UNSEEN: Final = "No earlier run of this endpoint tells what an answer costs."


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What one answer, and one judgement by each metric, came to on average in each of the latest runs, in US dollars.

    Where there are prices today, tokens are priced by them. `is_priced` says whether an answer's cost can be known at all.
    """

    is_priced: bool = False
    answers: tuple[Decimal, ...] = ()
    judgements: Mapping[UUID, tuple[Decimal, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The cost of a run as [low, high] in decimal texts, None where nothing tells it; `notes` say what it rests on."""

    cost: tuple[str, ...] | None
    notes: tuple[str, ...]


def latest_runs_of(scope: Scope, endpoint_id: UUID) -> Any:
    """The ids of the latest ended runs that asked this endpoint."""
    return (
        scope.select(TestRun.id)
        .where(TestRun.endpoint_id == endpoint_id, TestRun.kind.in_(COUNTED), TestRun.finished_at.is_not(None))
        .where(TestRun.source.not_in(REPLAYS))
        .order_by(TestRun.id.desc())
        .limit(RUNS)
    )


def read_spending(scope: Scope, endpoint: Endpoint, metrics: Sequence[JudgingMetric]) -> Spending:
    """What the latest runs of an endpoint, and the latest judgements by these metrics, came to; at most three statements."""
    source, tells_cost = endpoint.model or endpoint, "cost" in endpoint.response_mapping
    prices = Prices(input_per_million=source.price_input, output_per_million=source.price_output)
    asking = {one.id for one in metrics if Need.JUDGE in one.needs}
    found: dict[UUID, list[Decimal]] = {}
    for row in scope.session.execute(_judgements(scope, endpoint.project_id, asking)) if asking else ():
        of_judge = Prices(input_per_million=row.price_input, output_per_million=row.price_output)
        if (mean := _mean(row, of_judge)) is not None:
            found.setdefault(row.metric_id, []).append(mean)
    means = (
        _mean(row, Prices() if tells_cost else prices) for row in scope.session.execute(_answers(scope, endpoint.id))
    )
    is_priced = tells_cost or None not in {prices.input_per_million, prices.output_per_million}
    return Spending(
        is_priced=is_priced,
        answers=tuple(mean for mean in means if mean is not None) if is_priced else (),
        judgements={metric_id: tuple(some) for metric_id, some in found.items()},
    )


def expected_cost(spending: Spending, metrics: Sequence[JudgingMetric], calls: int, trials: int) -> Expected:
    """What so many calls with their judging would come to, between the cheapest and the dearest of the runs that tell it."""
    asking = [one for one in metrics if Need.JUDGE in one.needs]
    known = [(calls, spending.answers)] if spending.answers else []
    known += [(one.applies_to * trials, told) for one in asking if (told := spending.judgements.get(one.id))]
    notes = [_of_answers(spending), *_of_judges(spending, asking)]
    if not known:
        return Expected(cost=None, notes=tuple(notes))
    low, high = (sum((count * pick(told) for count, told in known), start=Decimal(0)) for pick in (min, max))
    return Expected(cost=tuple(money(amount.quantize(_GRAIN)) or "0" for amount in (low, high)), notes=tuple(notes))


def cost_range(cost: Sequence[str] | None) -> str:
    """An expected cost in words."""
    if not cost:
        return "not known"
    low, high = dollars(cost[0]), dollars(cost[1])
    return low if low == high else f"{low} to {high}"


def _of_answers(spending: Spending) -> str:
    if not spending.is_priced:
        return _UNPRICED
    if not spending.answers:
        return _UNSEEN
    runs = "the latest run" if len(spending.answers) == 1 else f"the latest {len(spending.answers)} runs"
    return f"Cost of answers from {runs} of this endpoint, each at its mean."


def _of_judges(spending: Spending, asking: Sequence[JudgingMetric]) -> list[str]:
    said = []
    if spending.judgements:
        said.append("Cost of judging from the latest judgements by these metrics.")
    unknown = list(dict.fromkeys(f"“{one.name}”" for one in asking if not spending.judgements.get(one.id)))
    if unknown:
        said.append(f"What judging by {', '.join(unknown)} costs is not known yet, and not in it.")
    return said


def _mean(row: Any, prices: Prices) -> Decimal | None:
    """One run's mean: tokens by today's prices, else what was kept."""
    if None in (row.tokens_in, row.tokens_out, prices.input_per_million, prices.output_per_million):
        kept: Decimal | None = row.cost
        return kept
    priced = row.tokens_in * (prices.input_per_million or 0) + row.tokens_out * (prices.output_per_million or 0)
    return Decimal(priced) / 1_000_000


def _averages(kept: Any) -> tuple[Any, ...]:
    return tuple(func.avg(getattr(kept, name)).label(name) for name in ("cost", "tokens_in", "tokens_out"))


def _answers(scope: Scope, endpoint_id: UUID) -> Any:
    result = TestResult
    return (
        scope.select(result.run_id, *_averages(result))
        .where(result.run_id.in_(latest_runs_of(scope, endpoint_id)), result.outcome != "error")
        .group_by(result.run_id)
    )


def _judgements(scope: Scope, project_id: UUID, metric_ids: set[UUID]) -> Any:
    """Means by metric and run, with the prices of today of the model that judges for the metric."""
    judged_by_them = exists().where(
        RunMetric.organization_id == TestRun.organization_id,
        RunMetric.run_id == TestRun.id,
        MetricVersion.organization_id == RunMetric.organization_id,
        MetricVersion.id == RunMetric.metric_version_id,
        MetricVersion.metric_id.in_(metric_ids),
    )
    latest = (
        scope.select(TestRun.id)
        .where(TestRun.project_id == project_id, TestRun.finished_at.is_not(None), judged_by_them)
        .order_by(TestRun.id.desc())
        .limit(RUNS)
    )
    default = (
        select(Model.id)
        .where(Model.organization_id == Metric.organization_id, Model.project_id == Metric.project_id, Model.is_default)
        .correlate(Metric)
        .scalar_subquery()
    )
    prices, one = (Model.price_input, Model.price_output), Evaluation
    return (
        scope.select(one.run_id, MetricVersion.metric_id, *_averages(one), *prices)
        .join(
            MetricVersion,
            and_(MetricVersion.organization_id == one.organization_id, MetricVersion.id == one.metric_version_id),
        )
        .join(
            Metric, and_(Metric.organization_id == MetricVersion.organization_id, Metric.id == MetricVersion.metric_id)
        )
        .outerjoin(
            Model,
            and_(
                Model.organization_id == Metric.organization_id,
                Model.id == func.coalesce(Metric.model_id, default),
            ),
        )
        .where(one.run_id.in_(latest), one.model.is_not(None), MetricVersion.metric_id.in_(metric_ids))
        .group_by(one.run_id, MetricVersion.metric_id, *prices)
    )
