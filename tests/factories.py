"""Rows for tests that only read: runs with results as the engine leaves them, without an engine having run."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from rhesis_app.authoring.models import (
    Metric,
    MetricVersion,
    Requirement,
    Test,
    TestSet,
    TestSetItem,
    TestSetVersion,
    TestSetVersionItem,
    TestVersion,
)
from rhesis_app.endpoints.models import Endpoint, EndpointThrottle
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.models import Project
from rhesis_app.runs.models import Evaluation, RunMetric, TestResult, TestRun, WorkItem
from rhesis_app.runs.queries.freeze import count_run
from rhesis_app.runs.rules import final_status, totals_of
from rhesis_app.scoring.outcome import run_outcome
from tests.given import Given, evaluation_rows, result_row

__all__ = ["Given", "MadeRun", "RunPlan", "make_run"]


@dataclass(frozen=True, kw_only=True)
class MadeRun:
    """What was made, by id; results in the order given, without those that are pending."""

    id: UUID
    number: int
    test_set_id: UUID
    endpoint_id: UUID
    result_ids: tuple[UUID, ...]
    metric_ids: dict[str, UUID]
    requirement_ids: dict[str, UUID]


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """How the run stands: unfinished ones have no frozen totals."""

    project_id: UUID
    metrics: tuple[str, ...] = ("Contains the answer",)
    optional: tuple[str, ...] = ()
    is_finished: bool = True
    is_cancelled: bool = False
    test_set: str = "Release regression"
    endpoint: str = "copilot-staging"
    started_at: datetime | None = None
    same_tests: bool = False
    """Whether tests that the project has already (by prompt) are run again, rather than new ones made."""
    kind: str = "run"
    parent_run_id: UUID | None = None
    chosen_by: str | None = None
    config: dict[str, Any] = field(default_factory=dict)
    cost_cap: Decimal | None = None


def make_run(scope: Scope, plan: RunPlan, results: Sequence[Given]) -> MadeRun:
    """A run with these results, committed."""
    with scope.atomic():
        return _make_run(scope, plan, results)


def _make_run(scope: Scope, plan: RunPlan, results: Sequence[Given]) -> MadeRun:
    session = scope.session
    requirements = _requirements(scope, plan.project_id, {one.requirement for one in results if one.requirement})
    metrics, metric_versions = _metrics(scope, plan)
    endpoint_id = _endpoint(scope, plan)
    versions = _tests(scope, plan, results, requirements)
    test_set_id, set_version_id = _test_set(scope, plan, versions)
    number = session.scalars(
        update(Project)
        .where(Project.id == plan.project_id)
        .values(last_run_number=Project.last_run_number + 1)
        .returning(Project.last_run_number)
    ).one()
    trials = [trial for one in results for trial in one.trials]
    counts: dict[str, int] = {}
    for trial in trials:
        counts[trial.outcome] = counts.get(trial.outcome, 0) + 1
    totals = totals_of(len(trials), counts, ended=plan.is_finished)
    started = plan.started_at or func.now() - literal(timedelta(seconds=60))
    run = TestRun(
        id=new_id(),
        project_id=plan.project_id,
        number=number,
        test_set_id=test_set_id,
        test_set_version_id=set_version_id,
        endpoint_id=endpoint_id,
        endpoint_snapshot={
            "name": plan.endpoint,
            "url": "https://copilot.example/chat",
            "method": "POST",
            "request_template": {"message": "{{ input }}"},
            "response_mapping": {"output": "$.reply"},
            "timeout_s": 60,
            "max_concurrency": 16,
            "headers": {},
            "auth_kind": "none",
        },
        kind=plan.kind,
        parent_run_id=plan.parent_run_id,
        chosen_by=plan.chosen_by,
        config={"max_attempts": 3, "metrics_from": "test_set"} | plan.config,
        planned=len(trials),
        trials=len(trials) // len(results),
        test_count=len(results) if len(trials) > len(results) else None,
        cost_cap=plan.cost_cap,
        status=str(final_status(totals)) if plan.is_finished else "running",
        outcome=str(run_outcome(passed=totals.passed, failed=totals.failed)) if plan.is_finished else "none",
        totals=asdict(totals) if plan.is_finished else None,
        started_by=scope.actor.user_id,
        started_at=started,
        finished_at=func.now() if plan.is_finished else None,
        deadline_at=func.now() + literal(timedelta(hours=6)),
        cancel_requested_at=func.now() if plan.is_cancelled else None,
    )
    session.add(run)
    session.flush()
    session.add_all(
        RunMetric(run_id=run.id, position=position, metric_version_id=version_id)
        for position, version_id in enumerate(metric_versions.values())
    )
    session.flush()
    result_ids = _results(scope, run, list(zip(results, versions, strict=True)), metric_versions)
    if plan.is_finished:
        for name, value in count_run(scope, run).items():
            setattr(run, name, value)
    return MadeRun(
        id=run.id,
        number=number,
        test_set_id=test_set_id,
        endpoint_id=endpoint_id,
        result_ids=result_ids,
        metric_ids=metrics,
        requirement_ids=requirements,
    )


def _requirements(scope: Scope, project_id: UUID, names: set[str]) -> dict[str, UUID]:
    query = scope.select(Requirement.name, Requirement.id).where(Requirement.project_id == project_id)
    known = dict(tuple(row) for row in scope.session.execute(query))
    for name in names - known.keys():
        known[name] = new_id()
        scope.session.add(Requirement(id=known[name], project_id=project_id, name=name))
    scope.session.flush()
    return known


def _metrics(scope: Scope, plan: RunPlan) -> tuple[dict[str, UUID], dict[str, UUID]]:
    query = scope.select(Metric.name, Metric.id).where(Metric.project_id == plan.project_id)
    known = dict(tuple(row) for row in scope.session.execute(query))
    versions: dict[str, UUID] = {}
    for name in plan.metrics:
        required = name not in plan.optional
        recipe = {
            "evaluator_key": "text.contains",
            "params": {"text": ""},
            "rule": {"at_least": 1},
            "required": required,
        }
        if name not in known:
            known[name] = new_id()
            scope.session.add(Metric(id=known[name], project_id=plan.project_id, name=name, **recipe))
            scope.session.flush()
        found = scope.session.scalar(scope.select(MetricVersion.id).where(MetricVersion.metric_id == known[name]))
        versions[name] = found or new_id()
        if found is None:
            scope.session.add(
                MetricVersion(
                    id=versions[name],
                    metric_id=known[name],
                    name=name,
                    content_hash=name,
                    evaluator_revision=1,
                    **recipe,
                )
            )
    scope.session.flush()
    return {name: known[name] for name in plan.metrics}, versions


def _endpoint(scope: Scope, plan: RunPlan) -> UUID:
    query = scope.select(Endpoint.id).where(Endpoint.project_id == plan.project_id, Endpoint.name == plan.endpoint)
    found = scope.session.scalar(query)
    if found is not None:
        return UUID(str(found))
    row = Endpoint(
        id=new_id(),
        project_id=plan.project_id,
        name=plan.endpoint,
        url="https://copilot.example/chat",
        request_template={"message": "{{ input }}"},
        response_mapping={"output": "$.reply"},
    )
    scope.session.add(row)
    scope.session.flush()
    scope.session.add(EndpointThrottle(endpoint_id=row.id))
    scope.session.flush()
    return row.id


def _tests(
    scope: Scope, plan: RunPlan, results: Sequence[Given], requirements: dict[str, UUID]
) -> list[dict[str, Any]]:
    """One test and version for each result, as keys for the rows that hang from them."""
    known = _known_versions(scope, plan.project_id) if plan.same_tests else {}
    tests, made, versions = [], [], []
    for one in results:
        if one.prompt in known:
            versions.append(known[one.prompt])
            continue
        test_id = new_id()
        content_hash = hashlib.sha256(str(test_id).encode()).hexdigest()
        shared: dict[str, Any] = {
            "organization_id": scope.organization_id,
            "requirement_id": requirements.get(one.requirement or ""),
            "kind": "single_turn",
            "prompt": one.prompt,
            "expected": one.expected,
            "messages": [],
            "context": [],
            "content_hash": content_hash,
        }
        version_id = _version_id(test_id, content_hash)
        tests.append({**shared, "id": test_id, "project_id": plan.project_id, "facts": one.metadata})
        made.append({**shared, "id": version_id, "test_id": test_id, "facts": one.metadata})
        versions.append(made[-1])
    if tests:
        scope.session.execute(insert(Test), tests)
        scope.session.execute(insert(TestVersion), made)
    return versions


def _known_versions(scope: Scope, project_id: UUID) -> dict[str, dict[str, Any]]:
    query = (
        scope.select(TestVersion.prompt, TestVersion.id, TestVersion.test_id, TestVersion.requirement_id)
        .join(Test, (Test.organization_id == TestVersion.organization_id) & (Test.id == TestVersion.test_id))
        .where(Test.project_id == project_id)
    )
    return {
        row.prompt: {"id": row.id, "test_id": row.test_id, "requirement_id": row.requirement_id}
        for row in scope.session.execute(query)
    }


def _version_id(test_id: UUID, content_hash: str) -> UUID:
    """As `freeze_test_set` makes it: a UUID version 8 of test and content."""
    digest = hashlib.sha256(f"{test_id} {content_hash}".encode()).hexdigest()[:32]
    return UUID(f"{digest[:12]}8{digest[13:16]}8{digest[17:]}")


def _test_set(scope: Scope, plan: RunPlan, versions: Sequence[dict[str, Any]]) -> tuple[UUID, UUID]:
    session, organization_id = scope.session, scope.organization_id
    query = scope.select(TestSet.id).where(TestSet.project_id == plan.project_id, TestSet.name == plan.test_set)
    test_set_id = session.scalar(query)
    if test_set_id is None:
        test_set_id = new_id()
        session.add(TestSet(id=test_set_id, project_id=plan.project_id, name=plan.test_set))
        session.flush()
    last = session.scalar(
        select(func.coalesce(func.max(TestSetVersion.number), 0)).where(TestSetVersion.test_set_id == test_set_id)
    )
    version_id = new_id()
    session.add(
        TestSetVersion(
            id=version_id,
            test_set_id=test_set_id,
            number=(last or 0) + 1,
            content_hash=hashlib.sha256(str(version_id).encode()).hexdigest(),
            test_count=len(versions),
        )
    )
    session.flush()
    items = [
        {"organization_id": organization_id, "position": position, "test_version_id": version["id"]}
        for position, version in enumerate(versions, start=1)
    ]
    if items:
        session.execute(insert(TestSetVersionItem), [{**item, "test_set_version_id": version_id} for item in items])
        working = [
            {
                "organization_id": organization_id,
                "test_set_id": test_set_id,
                "test_id": version["test_id"],
                "position": position,
            }
            for position, version in enumerate(versions, start=1)
        ]
        session.execute(upsert(TestSetItem).on_conflict_do_nothing(), working)
    return test_set_id, version_id


def _results(
    scope: Scope, run: TestRun, planned: Sequence[tuple[Given, dict[str, Any]]], metric_versions: dict[str, UUID]
) -> tuple[UUID, ...]:
    results, evaluations, items = [], [], []
    placed = [
        (position, trial, one, version)
        for position, (given, version) in enumerate(planned, start=1)
        for trial, one in enumerate(given.trials, start=1)
    ]
    for position, trial, one, version in placed:
        key = {
            "organization_id": scope.organization_id,
            "run_id": run.id,
            "test_version_id": version["id"],
            "trial": trial,
            "position": position,
        }
        if one.outcome == "pending":
            items.append({**key, "endpoint_id": run.endpoint_id})
            continue
        if one.outcome == "cancelled":
            continue
        results.append(result_row(key, one, version))
        evaluations += evaluation_rows(results[-1], one, metric_versions)
    if results:
        scope.session.execute(insert(TestResult), results)
    if evaluations:
        scope.session.execute(insert(Evaluation), evaluations)
    if items:
        scope.session.execute(insert(WorkItem), items)
    return tuple(result["id"] for result in results)
