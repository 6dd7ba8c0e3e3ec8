"""Ending a run: once, when nothing is open, with its totals frozen."""

from uuid import UUID

from sqlalchemy import Exists, exists, func, select, update

from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.actions.recount import recount_replaced
from rhesis_app.runs.models import TestRun, WorkItem
from rhesis_app.runs.queries.freeze import count_run
from rhesis_app.runs.queries.recordings import count_answers
from rhesis_app.runs.rules import final_status
from rhesis_app.runs.rules.recordings import REPLAYS
from rhesis_app.sdk import Totals


def finalise_run(scope: Scope, run_id: UUID) -> bool:
    """End the run unless items are open; True when it has ended, now or before. Safe to call from anywhere, any number of times."""
    with scope.atomic() as session:
        row = session.scalars(scope.select(TestRun).where(TestRun.id == run_id).with_for_update()).one_or_none()
        if row is None or row.finished_at is not None:
            return True
        # a result is written in the transaction that deletes its item: with none left, every result is there to be counted
        if session.scalar(select(_open_items(run_id))):
            return False
        counted = count_run(scope, row)
        session.execute(
            update(TestRun)
            .where(TestRun.organization_id == scope.organization_id, TestRun.id == run_id)
            .values(
                **counted,
                status=final_status(Totals(**counted["totals"])),
                answers=count_answers(scope, run_id) if row.source in REPLAYS else None,
                started_at=func.coalesce(TestRun.started_at, func.now()),
                finished_at=func.now(),
                paused_at=None,
                paused_by=None,
            )
        )
        scope.record("run.finish", "test_run", run_id, number=row.number)
        recount_replaced(scope, row)
        scope.tell("run.finished", run_id)
        return True


def _open_items(run_id: UUID) -> Exists:
    return exists().where(WorkItem.run_id == run_id)
