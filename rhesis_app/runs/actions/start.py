"""Accepting a run: everything it depends on is frozen and every item planned in one transaction."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, Interval, func, literal, select, text, update
from sqlalchemy.exc import IntegrityError

from rhesis_app.authoring.actions.freeze import FrozenTestSet, freeze_test_set
from rhesis_app.authoring.actions.metrics import freeze_metrics
from rhesis_app.authoring.models import (
    Metric,
    RequirementMetric,
    TestSet,
    TestSetMetric,
    TestSetVersionItem,
    TestVersion,
)
from rhesis_app.endpoints.actions.exchange import snapshot_of
from rhesis_app.endpoints.actions.judging import judge_facts
from rhesis_app.endpoints.models import Endpoint
from rhesis_app.endpoints.rules.costs import read_prices
from rhesis_app.endpoints.rules.models import money
from rhesis_app.kernel.errors import Conflict, Invalid
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.models import Project
from rhesis_app.runs.actions.cost_caps import check_cost_cap
from rhesis_app.runs.actions.recordings import choose_recording
from rhesis_app.runs.models import RunMetric, TestRun
from rhesis_app.runs.rules import ALONE_S, DEADLINE, MAX_ATTEMPTS, SCORING_S, SLOT_THREADS, slots
from rhesis_app.runs.rules.recordings import REPLAYS, Source
from rhesis_app.runs.rules.trials import MAX_PLANNED, TOO_MANY, check_trials
from rhesis_app.scoring.reducers import MAJORITY, Reducer

PLAN = text(
    "INSERT INTO work_item (organization_id, run_id, test_version_id, trial, position, endpoint_id, max_attempts)"
    " SELECT i.organization_id, :run, i.test_version_id, t.trial, i.position, :endpoint, :attempts FROM test_set_version_item i"
    " JOIN test_version v ON v.organization_id = i.organization_id AND v.id = i.test_version_id"
    " CROSS JOIN LATERAL generate_series(1, COALESCE(v.trials, :trials)) AS t (trial)"
    " WHERE i.organization_id = :organization AND i.test_set_version_id = :version LIMIT :most"
)
# One answer's judges ask one after another, each at most as long as JudgeTools.patience_s says; the instance's own has 60 s.
_JUDGING = text(
    """
SELECT max(patience) FROM (
  SELECT sum(2 * COALESCE(m.timeout_s, 60) + 30) AS patience
    FROM run_metric r JOIN metric_version v ON v.organization_id = r.organization_id AND v.id = r.metric_version_id
    LEFT JOIN model m ON m.organization_id = v.organization_id AND m.id = CAST(v.model->>'id' AS uuid)
   WHERE r.organization_id = :organization AND r.run_id = :run AND v.model IS NOT NULL GROUP BY r.requirement_id
) judges
"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """A run to start. Empty `metric_ids` means the test set's metrics, else those of each test's requirement.

    Each test is asked `trials` times, unless it says itself how often; `reducer` makes one outcome of a test's trials.
    `cost_cap` (US dollars) stops it when what is known of its cost has reached that much.
    `source` is one of `Source`; a replay takes the recording of the run `recording_run_id`, else the latest that fits.
    """

    test_set_id: UUID
    endpoint_id: UUID
    metric_ids: tuple[UUID, ...] = ()
    idempotency_key: str | None = None
    schedule_id: UUID | None = None
    trials: int = 1
    reducer: Reducer = MAJORITY
    cost_cap: Decimal | None = None
    source: str = Source.LIVE
    recording_run_id: UUID | None = None

    @property
    def body(self) -> str:
        """A digest of what is asked for, to tell a repeated request from another one under the same key."""
        parts = [str(self.test_set_id), str(self.endpoint_id), *sorted(map(str, self.metric_ids))]
        # what a request does not use leaves its digest as it was before there was such a thing
        parts += [f"trials={self.trials}"] if self.trials != 1 else []
        parts += [f"reducer={self.reducer.name}:{self.reducer.k}"] if self.reducer != MAJORITY else []
        parts += [f"cost_cap {money(self.cost_cap)}"] if self.cost_cap is not None else []
        if self.source != Source.LIVE:
            parts += [f"source={self.source}", f"recording={self.recording_run_id or ''}"]
        return hashlib.sha256("|".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenMetric:
    """A metric that judges the tests of one requirement, or with None all of them."""

    metric_id: UUID
    requirement_id: UUID | None = None


def start_run(scope: Scope, registry: Registry, new: NewRun) -> UUID:
    """Accept a run and ring for its slices; the same idempotency key gives the same run.

    Raises Invalid (an empty set, no metric, too many trials, a cap on a cost that cannot be known), NotFound, Conflict (the key was used
    for another request).
    """
    check_trials(new.trials, new.reducer)
    test_set = scope.get(TestSet, new.test_set_id)
    scope.require(Permission.RUN_EXECUTE, project=test_set.project_id)
    return accept_once(scope, new.idempotency_key, new.body, lambda: _accept(scope, registry, new, test_set))


def accept_once(scope: Scope, key: str | None, body: str, accept: Callable[[], UUID]) -> UUID:
    """The run that this key was used for, else the one that `accept` makes. Conflict when the key stands for another body."""
    earlier = _earlier(scope, key, body)
    if earlier is not None:
        return earlier
    try:
        return accept()
    except IntegrityError as error:  # the same key arrived twice at once, and the other one won
        winner = _earlier(scope, key, body)
        if winner is None:
            raise Conflict("This run collides with a change made meanwhile. Try again.") from error
        return winner


def _accept(scope: Scope, registry: Registry, new: NewRun, test_set: TestSet) -> UUID:
    run_id = new_id()
    with scope.atomic() as session:
        endpoint = _endpoint(scope, new.endpoint_id, test_set)
        recording_id = choose_recording(scope, new.source, new.recording_run_id, test_set, endpoint.id)
        frozen = freeze_test_set(scope, test_set.id)
        chosen = _choose_metrics(scope, new, test_set, frozen)
        versions = freeze_metrics(scope, registry, list(dict.fromkeys(item.metric_id for item in chosen)))
        snapshot, judges = snapshot_of(endpoint), judge_facts(scope, versions.values())
        check_cost_cap(new.cost_cap, snapshot, (read_prices(facts["prices"]) for facts in judges.values()))
        row = TestRun(
            id=run_id,
            project_id=test_set.project_id,
            number=next_number(scope, test_set.project_id),
            test_set_id=test_set.id,
            test_set_version_id=frozen.id,
            endpoint_id=endpoint.id,
            endpoint_snapshot=snapshot.to_json(),
            config={
                "max_attempts": MAX_ATTEMPTS,
                "metrics_from": _source(new, chosen),
                "judges": judges,
            },
            planned=frozen.test_count * new.trials,
            trials=new.trials,
            cost_cap=new.cost_cap,
            idempotency_key=new.idempotency_key,
            idempotency_body=new.body if new.idempotency_key else None,
            started_by=scope.actor.user_id,
            schedule_id=new.schedule_id,
            source=new.source,
            recording_run_id=recording_id,
            deadline_at=func.now() + literal(DEADLINE, Interval),
        )
        session.add(row)
        session.flush()
        write_metrics(scope, run_id, chosen, versions)
        _write_plan(scope, row, frozen.test_count, new.reducer)
        scope.record("run.start", "test_run", run_id, number=row.number, planned=row.planned)
        if new.source == Source.REPLAY_OR_FAIL:
            ring(scope, run_id, SLOT_THREADS, SCORING_S)
        else:
            ring(scope, run_id, endpoint.max_concurrency, endpoint.timeout_s)
    return run_id


def ring(scope: Scope, run_id: UUID, limit: int, timeout_s: int) -> None:
    """Ask for as many slices as the limit keeps busy; each may take its claiming time, one answer, its judging and a margin."""
    judging_s = int(scope.session.scalar(_JUDGING, {"organization": scope.organization_id, "run": run_id}) or 0)
    for slot in range(slots(limit)):
        scope.enqueue("runs.drive", run_id=run_id, slot=slot, timeout_s=int(ALONE_S) + timeout_s + judging_s + 60)


def write_metrics(scope: Scope, run_id: UUID, chosen: Sequence[ChosenMetric], versions: Mapping[UUID, UUID]) -> None:
    """What judges a run, in this order; `versions` maps each metric to the version that does."""
    scope.session.add_all(
        RunMetric(
            run_id=run_id,
            position=position,
            metric_version_id=versions[item.metric_id],
            requirement_id=item.requirement_id,
        )
        for position, item in enumerate(chosen)
    )
    scope.session.flush()


def _write_plan(scope: Scope, row: TestRun, test_count: int, reducer: Reducer) -> None:
    """Write the run's items. Where tests have several trials it is known from here on, and the reducer is kept."""
    written = scope.session.execute(
        PLAN,
        {
            "run": row.id,
            "endpoint": None if row.source in REPLAYS else row.endpoint_id,
            "attempts": MAX_ATTEMPTS,
            "organization": scope.organization_id,
            "version": row.test_set_version_id,
            "trials": row.trials,
            "most": MAX_PLANNED + 1,
        },
    )
    planned = cast(CursorResult[Any], written).rowcount
    if planned > MAX_PLANNED:
        raise Invalid.field("trials", TOO_MANY)
    row.planned = planned
    if planned > test_count:
        row.test_count = test_count
        row.config = row.config | {"reducer": reducer.to_json()}
    scope.session.flush()


def _earlier(scope: Scope, key: str | None, body: str) -> UUID | None:
    if key is None:
        return None
    query = scope.select(TestRun.id, TestRun.idempotency_body).where(TestRun.idempotency_key == key)
    found = scope.session.execute(query).one_or_none()
    if found is None:
        return None
    if found.idempotency_body != body:
        raise Conflict("This Idempotency-Key was used for another request. Use a new one.")
    return UUID(str(found.id))


def _endpoint(scope: Scope, endpoint_id: UUID, test_set: TestSet) -> Endpoint:
    endpoint = scope.get(Endpoint, endpoint_id)
    if endpoint.project_id != test_set.project_id:
        raise Invalid.field("endpoint_id", "Choose an endpoint of the test set's project.")
    if endpoint.archived_at is not None:
        raise Invalid.field("endpoint_id", "This endpoint is archived. Restore it or choose another.")
    if test_set.archived_at is not None:
        raise Invalid.field("test_set_id", "This test set is archived. Restore it first.")
    return endpoint


def next_number(scope: Scope, project_id: UUID) -> int:
    """The number of the project's next run; runs that start at once wait for each other here."""
    return scope.session.scalars(
        update(Project)
        .where(Project.organization_id == scope.organization_id, Project.id == project_id)
        .values(last_run_number=Project.last_run_number + 1)
        .returning(Project.last_run_number)
    ).one()


def _choose_metrics(scope: Scope, new: NewRun, test_set: TestSet, frozen: FrozenTestSet) -> list[ChosenMetric]:
    """The metrics given, else the test set's, else those of the tests' requirements; no merging."""
    if new.metric_ids:
        return [
            ChosenMetric(metric_id=metric_id) for metric_id in given_metrics(scope, new.metric_ids, test_set.project_id)
        ]
    of_set = scope.session.scalars(
        scope.select(TestSetMetric.metric_id)
        .join(Metric, Metric.id == TestSetMetric.metric_id)
        .where(TestSetMetric.test_set_id == test_set.id, Metric.archived_at.is_(None))
        .order_by(Metric.name)
    ).all()
    chosen = [ChosenMetric(metric_id=metric_id) for metric_id in of_set] or _of_requirements(scope, frozen)
    if not chosen:
        raise Invalid.field(
            "metric_ids",
            "No metric would judge this run. Attach metrics to the test set or to its tests' requirements, or choose some here.",
        )
    return chosen


def given_metrics(scope: Scope, metric_ids: Sequence[UUID], project_id: UUID) -> list[UUID]:
    """The metrics named, each once; Invalid names those that are not live ones of the project."""
    wanted = list(dict.fromkeys(metric_ids))
    known = set(
        scope.session.scalars(
            scope.select(Metric.id).where(
                Metric.id.in_(wanted), Metric.project_id == project_id, Metric.archived_at.is_(None)
            )
        )
    )
    missing = [str(metric_id) for metric_id in wanted if metric_id not in known]
    if missing:
        raise Invalid.field("metric_ids", f"Not a metric of this project, or archived: {', '.join(missing[:5])}.")
    return wanted


def _of_requirements(scope: Scope, frozen: FrozenTestSet) -> list[ChosenMetric]:
    tested = (
        select(TestVersion.requirement_id)
        .join(TestSetVersionItem, TestSetVersionItem.test_version_id == TestVersion.id)
        .where(
            TestVersion.organization_id == scope.organization_id,
            TestSetVersionItem.organization_id == scope.organization_id,
            TestSetVersionItem.test_set_version_id == frozen.id,
        )
        .distinct()
    )
    pairs = scope.session.execute(
        scope.select(RequirementMetric.requirement_id, RequirementMetric.metric_id)
        .join(Metric, Metric.id == RequirementMetric.metric_id)
        .where(RequirementMetric.requirement_id.in_(tested), Metric.archived_at.is_(None))
        .order_by(RequirementMetric.requirement_id, Metric.name)
    )
    return [ChosenMetric(metric_id=metric_id, requirement_id=requirement_id) for requirement_id, metric_id in pairs]


def _source(new: NewRun, chosen: Sequence[ChosenMetric]) -> str:
    if new.metric_ids:
        return "given"
    return "requirements" if any(item.requirement_id for item in chosen) else "test_set"
