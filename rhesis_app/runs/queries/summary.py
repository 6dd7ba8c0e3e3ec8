"""A run in a few numbers, as plugins and exporters get it."""

from uuid import UUID

from sqlalchemy import func, select

from rhesis_app.authoring.models import MetricVersion, TestSet, TestSetVersion
from rhesis_app.kernel.errors import NotFound
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.models import Project
from rhesis_app.runs.models import RunMetric, TestResult, TestRun
from rhesis_app.runs.rules import rate_of, totals_of
from rhesis_app.scoring.rules import RuleError, describe, parse_rule
from rhesis_app.sdk import MetricSnapshot, RunSummary, Totals


def run_totals(scope: Scope, run: TestRun) -> Totals:
    """Totals of a run: as frozen at its end, or counted from the results so far by one statement."""
    if run.totals is not None:
        return Totals(**run.totals)
    counted = scope.session.execute(
        select(TestResult.outcome, func.count())
        .where(TestResult.organization_id == scope.organization_id, TestResult.run_id == run.id)
        .group_by(TestResult.outcome)
    )
    return totals_of(run.planned, {outcome: count for outcome, count in counted}, ended=False)


def run_summary(scope: Scope, registry: Registry, run_id: UUID, *, url: str | None = None) -> RunSummary:
    """The summary of a run with the metrics it froze; NotFound for strangers."""
    row = scope.session.execute(
        scope.select(TestRun, Project.name, TestSet.name, TestSetVersion.number)
        .join(Project, (Project.id == TestRun.project_id) & (Project.organization_id == TestRun.organization_id))
        .join(TestSet, (TestSet.id == TestRun.test_set_id) & (TestSet.organization_id == TestRun.organization_id))
        .join(TestSetVersion, TestSetVersion.id == TestRun.test_set_version_id)
        .where(TestRun.id == run_id)
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such run here.")
    run, project, test_set, version = row
    scope.require(Permission.RUN_READ, project=run.project_id)
    totals = run_totals(scope, run)
    return RunSummary(
        run_id=str(run.id),
        number=run.number,
        project=project,
        endpoint=str(run.endpoint_snapshot["name"]),
        test_set=test_set,
        test_set_version=version,
        status=run.status,
        outcome=run.outcome,
        totals=totals,
        pass_rate=rate_of(totals),
        metrics=_metrics(scope, registry, run_id),
        started_at=run.started_at,
        finished_at=run.finished_at,
        url=url,
    )


def rule_in_words(registry: Registry, evaluator_key: str, rule: dict[str, object]) -> str:
    """A stored rule as people read it; its plain form where the evaluator is no longer installed."""
    spec = registry.evaluators.get(evaluator_key)
    if spec is not None:
        try:
            return describe(parse_rule(rule, spec.scale), spec.scale)
        except RuleError:
            pass
    return ", ".join(f"{form.replace('_', ' ')} {value}" for form, value in rule.items())


def _metrics(scope: Scope, registry: Registry, run_id: UUID) -> tuple[MetricSnapshot, ...]:
    rows = scope.session.scalars(
        scope.select(MetricVersion)
        .where(MetricVersion.id.in_(select(RunMetric.metric_version_id).where(RunMetric.run_id == run_id)))
        .order_by(MetricVersion.name)
    )
    return tuple(
        MetricSnapshot(
            name=row.name,
            evaluator=row.evaluator_key,
            revision=row.evaluator_revision,
            rule=rule_in_words(registry, row.evaluator_key, row.rule),
            required=row.required,
        )
        for row in rows
    )
