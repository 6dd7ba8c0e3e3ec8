"""Scoring the answers of many runs again: accepted at once, done by a job that starts all of them or none."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from rhesis_app.kernel.errors import Conflict, Invalid
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.actions.background import Held, NewJob, ask_for
from rhesis_app.notifications.queries.background import latest_job
from rhesis_app.runs.actions.again import Rescore, rescore_answers
from rhesis_app.runs.actions.start import given_metrics
from rhesis_app.runs.models import RescoreOrder, TestRun

RESCORE = "runs.rescore"
"""The kind of job that starts the re-scores of an order."""
MOST_RUNS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class RescoreMany:
    """Ended runs of one project to score again; without `metric_ids` each by its own metrics as they are now."""

    run_ids: tuple[UUID, ...]
    metric_ids: tuple[UUID, ...] = ()
    idempotency_key: str | None = None

    @property
    def body(self) -> str:
        """A digest of what is asked for."""
        parts = ["runs", *sorted(map(str, self.run_ids)), "metrics", *sorted(map(str, self.metric_ids))]
        return hashlib.sha256("|".join(parts).encode()).hexdigest()


def ask_for_rescores(scope: Scope, new: RescoreMany) -> UUID:
    """Have a worker start a re-score of each run; the job's id. The same idempotency key gives the same job.

    Raises Invalid at `run_ids` or `metric_ids`, NotFound, Conflict while one goes on or for a key used otherwise.
    """
    run_ids = tuple(dict.fromkeys(new.run_ids))
    project_id = _project_of(scope, run_ids)
    given_metrics(scope, new.metric_ids, project_id)
    earlier = _earlier(scope, new)
    if earlier is not None:
        return earlier
    try:
        return _order(scope, new, run_ids, project_id)
    except IntegrityError as error:  # the same key arrived twice at once, and the other one won
        winner = _earlier(scope, new)
        if winner is None:
            raise Conflict("This collides with a change made meanwhile. Try again.") from error
        return winner


def start_rescores(scope: Scope, registry: Registry, held: Held) -> None:
    """Start the re-scores of an order in the transaction that ends its job: all of them, or none."""
    order = scope.get(RescoreOrder, held.subject_id)
    run_ids, metric_ids = list(order.run_ids), tuple(order.metric_ids)
    with held.finishing(scope):
        for place, run_id in enumerate(run_ids):
            held.tick(95 * place // len(run_ids))
            rescore_answers(scope, registry, Rescore(run_id=run_id, metric_ids=metric_ids, started_by=held.asked_by))


def _order(scope: Scope, new: RescoreMany, run_ids: tuple[UUID, ...], project_id: UUID) -> UUID:
    with scope.atomic() as session:
        row = RescoreOrder(
            id=new_id(),
            project_id=project_id,
            run_ids=list(run_ids),
            metric_ids=list(dict.fromkeys(new.metric_ids)),
            idempotency_key=new.idempotency_key,
            idempotency_body=new.body if new.idempotency_key else None,
        )
        session.add(row)
        session.flush()
        job_id = ask_for(
            scope, NewJob(kind=RESCORE, subject_type="rescore_order", subject_id=row.id, project_id=project_id)
        )
        scope.record("run.rescore_many", "rescore_order", row.id, runs=len(run_ids), job=str(job_id))
    return job_id


def _project_of(scope: Scope, run_ids: tuple[UUID, ...]) -> UUID:
    """The one project of these runs, all of which have ended and may be scored."""
    if not run_ids:
        raise Invalid.field("run_ids", "Name at least one run.")
    if len(run_ids) > MOST_RUNS:
        raise Invalid.field("run_ids", f"Name at most {MOST_RUNS} runs at a time.")
    query = scope.select(TestRun.id, TestRun.project_id, TestRun.number, TestRun.finished_at)
    rows = scope.session.execute(query.where(TestRun.id.in_(run_ids))).all()
    for project_id in {row.project_id for row in rows}:
        scope.require(Permission.RUN_READ, project=project_id)
        scope.require(Permission.RUN_EXECUTE, project=project_id)
    missing = [str(run_id) for run_id in run_ids if run_id not in {row.id for row in rows}]
    if missing:
        raise Invalid.field("run_ids", f"There is no such run here: {', '.join(missing[:3])}.")
    if len({row.project_id for row in rows}) > 1:
        raise Invalid.field("run_ids", "The runs belong to several projects: name those of one.")
    going_on = sorted(row.number for row in rows if row.finished_at is None)
    if going_on:
        raise Conflict(f"Still going on: {', '.join(f'#{number}' for number in going_on)}. Wait for their end.")
    return UUID(str(rows[0].project_id))


def _earlier(scope: Scope, new: RescoreMany) -> UUID | None:
    if new.idempotency_key is None:
        return None
    query = scope.select(RescoreOrder.id, RescoreOrder.idempotency_body)
    found = scope.session.execute(query.where(RescoreOrder.idempotency_key == new.idempotency_key)).one_or_none()
    if found is None:
        return None
    if found.idempotency_body != new.body:
        raise Conflict("This Idempotency-Key was used for another request. Use a new one.")
    job = latest_job(scope, RESCORE, found.id)
    if job is None:
        raise Conflict("What this Idempotency-Key asked for was done long ago. Use a new one.")
    return job.id
