"""Counting an ended run anew, when people or a retry of its errors have changed what its results say."""

from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import TestRun
from rhesis_app.runs.queries.freeze import count_run
from rhesis_app.runs.rules import RunKind, final_status
from rhesis_app.sdk import Totals


def recount_run(scope: Scope, run: TestRun) -> None:
    """An ended run's frozen totals say what its results say now; a running one is counted when it ends. `run` is held."""
    if run.finished_at is None:
        return
    for name, value in count_run(scope, run).items():
        setattr(run, name, value)
    run.status = str(final_status(Totals(**run.totals)))
    scope.session.flush()
    scope.tell("run.recounted", run.id)


def recount_replaced(scope: Scope, ended: TestRun) -> None:
    """Where a retry has ended, the run whose errors it asked again is counted anew, in the same transaction.

    Whoever holds both holds the retry first: the other order could wait in a circle.
    """
    if ended.kind == RunKind.RETRY and ended.parent_run_id is not None:
        recount_run(scope, scope.get(TestRun, ended.parent_run_id, lock=True))
