"""A run's numbers counted once more, to be kept on it: when it ends, and when people's reviews change them."""

from dataclasses import asdict
from typing import Any

from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import TestRun
from rhesis_app.runs.queries.breakdown import count_parts, tests_by_requirement, totals_in
from rhesis_app.runs.rules import totals_of
from rhesis_app.runs.rules.reduced import reduced_of, results_in
from rhesis_app.scoring.outcome import run_outcome


def count_run(scope: Scope, run: TestRun) -> dict[str, Any]:
    """What an ended run keeps: `totals` of its results, its `parts`, its `outcome`; and where its tests have several trials
    what these came to, `reduced`, which then decides the outcome."""
    if run.test_count is None:
        parts = count_parts(scope, run)
        totals = totals_of(run.planned, totals_in(parts), ended=True)
        outcome = run_outcome(passed=totals.passed, failed=totals.failed)
        return {"totals": asdict(totals), "parts": parts, "outcome": str(outcome), "reduced": None}
    tests = tests_by_requirement(scope, run.id)
    totals = totals_of(run.planned, results_in(tests), ended=True)
    reduced = reduced_of(tests, test_count=run.test_count, trials=run.trials, ended=True)
    outcome = run_outcome(passed=reduced.tests.passed, failed=reduced.tests.failed)
    kept = {"totals": asdict(totals), "parts": count_parts(scope, run, tests), "outcome": str(outcome)}
    return kept | {"reduced": reduced.to_json()}
