"""Schedules: when they fire next, and what their latest run came to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func, select, true

from rhesis_app.authoring.models import TestSet
from rhesis_app.authoring.queries.narrowing import in_projects, total_of
from rhesis_app.endpoints.models import Endpoint
from rhesis_app.kernel.errors import NotFound
from rhesis_app.kernel.etags import etag
from rhesis_app.kernel.paging import By, Page, PageRequest, keyset, page_of
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import Schedule, TestRun
from rhesis_app.runs.rules.schedules import PREVIEWED, check_times, next_fires
from rhesis_app.sdk import Totals
from rhesis_app.tenancy.models import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduled:
    """What a schedule refers to, by its name now."""

    id: UUID
    name: str
    is_archived: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledRun:
    """The latest run that a schedule started; without totals while it goes on."""

    id: UUID
    number: int
    status: str
    outcome: str
    totals: Totals | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleView:
    """A schedule. `next_fire_at` is null while it is paused or archived; `last_error` says why its latest fire started nothing."""

    id: UUID
    project_id: UUID
    name: str
    cron: str
    time_zone: str
    test_set: Scheduled
    endpoint: Scheduled
    metric_ids: tuple[UUID, ...]
    is_paused: bool
    next_fire_at: datetime | None
    last_fired_at: datetime | None
    last_run: ScheduledRun | None
    last_error: str | None
    created_by: str | None
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    etag: str
    can_manage: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FirePreview:
    """The next times at which an expression fires in a zone."""

    cron: str
    time_zone: str
    times: tuple[datetime, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleFilter:
    """Which schedules to list."""

    project_id: UUID | None = None
    test_set_id: UUID | None = None
    archived: bool = False


def list_schedules(scope: Scope, request: PageRequest, chosen: ScheduleFilter) -> Page[ScheduleView]:
    """Schedules by name."""
    query = in_projects(scope, _select(scope), Schedule.project_id, Permission.RUN_READ, chosen.project_id)
    query = query.where(Schedule.archived_at.is_not(None) if chosen.archived else Schedule.archived_at.is_(None))
    if chosen.test_set_id:
        query = query.where(Schedule.test_set_id == chosen.test_set_id)
    total = scope.session.scalar(total_of(query)) if request.count else None
    rows = scope.session.execute(keyset(query, [By(Schedule.name), By(Schedule.id)], request)).all()
    return page_of(rows, request, key=lambda row: (row.name, row.id), view=lambda row: _view(scope, row), total=total)


def get_schedule(scope: Scope, schedule_id: UUID) -> ScheduleView:
    """One schedule, archived or not; NotFound for strangers."""
    row = scope.session.execute(_select(scope).where(Schedule.id == schedule_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such schedule here.")
    scope.require(Permission.RUN_READ, project=row.project_id)
    return _view(scope, row)


def preview_fires(scope: Scope, cron: str, time_zone: str) -> FirePreview:
    """The next five times from now. Raises Invalid at a field."""
    checked, zone = check_times(cron, time_zone)
    return FirePreview(cron=checked, time_zone=zone, times=next_fires(checked, zone, scope.now, PREVIEWED))


def _select(scope: Scope) -> Select[Any]:
    organization = Schedule.organization_id
    last = (
        select(TestRun.id, TestRun.number, TestRun.status, TestRun.outcome, TestRun.created_at)
        .add_columns(func.coalesce(TestRun.reduced["tests"], TestRun.totals).label("totals"))
        .where(TestRun.organization_id == organization, TestRun.schedule_id == Schedule.id)
        .order_by(TestRun.number.desc())
        .limit(1)
        .lateral("last_run")
    )
    return (
        scope.select(
            *(Schedule.id, Schedule.project_id, Schedule.name, Schedule.cron, Schedule.time_zone, Schedule.metric_ids),
            *(Schedule.test_set_id, Schedule.endpoint_id, Schedule.is_paused, Schedule.next_at, Schedule.last_fired_at),
            *(Schedule.last_error, Schedule.created_at, Schedule.updated_at, Schedule.archived_at),
            TestSet.name.label("test_set_name"),
            TestSet.archived_at.label("test_set_archived_at"),
            Endpoint.name.label("endpoint_name"),
            Endpoint.archived_at.label("endpoint_archived_at"),
            User.name.label("created_by_name"),
            *(column.label(f"last_{column.name}") for column in last.c),
        )
        .join(TestSet, and_(TestSet.organization_id == organization, TestSet.id == Schedule.test_set_id))
        .join(Endpoint, and_(Endpoint.organization_id == organization, Endpoint.id == Schedule.endpoint_id))
        .outerjoin(User, User.id == Schedule.created_by)
        .outerjoin(last, true())
    )


def _view(scope: Scope, row: Any) -> ScheduleView:
    return ScheduleView(
        id=row.id,
        project_id=row.project_id,
        name=row.name,
        cron=row.cron,
        time_zone=row.time_zone,
        test_set=Scheduled(id=row.test_set_id, name=row.test_set_name, is_archived=bool(row.test_set_archived_at)),
        endpoint=Scheduled(id=row.endpoint_id, name=row.endpoint_name, is_archived=bool(row.endpoint_archived_at)),
        metric_ids=tuple(row.metric_ids),
        is_paused=row.is_paused,
        next_fire_at=row.next_at,
        last_fired_at=row.last_fired_at,
        last_run=_last_run(row),
        last_error=row.last_error or None,
        created_by=row.created_by_name,
        created_at=row.created_at,
        updated_at=row.updated_at,
        archived_at=row.archived_at,
        etag=etag(row.id, row.updated_at),
        can_manage=scope.may(Permission.RUN_EXECUTE, project=row.project_id),
    )


def _last_run(row: Any) -> ScheduledRun | None:
    if row.last_id is None:
        return None
    return ScheduledRun(
        id=row.last_id,
        number=row.last_number,
        status=row.last_status,
        outcome=row.last_outcome,
        totals=Totals(**row.last_totals) if row.last_totals else None,
        created_at=row.last_created_at,
    )


def database_now(scope: Scope) -> datetime:
    """The database's clock, by which everything that is stored is timed."""
    now: datetime = scope.session.execute(select(func.now())).scalar_one()
    return now
