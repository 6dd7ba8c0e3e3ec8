"""A run in a few numbers, as plugins and exporters get it."""

from uuid import UUID

from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.queries import get_project
from rhesis_app.runs.queries.breakdown import view_breakdown
from rhesis_app.runs.queries.finding import finding_of, left_out_of, origin_of, steadiness_of
from rhesis_app.runs.queries.runs import view_run
from rhesis_app.runs.queries.views import PassRate
from rhesis_app.runs.queries.wording import words_of
from rhesis_app.sdk import MetricSnapshot, PartRate, Rate, RunCost, RunSummary


def run_summary(scope: Scope, registry: Registry, run_id: UUID, *, url: str | None = None) -> RunSummary:
    """The summary of a run with the metrics it froze; NotFound for strangers."""
    run = view_run(scope, run_id)
    parts = view_breakdown(scope, run_id)
    return RunSummary(
        run_id=str(run.id),
        number=run.number,
        project=get_project(scope, run.project_id).name,
        endpoint=run.endpoint.name,
        test_set=run.test_set.name,
        test_set_version=run.test_set.version,
        status=run.status,
        outcome=run.outcome,
        totals=run.totals,
        pass_rate=_rate(run.pass_rate),
        metrics=tuple(
            MetricSnapshot(
                name=metric.name,
                evaluator=metric.evaluator,
                revision=metric.revision,
                rule=words_of(metric.rule, registry.evaluators.get(metric.evaluator), metric.params),
                required=metric.required,
            )
            for metric in run.metrics
        ),
        started_at=run.started_at,
        finished_at=run.finished_at,
        url=url,
        finding=" ".join(said for said in (origin_of(run), finding_of(run, parts.requirements)) if said),
        left_out=left_out_of(run),
        cost=run.cost or RunCost(),
        by_requirement=tuple(
            PartRate(name=one.name or "Without a requirement", rate=_rate(one.rate)) for one in parts.requirements
        ),
        test_totals=run.test_totals if run.is_repeated else None,
        steadiness=steadiness_of(run),
        by_metric=tuple(PartRate(name=one.name, rate=_rate(one.rate)) for one in parts.metrics),
    )


def _rate(rate: PassRate) -> Rate:
    return Rate(value=rate.value, low=rate.low, high=rate.high, passed=rate.passed, n=rate.n, excluded=rate.excluded)
