"""Why the bar of a running run does not move, in words, and how long the rest takes."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from rhesis_app.runs.queries.breakdown import RequirementRate
from rhesis_app.runs.queries.finding import finding_of, left_out_of
from rhesis_app.runs.queries.progress import Progress, retries_used, standing_still, time_left_ms
from rhesis_app.runs.queries.views import AskedEndpoint, FrozenSet, RunView, rate_from, shown_rate
from rhesis_app.runs.rules import rate_of, retry_budget
from rhesis_app.sdk import Totals

ID = UUID(int=7)
NOW = datetime(2026, 6, 18, 9, 12, tzinfo=UTC)


def run(totals: Totals, *, is_finished: bool = False) -> RunView:
    return RunView(
        id=ID,
        project_id=ID,
        number=7,
        kind="run",
        parent=None,
        chosen_by=None,
        chosen_from=None,
        status="completed" if is_finished else "running",
        outcome="none",
        trials=1,
        reducer=None,
        totals=totals,
        test_totals=totals,
        consistency=None,
        pass_rate=shown_rate(rate_of(totals), is_final=is_finished),
        test_set=FrozenSet(id=ID, name="Set", version=1),
        endpoint=AskedEndpoint(id=ID, name="prod"),
        metrics=(),
        started_by=None,
        schedule_id=None,
        source="live",
        recording_run_id=None,
        recording_number=None,
        answers=None,
        created_at=NOW,
        started_at=NOW,
        finished_at=NOW if is_finished else None,
        duration_ms=10_000.0,
        cancel_requested_at=None,
        paused_at=None,
        paused_by=None,
        can_cancel=False,
        can_pause=False,
        can_resume=False,
        can_execute=False,
    )


GOING = run(Totals(planned=20, passed=5, pending=15))


@pytest.mark.parametrize(
    ("progress", "said"),
    [
        (Progress(in_flight=3, due=2), ""),
        (Progress(in_flight=3, paused_s=11.2), "The endpoint asks for a pause: going on in 12 s."),
        (Progress(lost=2, due=4), "A worker was lost. Its calls are given out again within a minute."),
        (Progress(due=4), "Waits for a worker. If this stays, look whether one runs: rhesis-app doctor."),
        (Progress(later=2, next_try_s=6.4), "2 calls are to be tried again, the next one in 7 s."),
        (Progress(later=1, next_try_s=-1), "1 call is to be tried again, the next one in 0 s."),
        (Progress(), ""),
        (
            Progress(due=9, open_s=12.1),
            "The endpoint failed too often in a row: one call tries it again in 13 s. If it stays away for minutes, the run ends with errors.",
        ),
        (
            Progress(in_flight=1, open_s=0.0),
            "The endpoint failed too often in a row: one call tries whether it is back.",
        ),
        (
            Progress(in_flight=3, limit=3, most=16, lowered_for="timeout"),
            "Slower for now: 3 of 16 calls at a time, after calls that got no answer in time.",
        ),
        (
            Progress(in_flight=3, limit=3, most=16, lowered_for="throttled"),
            "Slower for now: 3 of 16 calls at a time, after it asked for fewer.",
        ),
        (Progress(in_flight=3, limit=16, most=4, lowered_for="throttled"), ""),
        (
            Progress(due=4, is_resuming=True),
            "The endpoint's pause is over: the sweeper calls a worker within ten seconds.",
        ),
        (Progress(due=4, others_work=True), "Other runs are being asked first: this one gets its turn within seconds."),
    ],
)
def test_a_bar_that_stands_still_says_why(progress: Progress, said: str) -> None:
    assert standing_still(GOING, progress) == said


def test_a_cancelled_one_says_what_it_still_waits_for() -> None:
    cancelling = replace(GOING, cancel_requested_at=NOW)
    assert standing_still(cancelling, Progress(in_flight=1)).endswith("1 answer is still on the way and kept.")


@pytest.mark.parametrize(
    ("progress", "said"),
    [
        (Progress(due=15, halted_s=200.0), "Paused by Alice, 3 minutes ago: 15 tests are left."),
        (
            Progress(due=14, in_flight=1, halted_s=3.0),
            "Paused by Alice, a moment ago: 14 tests are left. 1 answer is still on the way and kept.",
        ),
        (Progress(due=15, halted_s=3_600.0, paused_s=9.0), "Paused by Alice, 1 hour ago: 15 tests are left."),
        (Progress(due=15, halted_s=200_000.0), "Paused by Alice, 2 days ago: 15 tests are left."),
    ],
)
def test_a_paused_one_says_by_whom_since_when_and_what_is_left(progress: Progress, said: str) -> None:
    paused = replace(GOING, paused_at=NOW, paused_by="Alice")
    assert standing_still(paused, progress) == said
    assert time_left_ms(paused) is None
    assert paused.shown_status == "paused"


def test_an_ended_run_waits_for_nothing() -> None:
    assert standing_still(run(Totals(planned=1, passed=1), is_finished=True), Progress(due=3)) == ""


@pytest.mark.parametrize(("planned", "budget"), [(1, 10), (50, 10), (54, 10), (55, 11), (1000, 200)])
def test_a_run_has_a_fifth_of_its_tests_as_retries_and_at_least_ten(planned: int, budget: int) -> None:
    assert retry_budget(planned) == budget
    going, ended = (
        run(Totals(planned=planned, pending=planned), is_finished=is_finished) for is_finished in (False, True)
    )
    assert retries_used(going, budget - 1) == ""
    assert f"all {budget} retries of this run are used" in retries_used(going, budget)
    assert f"all {budget} retries of this run were used" in retries_used(ended, budget)


def test_the_time_left_follows_the_pace_so_far() -> None:
    assert time_left_ms(GOING) == 30_000
    assert time_left_ms(run(Totals(planned=20, passed=4, pending=16))) is None
    assert time_left_ms(replace(GOING, duration_ms=None)) is None


def part(name: str, passed: int, failed: int) -> RequirementRate:
    rate = rate_from({"passed": passed, "failed": failed}, is_final=True)
    return RequirementRate(requirement_id=ID, name=name, rate=rate, error=0, unscored=0)


@pytest.mark.parametrize(
    ("totals", "said"),
    [
        (Totals(planned=3, passed=3), "All 3 tests with a verdict passed."),
        (Totals(planned=2, passed=1, error=1), "The one test with a verdict passed."),
        (Totals(planned=3, passed=1, failed=2), "2 of 3 tests with a verdict failed."),
        (
            Totals(planned=2, error=2),
            "Nothing could be decided. No answer could be used: open a result to see the endpoint's error.",
        ),
        (Totals(planned=2, cancelled=2), "Nothing could be decided. The run was cancelled before the first answer."),
        (
            Totals(planned=2, unscored=1, error=1),
            "Nothing could be decided. There are answers, but no required metric could tell: open a result to see why.",
        ),
    ],
)
def test_a_finished_run_says_what_it_found(totals: Totals, said: str) -> None:
    assert finding_of(run(totals, is_finished=True), ()) == said


def test_the_weakest_requirement_is_named_where_there_is_a_difference() -> None:
    failed = run(Totals(planned=6, passed=4, failed=2), is_finished=True)
    assert finding_of(failed, [part("Facts", 1, 2), part("Tone", 3, 0)]).endswith("Weakest is Facts with 1 / 3 passed.")
    assert "Weakest" not in finding_of(failed, [part("Facts", 1, 1), part("Tone", 1, 1)])
    assert "Weakest" not in finding_of(failed, [part("Facts", 1, 2)])


def test_what_is_left_out_is_named_with_its_bounds() -> None:
    some = run(Totals(planned=6, passed=3, failed=1, error=1, cancelled=1), is_finished=True)
    assert left_out_of(some) == (
        "Left out: 1 error, 1 not run. Had all of them failed, 3 / 6 would have passed; had all passed, 5 / 6."
    )
    assert (
        left_out_of(run(Totals(planned=2, passed=2), is_finished=True))
        == "All 2 tests have a verdict: nothing is left out."
    )
