"""Pausing a run and letting it go on: nothing new is asked meanwhile, and nothing is lost."""

from uuid import UUID

from sqlalchemy import func, select

from rhesis_app.kernel.errors import Conflict
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.actions.start import ring
from rhesis_app.runs.models import TestRun
from rhesis_app.runs.rules import SCORING_AT_ONCE, SCORING_S, RunKind


def pause_run(scope: Scope, run_id: UUID) -> None:
    """Ask nothing new from within a second on; answers in flight are kept. Of a paused run nothing changes.

    Raises NotFound, Forbidden, Conflict where the run has ended or is being cancelled.
    """
    with scope.atomic() as session:
        row = _held(scope, run_id, "pause")
        if row.paused_at is not None:
            return
        row.paused_at, row.paused_by = session.scalar(select(func.now())), scope.actor.user_id
        session.flush()
        scope.record("run.pause", "test_run", run_id, number=row.number)


def resume_run(scope: Scope, run_id: UUID) -> None:
    """Go on at once; the deadline moves by as long as the pause took. Of a run that is not paused nothing changes.

    Raises NotFound, Forbidden, Conflict where the run has ended or is being cancelled.
    """
    with scope.atomic() as session:
        row = _held(scope, run_id, "resume")
        if row.paused_at is None:
            return
        row.deadline_at += session.scalars(select(func.now())).one() - row.paused_at
        row.paused_at = row.paused_by = None
        session.flush()
        scope.record("run.resume", "test_run", run_id, number=row.number)
        _ring(scope, row)


def _ring(scope: Scope, row: TestRun) -> None:
    if row.kind == RunKind.RESCORE:
        ring(scope, row.id, SCORING_AT_ONCE, SCORING_S)
        return
    snapshot = row.endpoint_snapshot
    ring(scope, row.id, int(snapshot["max_concurrency"]), int(snapshot["timeout_s"]))


def _held(scope: Scope, run_id: UUID, what: str) -> TestRun:
    row = scope.get(TestRun, run_id, lock=True)
    scope.require(Permission.RUN_READ, project=row.project_id)
    scope.require(Permission.RUN_CANCEL, project=row.project_id)
    if row.finished_at is not None:
        raise Conflict(f"#{row.number} has ended, so there is nothing to {what}. Run its tests again instead.")
    if row.cancel_requested_at is not None:
        raise Conflict(f"#{row.number} is being cancelled, so there is nothing to {what}. Run its tests again instead.")
    return row
