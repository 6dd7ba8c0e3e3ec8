"""A run's numbers counted once more, to be kept on it: when it ends, and when people's reviews change them."""

from dataclasses import asdict
from typing import Any

from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import TestRun
from rhesis_app.runs.queries.breakdown import count_parts, totals_in
from rhesis_app.runs.queries.runs import alike_tests, results_by_outcome
from rhesis_app.runs.rules import totals_of
from rhesis_app.runs.rules.reduced import reduced_of
from rhesis_app.scoring.outcome import run_outcome


def count_run(scope: Scope, run: TestRun) -> dict[str, Any]:
    """What an ended run keeps: `totals` of its results, its `parts`, its `outcome`; and where its tests have several trials
    what these came to, `reduced`, which then decides the outcome."""
    parts = count_parts(scope, run)
    if run.test_count is None:
        totals = totals_of(run.planned, totals_in(parts), ended=True)
        outcome = run_outcome(passed=totals.passed, failed=totals.failed)
        return {"totals": asdict(totals), "parts": parts, "outcome": str(outcome), "reduced": None}
    totals = totals_of(run.planned, results_by_outcome(scope, [run.id]).get(run.id, {}), ended=True)
    tests = alike_tests(scope, [run.id]).get(run.id, ())
    reduced = reduced_of(tests, test_count=run.test_count, trials=run.trials, ended=True)
    outcome = run_outcome(passed=reduced.tests.passed, failed=reduced.tests.failed)
    return {"totals": asdict(totals), "parts": parts, "outcome": str(outcome), "reduced": reduced.to_json()}
