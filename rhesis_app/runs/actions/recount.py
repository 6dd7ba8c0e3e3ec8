"""Counting an ended run anew, when people or a retry of its errors have changed what its results say."""

from dataclasses import asdict

from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import TestRun
from rhesis_app.runs.queries.breakdown import count_parts, totals_in
from rhesis_app.runs.rules import RunKind, final_status, totals_of
from rhesis_app.scoring.outcome import run_outcome


def recount_run(scope: Scope, run: TestRun) -> None:
    """An ended run's frozen totals say what its results say now; a running one is counted when it ends. `run` is held."""
    if run.finished_at is None:
        return
    parts = count_parts(scope, run.id)
    totals = totals_of(run.planned, totals_in(parts), ended=True)
    run.totals, run.parts, run.status = asdict(totals), parts, str(final_status(totals))
    run.outcome = str(run_outcome(passed=totals.passed, failed=totals.failed))
    scope.session.flush()
    scope.tell("run.recounted", run.id)


def recount_replaced(scope: Scope, ended: TestRun) -> None:
    """Where a retry has ended, the run whose errors it asked again is counted anew, in the same transaction.

    Whoever holds both holds the retry first: the other order could wait in a circle.
    """
    if ended.kind == RunKind.RETRY and ended.parent_run_id is not None:
        recount_run(scope, scope.get(TestRun, ended.parent_run_id, lock=True))
