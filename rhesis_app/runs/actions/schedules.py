"""What changes schedules: make, edit, pause, resume, archive, restore."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy import func

from rhesis_app.authoring.actions.conflicts import unique_name
from rhesis_app.authoring.models import Metric, TestSet
from rhesis_app.authoring.rules.names import MAX_NAME, check_name
from rhesis_app.endpoints.models import Endpoint
from rhesis_app.kernel.errors import Conflict, Invalid
from rhesis_app.kernel.etags import require_match
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import Schedule
from rhesis_app.runs.queries.schedules import ScheduleView, database_now, get_schedule
from rhesis_app.runs.rules.schedules import check_times, next_fires

TAKEN = "There is a schedule of this name in the project already. Choose another."
_NAME_IS_UNIQUE = "uq_schedule_live_name"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSchedule:
    """A schedule to make; without a name it is called after its test set and endpoint."""

    test_set_id: UUID
    endpoint_id: UUID
    cron: str
    time_zone: str
    metric_ids: tuple[UUID, ...] = ()
    name: str = ""


class ScheduleChanges(TypedDict, total=False):
    """The fields of a schedule that may be changed, each as it was sent."""

    name: str
    cron: str
    time_zone: str
    test_set_id: UUID
    endpoint_id: UUID
    metric_ids: tuple[UUID, ...]


def create_schedule(scope: Scope, new: NewSchedule) -> ScheduleView:
    """Make a schedule; it fires from the next time that fits. Raises Invalid at a field, NotFound, Conflict for a taken name."""
    test_set = scope.get(TestSet, new.test_set_id)
    scope.require(Permission.RUN_EXECUTE, project=test_set.project_id)
    endpoint = scope.get(Endpoint, new.endpoint_id)
    cron, time_zone = check_times(new.cron, new.time_zone)
    row = Schedule(
        id=new_id(),
        project_id=test_set.project_id,
        name=check_name(new.name or _name_of(scope, test_set, endpoint), what="schedule"),
        cron=cron,
        time_zone=time_zone,
        test_set_id=test_set.id,
        endpoint_id=endpoint.id,
        metric_ids=list(dict.fromkeys(new.metric_ids)),
        created_by=scope.actor.user_id,
    )
    _check_parts(scope, row)
    with unique_name(_NAME_IS_UNIQUE, TAKEN), scope.atomic() as session:
        row.next_at = _next(scope, row)
        session.add(row)
        session.flush()
        scope.record("schedule.create", "schedule", row.id, name=row.name, cron=row.cron, time_zone=row.time_zone)
        return get_schedule(scope, row.id)


def update_schedule(
    scope: Scope, schedule_id: UUID, changes: ScheduleChanges, *, if_match: str | None = None
) -> ScheduleView:
    """Change the fields given. The next time is computed anew when the expression or the zone changes."""
    with unique_name(_NAME_IS_UNIQUE, TAKEN), scope.atomic() as session:
        row = _held(scope, schedule_id)
        require_match(if_match, row.id, row.updated_at)
        was, ran = (row.cron, row.time_zone), (row.test_set_id, row.endpoint_id, row.metric_ids)
        with session.no_autoflush:  # nothing is written before it is known to exist
            _change(row, changes)
            _check_parts(scope, row)
            if row.next_at is not None and (row.cron, row.time_zone) != was:
                row.next_at = _next(scope, row)
        if (row.test_set_id, row.endpoint_id, row.metric_ids) != ran:
            row.last_error = ""  # it was said of another run
        session.flush()
        scope.record("schedule.update", "schedule", row.id, name=row.name, cron=row.cron, time_zone=row.time_zone)
        return get_schedule(scope, row.id)


def pause_schedule(scope: Scope, schedule_id: UUID) -> ScheduleView:
    """Let it fire no more until it is resumed. Doing it twice changes nothing."""
    return _stand(scope, schedule_id, "pause", is_paused=True)


def resume_schedule(scope: Scope, schedule_id: UUID) -> ScheduleView:
    """Let it fire again from the next time that fits; what was missed meanwhile stays missed."""
    return _stand(scope, schedule_id, "resume", is_paused=False)


def archive_schedule(scope: Scope, schedule_id: UUID) -> ScheduleView:
    """Put a schedule aside: it fires no more, and its runs stay. Doing it twice changes nothing."""
    return _stand(scope, schedule_id, "archive", is_archived=True)


def restore_schedule(scope: Scope, schedule_id: UUID) -> ScheduleView:
    """Bring a schedule back, paused if it was. Raises Conflict when its name is taken meanwhile."""
    return _stand(scope, schedule_id, "restore", is_archived=False)


def _stand(
    scope: Scope, schedule_id: UUID, verb: str, *, is_paused: bool | None = None, is_archived: bool | None = None
) -> ScheduleView:
    with unique_name(_NAME_IS_UNIQUE, TAKEN), scope.atomic() as session:
        row = _held(scope, schedule_id)
        before = (row.is_paused, row.archived_at is not None)
        after = (before[0] if is_paused is None else is_paused, before[1] if is_archived is None else is_archived)
        if after != before:
            if before[1] and is_paused is not None:
                raise Conflict("This schedule is archived. Restore it first.")
            row.next_at = None if any(after) else _next(scope, row)
            row.is_paused = after[0]
            if after[1] != before[1]:
                row.archived_at = func.now() if after[1] else None
            session.flush()
            scope.record(f"schedule.{verb}", "schedule", row.id, name=row.name)
        return get_schedule(scope, row.id)


def _next(scope: Scope, row: Schedule) -> datetime:
    return next_fires(row.cron, row.time_zone, database_now(scope))[0]


def _held(scope: Scope, schedule_id: UUID) -> Schedule:
    row = scope.get(Schedule, schedule_id, lock=True)
    scope.require(Permission.RUN_READ, project=row.project_id)
    scope.require(Permission.RUN_EXECUTE, project=row.project_id)
    return row


def _change(row: Schedule, changes: ScheduleChanges) -> None:
    if "name" in changes:
        row.name = check_name(changes["name"], what="schedule")
    row.cron, row.time_zone = check_times(changes.get("cron", row.cron), changes.get("time_zone", row.time_zone))
    row.test_set_id = changes.get("test_set_id", row.test_set_id)
    row.endpoint_id = changes.get("endpoint_id", row.endpoint_id)
    row.metric_ids = list(dict.fromkeys(changes.get("metric_ids", row.metric_ids)))


def _check_parts(scope: Scope, row: Schedule) -> None:
    """What a schedule refers to is live and of one project. What becomes of it later is told when it fires."""
    parts = (("test_set_id", TestSet, row.test_set_id), ("endpoint_id", Endpoint, row.endpoint_id))
    for field, kind, part_id in parts:
        part: Any = scope.get(kind, part_id)
        word = "test set" if kind is TestSet else "endpoint"
        if part.project_id != row.project_id:
            raise Invalid.field(field, f"Choose the {word} from the schedule's project.")
        if part.archived_at is not None:
            raise Invalid.field(field, f"This {word} is archived. Restore it or choose another.")
    known = scope.select(Metric.id).where(
        Metric.id.in_(row.metric_ids), Metric.project_id == row.project_id, Metric.archived_at.is_(None)
    )
    missing = set(row.metric_ids) - set(scope.session.scalars(known)) if row.metric_ids else set()
    if missing:
        raise Invalid.field("metric_ids", f"Not a metric of this project, or archived: {', '.join(map(str, missing))}.")


def _name_of(scope: Scope, test_set: TestSet, endpoint: Endpoint) -> str:
    """“Set on endpoint”, with a number when that is taken."""
    wanted = f"{test_set.name} on {endpoint.name}"[: MAX_NAME - 5].strip()
    live = scope.select(Schedule.name).where(
        Schedule.project_id == test_set.project_id,
        Schedule.archived_at.is_(None),
        Schedule.name.startswith(wanted, autoescape=True),
    )
    taken = set(scope.session.scalars(live))
    numbered = (wanted if number == 1 else f"{wanted} {number}" for number in range(1, len(taken) + 2))
    return next(name for name in numbered if name not in taken)
