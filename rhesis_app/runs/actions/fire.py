"""Firing schedules: the run starts in the transaction that moves the schedule on, so a time is served once or still due."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from sqlalchemy import func, update

from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.errors import AppError
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.actions.announce import announce
from rhesis_app.notifications.rules.events import Event, EventKind, Message, Recipient
from rhesis_app.projects.queries import get_project
from rhesis_app.runs.actions.start import NewRun, start_run
from rhesis_app.runs.models import Schedule
from rhesis_app.runs.rules.schedules import next_fires
from rhesis_app.tenancy.queries.members import member_address

MAY: Final = frozenset({Permission.METRIC_READ, Permission.PROJECT_READ, Permission.RUN_EXECUTE, Permission.RUN_READ})
_MOST = 200
_log = logging.getLogger(__name__)


def fire_due(host: Host) -> int:
    """Fire what is due, each in a transaction of its own; how many this round has served. One that fails stops no other."""
    fired = 0
    for row in host.ask("SELECT * FROM due_schedules(:most)", most=_MOST):
        try:
            fired += _fire_one(host, row)
        except Exception:  # noqa: BLE001 whatever one schedule runs into, the others are due as well
            _log.exception("a schedule could not be fired; it stays due", extra={"schedule": str(row["schedule_id"])})
    return fired


def fire_schedule(scope: Scope, registry: Registry, schedule_id: UUID, due_at: datetime) -> bool:
    """Serve the time that was due; False when somebody else is at it, has done it, or it is not wanted any more.

    However many times were missed, one run is started and the next time is the first that lies ahead.
    """
    with scope.atomic() as session:
        row = session.execute(_claim(scope, schedule_id, due_at)).one_or_none()
        if row is None:
            return False
        error = _start(scope, registry, row, due_at)
        if error and error != row.last_error:
            _tell(scope, row, error, due_at)
        session.execute(
            update(Schedule)
            .where(Schedule.organization_id == scope.organization_id, Schedule.id == schedule_id)
            .values(
                next_at=next_fires(row.cron, row.time_zone, row.now)[0],
                last_fired_at=func.now(),
                last_error=error,
                updated_at=Schedule.updated_at,  # nobody has edited it: a form that is open can still be saved
            )
        )
    return True


def _fire_one(host: Host, row: Mapping[str, Any]) -> bool:
    with host.open_scope(Actor.system(row["organization_id"], MAY)) as scope:
        return fire_schedule(scope, host.registry, row["schedule_id"], row["due_at"])


def _claim(scope: Scope, schedule_id: UUID, due_at: datetime) -> Any:
    """The row, held until the commit, if this time is still due and nobody else holds it."""
    return (
        scope.select(
            *(Schedule.id, Schedule.project_id, Schedule.name, Schedule.cron, Schedule.time_zone),
            *(Schedule.test_set_id, Schedule.endpoint_id, Schedule.metric_ids, Schedule.last_error),
            Schedule.created_by,
            func.now().label("now"),
        )
        .where(Schedule.id == schedule_id, Schedule.next_at == due_at)
        .with_for_update(skip_locked=True)
    )


def _start(scope: Scope, registry: Registry, row: Any, due_at: datetime) -> str:
    """Why no run was started; empty when one was."""
    new = NewRun(
        test_set_id=row.test_set_id,
        endpoint_id=row.endpoint_id,
        metric_ids=tuple(row.metric_ids),
        idempotency_key=f"schedule:{row.id}:{due_at.isoformat()}",
        schedule_id=row.id,
    )
    try:
        with scope.session.begin_nested():
            start_run(scope, registry, new)
    except AppError as error:
        return error.detail
    return ""


def _tell(scope: Scope, row: Any, error: str, due_at: datetime) -> None:
    """Tell whoever made the schedule, while they still belong here."""
    address = member_address(scope, row.created_by) if row.created_by else None
    if not address:
        return
    slug = get_project(scope, row.project_id).slug
    announce(
        scope,
        Event(
            kinds=(EventKind.SCHEDULE_FAILED,),
            subject_id=uuid5(row.id, due_at.isoformat()),
            message=Message(
                subject=f"“{row.name}” could not start its run",
                sentences=(error, "The schedule goes on, and tries again at its next time."),
                path=f"/p/{slug}/schedules",
                link="Open the schedules",
            ),
            recipients=(Recipient(address=address, user_id=row.created_by),),
            project_id=row.project_id,
        ),
    )
