"""What an ended run means for a pipeline: the exit status and its sentences."""

from typing import Any

import pytest

from rhesis_app.runs.cli.verdict import Exit, verdict_of


def run(passed: int, failed: int, *, status: str = "completed", gates: tuple[str, ...] = (), **left: int) -> Any:
    n = passed + failed
    totals = {"passed": passed, "failed": failed, "error": 0, "unscored": 0, "cancelled": 0, "pending": 0} | left
    outcome = "failed" if failed else "passed" if passed else "none"
    rate = {"value": passed / n if n else None, "low": 0.1 if n else None, "high": 0.9 if n else None}
    return {
        "status": status,
        "outcome": outcome,
        "totals": totals | {"planned": sum(totals.values())},
        "pass_rate": rate | {"passed": passed, "n": n, "excluded": sum(left.values()), "final": True},
        "gates": [
            {
                "gate_id": str(place),
                "name": f"G{place}",
                "words": "≥ 90 %",
                "decision": decision,
                "sentence": "So it is.",
            }
            for place, decision in enumerate(gates)
        ],
    }


@pytest.mark.parametrize(
    ("ended", "wanted", "status"),
    [
        (run(20, 0), (), Exit.PASSED),
        (run(19, 1), (), Exit.FAILED),
        (run(0, 0, unscored=3), (), Exit.UNDECIDED),
        (run(98, 0, error=2), (), Exit.PASSED),
        (run(97, 0, error=3), (), Exit.UNDECIDED),
        (run(90, 1, error=9), (), Exit.FAILED),
        (run(0, 0, status="errored", error=3), (), Exit.COULD_NOT_RUN),
        (run(5, 0, status="cancelled", cancelled=5), (), Exit.COULD_NOT_RUN),
        (run(5, 0, status="cancelled", cancelled=5, gates=("passed",)), (), Exit.COULD_NOT_RUN),
        (run(19, 1, gates=("passed", "passed")), (), Exit.PASSED),
        (run(20, 0, gates=("passed", "undecided")), (), Exit.UNDECIDED),
        (run(20, 0, gates=("undecided", "failed")), (), Exit.FAILED),
        (run(20, 0, gates=("passed", "failed")), ("0",), Exit.PASSED),
        (run(20, 0, gates=("passed", "failed")), ("0", "1"), Exit.FAILED),
        (run(20, 0, gates=("passed",)), ("0", "gone"), Exit.UNDECIDED),
        (run(20, 0), ("gone",), Exit.UNDECIDED),
    ],
)
def test_gates_decide_and_without_any_the_outcome_does(ended: Any, wanted: tuple[str, ...], status: Exit) -> None:
    assert verdict_of(ended, wanted).status is status


def test_the_numbers_come_first_and_say_what_is_left_out() -> None:
    lines = verdict_of(run(12, 3, error=2, unscored=1, cancelled=1_200)).lines
    assert lines[0] == "12 / 15 passed · 2 errors · 1 unscored · 1,200 not run"
    assert lines[1] == "pass rate 80.0 %, 95 % interval [10.0, 90.0]"
    assert verdict_of(run(0, 0, error=1, status="errored")).lines[0] == "0 / 0 passed · 1 error"


def test_every_gate_says_its_sentence() -> None:
    lines = verdict_of(run(20, 0, gates=("passed", "undecided"))).lines
    assert lines[2:] == (
        "gate passed: G0 (≥ 90 %). So it is.",
        "gate undecided: G1 (≥ 90 %). So it is.",
        "undecided: no gate failed, and not every gate could decide.",
    )


def test_a_run_that_its_cap_stopped_says_so() -> None:
    ended = run(20, 0, status="partial", error=30) | {"cost": {"cap": "1.5", "not_asked": 29}}
    verdict = verdict_of(ended)
    assert "stopped at its cost cap of $1.5: 29 of 50 tests not asked" in verdict.lines
    assert verdict.status is Exit.UNDECIDED
    assert not [line for line in verdict_of(run(20, 0) | {"cost": None}).lines if "cap" in line]
