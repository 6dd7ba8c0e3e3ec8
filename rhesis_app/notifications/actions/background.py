"""Background work: asked for as a row, done under a lease, given back when it is lost or told to stop.

Whoever asks writes the row in the transaction of what it is about; the queue only carries its id. What a worker does
between claiming and finishing may happen again, so it writes nothing that counts before `Held.finishing`.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import func, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from rhesis_app.infra.outages import is_collision
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.errors import AppError, Forbidden, Unavailable
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.models import Job
from rhesis_app.notifications.queries.background import Kinds, may_cancel
from rhesis_app.notifications.rules.jobs import LEASE_S, LOOK_S, MAX_ATTEMPTS, JobStatus, pause_s

_log = logging.getLogger(__name__)
_FAILED = "Something went wrong on our side. Ask for it once more; if it stays, tell your administrator the job's id."
_MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """Work to be done for a subject. Of one kind and subject at most one job is open at a time."""

    kind: str
    subject_type: str
    subject_id: UUID
    project_id: UUID | None = None
    max_attempts: int = MAX_ATTEMPTS


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptJobs:
    """What one round did: jobs given back, ended for good, and rung for."""

    returned: int
    ended: int
    rung: int


class TryAgain(Exception):
    """What a piece of work raises when something outside is away; it is tried again later, as often as the job allows."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


class Interrupted(BaseException):
    """This worker shall not go on: the job was cancelled, its lease is another's now, or a deploy stops the process.

    No Exception, so that a plugin in between that catches everything does not swallow it.
    """


@dataclass(slots=True)
class Held:
    """A claimed job, as the work sees it. Call `tick` now and then, and write what counts inside `finishing`."""

    job_id: UUID
    subject_id: UUID
    project_id: UUID | None
    asked_by: UUID | None
    attempt: int
    max_attempts: int
    fence: int
    owner: str
    stop: threading.Event
    unwanted: threading.Event = field(default_factory=threading.Event)
    progress: int = 0
    is_done: bool = False

    def tick(self, progress: int | None = None) -> None:
        """Say how far the work is, in percent. Raises Interrupted when it shall not go on; do not catch that."""
        if progress is not None:
            self.progress = max(0, min(progress, 99))
        if self.stop.is_set() or self.unwanted.is_set():
            raise Interrupted

    @contextmanager
    def finishing(self, scope: Scope) -> Iterator[Session]:
        """The last transaction of the work: it commits only while the lease is ours, and the job is done with it."""
        with scope.atomic() as session:
            values = {"status": JobStatus.DONE, "progress": 100, "error_code": None, "error_detail": None}
            if not _let_go(scope, self, values | {"finished_at": func.now()}, Job.cancel_requested_at.is_(None)):
                raise Interrupted
            yield session
        self.is_done = True


Work = Callable[[Scope, Held], None]


def ask_for(scope: Scope, new: NewJob) -> UUID:
    """Write the job and ring for it after the commit; the id, or that of the job that is open for this subject already.

    Call it inside `atomic()`, where what the job is about is written.
    """
    values = {
        "id": new_id(),
        "organization_id": scope.organization_id,
        "project_id": new.project_id,
        "kind": new.kind,
        "subject_type": new.subject_type,
        "subject_id": new.subject_id,
        "max_attempts": new.max_attempts,
        "asked_by": scope.actor.user_id,
        "rung_at": func.now(),
    }
    same = insert(Job).values(values)
    # an open job is touched and not changed: so that its id comes back, and that it does not end meanwhile
    kept = same.on_conflict_do_update(
        index_elements=[Job.organization_id, Job.kind, Job.subject_id],
        index_where=literal_column("finished_at IS NULL"),
        set_={"kind": same.excluded.kind},
    )
    job_id: UUID = scope.session.execute(kept.returning(Job.id)).scalar_one()
    scope.enqueue(new.kind, job_id=job_id)
    return job_id


def cancel_job(scope: Scope, kinds: Kinds, job_id: UUID) -> None:
    """Cancel at once what waits, and ask what runs to stop. Of an ended job nothing changes.

    Whoever asked for it may, and who has the permission that its kind names. Raises Forbidden, NotFound.
    """
    with scope.atomic():
        row = scope.get(Job, job_id, lock=True)
        if not may_cancel(scope, row, kinds.get(row.kind)):
            raise Forbidden("Only who asked for this work, or somebody who may do so, can cancel it.")
        if row.finished_at is None and row.cancel_requested_at is None:
            _cancel(scope, row)
            scope.record("job.cancel", "job", job_id, kind=row.kind)


def withdraw(scope: Scope, job_id: UUID) -> None:
    """Cancel a job whose subject is gone; the caller has asked whether the actor may. Call it inside `atomic()`."""
    row = scope.get(Job, job_id, lock=True)
    if row.finished_at is None:
        _cancel(scope, row)


def perform(host: Host, scope: Scope, job_id: UUID, work: Work, stop: threading.Event) -> None:
    """Claim the job and do its work; nothing happens when it is not due or somebody else's.

    What the work raises decides how it ends: an AppError is final and its sentence is kept, TryAgain and everything
    unforeseen is tried again after a pause. With `stop` set, and when the database took its transaction back because of
    another one, the job goes back without having used up an attempt.
    """
    held = _claim(scope, job_id, stop, host.name_holder())
    if held is None:
        return
    try:
        with _kept_alive(host, scope.actor, held):
            work(scope, held)
        if not held.is_done:
            with held.finishing(scope):
                pass
    except Interrupted:
        scope.session.rollback()
        _interrupted(scope, held)
    except (InterfaceError, OperationalError) as failure:
        if not is_collision(failure):
            raise  # nothing can be written now: the lease runs out, and the sweeper gives the job to another worker
        scope.session.rollback()
        _interrupted(scope, held)
    except Exception as error:  # noqa: BLE001 whatever the work raises, the job's row has to say so
        scope.session.rollback()
        _failed(scope, held, error)


def sweep_jobs(host: Host) -> SweptJobs:
    """One round: jobs whose worker was lost, jobs that nobody was rung for, files and rows past their time."""
    swept = host.ask("SELECT * FROM sweep_jobs(:most)", most=_MOST)[0]
    rung = 0
    for row in host.ask("SELECT * FROM due_jobs(:most)", most=_MOST):
        if row["kind"] in host.jobs:  # an older version may be running beside a newer one
            with host.open_scope(Actor.system(row["organization_id"])) as scope:
                scope.enqueue(row["kind"], job_id=row["job_id"])
            rung += 1
    host.ask("SELECT sweep_old_work()")
    return SweptJobs(returned=swept["returned"], ended=swept["ended"], rung=rung)


def _cancel(scope: Scope, row: Job) -> None:
    now = scope.session.scalar(select(func.now()))
    row.cancel_requested_at = now
    if row.status == JobStatus.QUEUED:
        row.status, row.finished_at = JobStatus.CANCELLED, now
    scope.session.flush()


def _claim(scope: Scope, job_id: UUID, stop: threading.Event, owner: str) -> Held | None:
    claimed = (
        update(Job)
        .where(
            Job.organization_id == scope.organization_id,
            Job.id == job_id,
            Job.status == JobStatus.QUEUED,
            Job.not_before <= func.now(),
        )
        .values(
            status=JobStatus.RUNNING,
            attempt=Job.attempt + 1,
            fence=Job.fence + 1,
            lease_owner=owner,
            lease_until=_in_seconds(LEASE_S),
            started_at=func.coalesce(Job.started_at, func.now()),
            progress=0,
        )
        .returning(Job.subject_id, Job.project_id, Job.asked_by, Job.attempt, Job.max_attempts, Job.fence)
    )
    with scope.atomic() as session:
        row = session.execute(claimed).mappings().one_or_none()
    return Held(job_id=job_id, owner=owner, stop=stop, **row) if row is not None else None


@contextmanager
def _kept_alive(host: Host, actor: Actor, held: Held) -> Iterator[None]:
    """While the work goes on, a thread renews the lease, writes the progress and hears of a cancellation."""
    ended = threading.Event()
    thread = threading.Thread(target=_renew, args=(host, actor, held, ended), name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _renew(host: Host, actor: Actor, held: Held, ended: threading.Event) -> None:
    while not ended.wait(LOOK_S):
        try:
            with host.open_scope(actor) as scope, scope.atomic() as session:
                renewed = session.execute(
                    update(Job)
                    .where(Job.organization_id == scope.organization_id, *_mine(held))
                    .values(lease_until=_in_seconds(LEASE_S), progress=held.progress)
                    .returning(Job.cancel_requested_at)
                ).one_or_none()
        except SQLAlchemyError:
            _log.warning("the lease of job %s could not be renewed; trying again", held.job_id)
            continue
        if renewed is None or renewed.cancel_requested_at is not None:
            held.unwanted.set()
            return


def _interrupted(scope: Scope, held: Held) -> None:
    """Cancelled, or given back so that another worker does it at once; nothing when it is another's already."""
    ended = {"status": JobStatus.CANCELLED, "finished_at": func.now()}
    back = {"status": JobStatus.QUEUED, "attempt": Job.attempt - 1, "not_before": func.now(), "rung_at": None}
    with scope.atomic():
        if not _let_go(scope, held, ended, Job.cancel_requested_at.is_not(None)):
            _let_go(scope, held, back)


def _failed(scope: Scope, held: Held, error: Exception) -> None:
    code, detail, is_final = "failed", _FAILED, False
    if isinstance(error, TryAgain):
        code, detail = error.code, error.detail
    elif isinstance(error, AppError):
        code, detail, is_final = "refused", error.detail, not isinstance(error, Unavailable)
    else:
        _log.error("job %s failed", held.job_id, exc_info=error)
    values: dict[str, Any] = {"error_code": code, "error_detail": detail}
    if is_final or held.attempt >= held.max_attempts:
        values |= {"status": JobStatus.ERRORED, "finished_at": func.now()}
    else:
        values |= {"status": JobStatus.QUEUED, "not_before": _in_seconds(pause_s(held.attempt)), "rung_at": None}
    with scope.atomic():
        _let_go(scope, held, values)


def _let_go(scope: Scope, held: Held, values: dict[str, Any], *conditions: Any) -> bool:
    """Write `values` and end the lease; False when it is no longer ours or a condition does not hold."""
    ended = (
        update(Job)
        .where(Job.organization_id == scope.organization_id, *_mine(held), *conditions)
        .values(lease_owner=None, lease_until=None, **values)
        .returning(Job.id)
    )
    return scope.session.execute(ended).one_or_none() is not None


def _mine(held: Held) -> tuple[Any, ...]:
    return Job.id == held.job_id, Job.fence == held.fence, Job.lease_owner == held.owner


def _in_seconds(seconds: float) -> Any:
    return func.now() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)
