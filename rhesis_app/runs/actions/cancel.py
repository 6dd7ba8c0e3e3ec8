"""Cancelling a run: nothing new is asked, answers in flight are kept."""

from uuid import UUID

from sqlalchemy import delete, func, select

from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.actions.finalise import finalise_run
from rhesis_app.runs.models import TestRun, WorkItem


def cancel_run(scope: Scope, run_id: UUID) -> None:
    """Delete the pending items at once; the run ends when the calls in flight are in. Of an ended run nothing changes."""
    with scope.atomic() as session:
        row = scope.get(TestRun, run_id, lock=True)
        scope.require(Permission.RUN_CANCEL, project=row.project_id)
        if row.finished_at is not None or row.cancel_requested_at is not None:
            return
        row.cancel_requested_at = session.scalar(select(func.now()))
        row.paused_at = row.paused_by = None
        session.flush()
        session.execute(
            delete(WorkItem).where(
                WorkItem.organization_id == scope.organization_id,
                WorkItem.run_id == run_id,
                WorkItem.lease_owner.is_(None),
            )
        )
        scope.record("run.cancel", "test_run", run_id, number=row.number)
        finalise_run(scope, run_id)


def cancel_every_run(scope: Scope, _organization_id: UUID) -> None:
    """Cancel all that runs: a listener to the deletion of the organization."""
    for run_id in scope.session.scalars(scope.select(TestRun.id).where(TestRun.finished_at.is_(None))).all():
        cancel_run(scope, run_id)
