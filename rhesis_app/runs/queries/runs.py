"""One run, and lists of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Double, Integer, Select, and_, cast, extract, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import aliased

from rhesis_app.authoring.models import MetricVersion, TestSet, TestSetVersion
from rhesis_app.authoring.queries.narrowing import in_projects, total_of
from rhesis_app.kernel.errors import NotFound
from rhesis_app.kernel.paging import By, Page, PageRequest, keyset, page_of
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import EffectiveTest, RunMetric, Schedule, TestRun
from rhesis_app.runs.queries.costs import FROZEN, spent_now
from rhesis_app.runs.queries.json_rows import json_object
from rhesis_app.runs.queries.outcomes import outcomes_now
from rhesis_app.runs.queries.progress import Progress, open_work, standing_still
from rhesis_app.runs.queries.recordings import counted_answers
from rhesis_app.runs.queries.views import Counts, RunView, run_view
from rhesis_app.runs.rules import COUNTED
from rhesis_app.runs.rules.recordings import REPLAYS
from rhesis_app.tenancy.models import User

_PARENT = aliased(TestRun, name="parent")
ALIKE = tuple(getattr(EffectiveTest, name) for name in ("passed", "failed", "error", "unscored", "outcome"))
"""What tests whose trials came to the same have in common."""
_PAUSED_BY = aliased(User, name="paused_by_user")
_RECORDING = aliased(TestRun, name="recording")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs to list; empty fields leave nothing out."""

    project_id: UUID | None = None
    statuses: tuple[str, ...] = ()
    test_set_id: UUID | None = None
    endpoint_id: UUID | None = None
    parent_run_id: UUID | None = None
    schedule_id: UUID | None = None
    number: int | None = None


def view_run(scope: Scope, run_id: UUID) -> RunView:
    """One run; NotFound for strangers. While it runs its results are counted, afterwards they stand frozen on the run."""
    return _shown(scope, one_run(scope, TestRun.id == run_id))


def view_waiting_run(scope: Scope, run_id: UUID) -> tuple[RunView, str]:
    """One run and why nothing moves in it, empty while something does."""
    row = one_run(scope, TestRun.id == run_id, extra=(open_work().label("open_work"),))
    run = _shown(scope, row)
    return run, standing_still(run, Progress.read(row.open_work))


def view_run_by_number(scope: Scope, project_id: UUID, number: int) -> RunView:
    """The run of a project that pages call #number; NotFound when there is none."""
    return _shown(scope, one_run(scope, TestRun.project_id == project_id, TestRun.number == number))


def view_runs(scope: Scope, run_ids: Iterable[UUID]) -> Mapping[UUID, RunView]:
    """Several runs in one statement, by id; those that are not there to read are left out."""
    rows = scope.session.execute(select_runs(scope).where(TestRun.id.in_(list(run_ids)))).all()
    readable = [row for row in rows if scope.may(Permission.RUN_READ, project=row.project_id)]
    counts = counts_of(scope, readable)
    return {row.id: run_view(scope, row, counts.get(row.id, Counts())) for row in readable}


def list_runs(scope: Scope, request: PageRequest, chosen: RunFilter) -> Page[RunView]:
    """Runs, newest first."""
    query = in_projects(scope, select_runs(scope), TestRun.project_id, Permission.RUN_READ, chosen.project_id)
    if chosen.statuses:
        query = query.where(TestRun.status.in_(chosen.statuses))
    if chosen.test_set_id:
        query = query.where(TestRun.test_set_id == chosen.test_set_id)
    if chosen.endpoint_id:
        query = query.where(TestRun.endpoint_id == chosen.endpoint_id)
    if chosen.parent_run_id:
        query = query.where(TestRun.parent_run_id == chosen.parent_run_id)
    if chosen.schedule_id:
        query = query.where(TestRun.schedule_id == chosen.schedule_id)
    if chosen.number is not None:
        query = query.where(TestRun.number == chosen.number)
    total = scope.session.scalar(total_of(query)) if request.count else None
    rows = scope.session.execute(keyset(query, [By(TestRun.id, descending=True)], request)).all()
    counts = counts_of(scope, rows)
    return page_of(
        rows,
        request,
        key=lambda row: (row.id,),
        view=lambda row: run_view(scope, row, counts.get(row.id, Counts())),
        total=total,
    )


def latest_runs(scope: Scope, project_id: UUID, limit: int = 12) -> tuple[RunView, ...]:
    """A project's newest runs, newest first."""
    return list_runs(scope, PageRequest(limit=limit), RunFilter(project_id=project_id)).items


def is_counted() -> Any:
    """The condition that `RunView.is_counted` states, on TestRun."""
    return and_(TestRun.kind.in_(COUNTED), TestRun.chosen_by.is_(None), TestRun.source.not_in(REPLAYS))


def run_is_finished(scope: Scope, run_id: UUID) -> bool:
    """Whether the run has ended: the cheapest question that somebody who waits can ask again and again."""
    query = scope.select(TestRun.id).where(TestRun.id == run_id, TestRun.finished_at.is_not(None))
    return scope.session.scalar(query) is not None


def one_run(scope: Scope, *conditions: Any, extra: tuple[Any, ...] = ()) -> Any:
    """The row of one run as `run_view` takes it, with `extra` columns; NotFound when there is none to read."""
    row = scope.session.execute(select_runs(scope, spent_now(), *extra).where(*conditions)).one_or_none()
    if row is None:
        raise NotFound("There is no such run here.")
    scope.require(Permission.RUN_READ, project=row.project_id)
    return row


def counts_of(scope: Scope, rows: Iterable[Any]) -> Mapping[UUID, Counts]:
    """What has come in of those runs that still go on: in one statement, and in another where tests have several trials."""
    going_on = [row for row in rows if row.finished_at is None]
    results = _results_by_outcome(scope, [row.id for row in going_on if row.test_count is None])
    tests = _alike_tests(scope, [row.id for row in going_on if row.test_count is not None])
    counts = {run_id: Counts(found) for run_id, found in results.items()}
    return counts | {run_id: Counts.of_tests(found) for run_id, found in tests.items()}


def _results_by_outcome(scope: Scope, run_ids: Sequence[UUID]) -> Mapping[UUID, dict[str, int]]:
    if not run_ids:
        return {}
    now = outcomes_now(scope, run_ids).c
    query = select(now.run_id, now.outcome, func.sum(now.count).cast(Integer)).group_by(now.run_id, now.outcome)
    counts: dict[UUID, dict[str, int]] = {}
    for run_id, outcome, count in scope.session.execute(query):
        counts.setdefault(run_id, {})[outcome] = count
    return counts


def _alike_tests(scope: Scope, run_ids: Sequence[UUID]) -> Mapping[UUID, list[Any]]:
    """Tests in groups whose trials came to the same."""
    if not run_ids:
        return {}
    query = scope.select(EffectiveTest.run_id, *ALIKE).add_columns(func.count().label("count"))
    groups: dict[UUID, list[Any]] = {}
    for row in scope.session.execute(
        query.where(EffectiveTest.run_id.in_(run_ids)).group_by(EffectiveTest.run_id, *ALIKE)
    ):
        groups.setdefault(row.run_id, []).append(row)
    return groups


def select_runs(scope: Scope, *extra: Any) -> Select[Any]:
    """Runs with the names of what they refer to and their metrics, as columns."""
    return scope.narrow(_named(), TestRun).add_columns(*extra)


@cache
def _named() -> Select[Any]:
    organization = TestRun.organization_id
    ended = func.coalesce(TestRun.finished_at, func.now())
    seconds = extract("epoch", ended - TestRun.started_at)
    return (
        select(
            *(TestRun.id, TestRun.project_id, TestRun.number, TestRun.kind, TestRun.status, TestRun.outcome),
            *(TestRun.planned, TestRun.totals, TestRun.test_set_id, TestRun.endpoint_id, TestRun.created_at),
            *(TestRun.started_at, TestRun.finished_at, TestRun.cancel_requested_at, TestRun.paused_at),
            *(TestRun.trials, TestRun.test_count, TestRun.reduced, TestRun.config["reducer"].label("reducer")),
            *(_PAUSED_BY.name.label("paused_by_name"), TestRun.cost_cap, FROZEN.label("spent")),
            *(
                TestRun.parent_run_id,
                TestRun.chosen_by,
                TestRun.config["chosen_from"].as_integer().label("chosen_from"),
            ),
            _PARENT.number.label("parent_number"),
            TestRun.endpoint_snapshot["name"].as_string().label("endpoint_name"),
            TestRun.config["judges"].label("judges"),
            TestSet.name.label("test_set_name"),
            TestSetVersion.number.label("test_set_version"),
            User.name.label("started_by_name"),
            TestRun.schedule_id,
            Schedule.name.label("schedule_name"),
            TestRun.source,
            TestRun.recording_run_id,
            _RECORDING.number.label("recording_number"),
            counted_answers().label("answers"),
            cast(seconds * 1000, Double).label("duration_ms"),
            _metrics().label("metrics"),
        )
        .join(TestSet, and_(TestSet.organization_id == organization, TestSet.id == TestRun.test_set_id))
        .join(
            TestSetVersion,
            and_(TestSetVersion.organization_id == organization, TestSetVersion.id == TestRun.test_set_version_id),
        )
        .outerjoin(User, User.id == TestRun.started_by)
        .outerjoin(_PAUSED_BY, _PAUSED_BY.id == TestRun.paused_by)
        .outerjoin(_PARENT, and_(_PARENT.organization_id == organization, _PARENT.id == TestRun.parent_run_id))
        .outerjoin(
            _RECORDING, and_(_RECORDING.organization_id == organization, _RECORDING.id == TestRun.recording_run_id)
        )
        .outerjoin(Schedule, and_(Schedule.organization_id == organization, Schedule.id == TestRun.schedule_id))
        .execution_options(keep_ready=True)
    )


def _shown(scope: Scope, row: Any) -> RunView:
    return run_view(scope, row, counts_of(scope, [row]).get(row.id, Counts()))


def _metrics() -> Any:
    """A run's metrics as a JSON array in their order; one that judges several requirements stands there once."""
    chosen = (
        select(RunMetric.metric_version_id, func.min(RunMetric.position).label("position"))
        .where(RunMetric.organization_id == TestRun.organization_id, RunMetric.run_id == TestRun.id)
        .group_by(RunMetric.metric_version_id)
        .correlate(TestRun)
        .lateral("chosen")
    )
    frozen = MetricVersion
    pairs = {
        "id": frozen.metric_id,
        "version_id": frozen.id,
        "name": frozen.name,
        "evaluator": frozen.evaluator_key,
        "revision": frozen.evaluator_revision,
        "params": frozen.params,
        "rule": frozen.rule,
        "model": frozen.model,
        "required": frozen.required,
    }
    listed = func.json_agg(aggregate_order_by(json_object(pairs), chosen.c.position))
    return (
        select(func.coalesce(listed, func.json_build_array()))
        .select_from(frozen)
        .join(chosen, chosen.c.metric_version_id == frozen.id)
        .where(frozen.organization_id == TestRun.organization_id)
        .correlate(TestRun)
        .scalar_subquery()
    )
