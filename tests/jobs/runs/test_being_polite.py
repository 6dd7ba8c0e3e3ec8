"""Runs against endpoints in trouble: all results, never more calls at a time than allowed, and no more than the budget lets through."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID

from rhesis_app.endpoints.actions.throttle import reset_throttle
from rhesis_app.runs.actions.drive import drive_run
from rhesis_app.runs.actions.sweep import sweep
from tests.jobs.runs.world import World, make_world
from tests.people import Person
from tests.scripted_endpoint import HANG, RESET, Call, Reply, ScriptedEndpoint, always, in_turn, json_reply, throttled

YES = json_reply({"reply": "yes, of course"})
BROKEN = Reply(status=500)


def questions(count: int) -> list[tuple[str, str]]:
    return [(f"Question {number}", "yes") for number in range(count)]


def drive(world: World, run_id: UUID) -> bool:
    with world.person.scope() as scope:
        return drive_run(scope, world.parts, run_id, stop=threading.Event())


def change(world: World, statement: str) -> None:
    with world.person.scope() as scope, scope.atomic() as session:
        session.connection().exec_driver_sql(statement)


def let_time_pass(world: World) -> None:
    """What waits is due now: later tries, a pause, an open breaker."""
    change(world, "UPDATE work_item SET not_before = now() WHERE not_before > now()")
    change(world, "UPDATE endpoint_throttle SET paused_until = NULL WHERE paused_until > now()")
    change(world, "UPDATE endpoint_throttle SET open_until = now() WHERE open_until > now()")


@contextmanager
def time_flies(world: World) -> Iterator[None]:
    ended = threading.Event()

    def hurry() -> None:
        while not ended.wait(0.05):
            let_time_pass(world)

    clock = threading.Thread(target=hurry)
    clock.start()
    try:
        yield
    finally:
        ended.set()
        clock.join()


def finish_run(world: World, run_id: UUID) -> None:
    with time_flies(world):
        for _ in range(500):
            if not drive(world, run_id) and not world.ask("SELECT 1 FROM work_item"):
                return
            threading.Event().wait(0.02)
    raise AssertionError("the run never ended")


def outcomes(world: World, run_id: UUID) -> dict[str, int]:
    rows: list[tuple[str, int]] = world.ask(
        "SELECT COALESCE(error_code, outcome), count(*) FROM test_result WHERE run_id = :run GROUP BY 1", run=run_id
    )
    return dict(rows)


def try_again(world: World) -> None:
    with world.person.scope() as scope:
        reset_throttle(scope, world.endpoint_id)


def throttle(world: World) -> Any:
    return world.ask("SELECT * FROM endpoint_throttle")[0]


def test_a_storm_of_429_with_every_form_of_retry_after_costs_no_answer_and_no_attempt(alice: Person) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    past = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
    forms = [
        None,
        "0",
        "1",
        "120",
        "999999999999",
        "-5",
        "1.5",
        "soon",
        "",
        soon,
        past,
        "Wed, 99 Foo 2026 99:99:99 GMT",
    ]

    def storm(call: Call) -> Reply:
        if call.number >= 4 * len(forms):
            return YES
        return throttled(forms[call.number % len(forms)], status=503 if call.number % 12 == 3 else 429)

    with ScriptedEndpoint(storm) as server:
        world = make_world(alice, server.url, questions(40), max_concurrency=8)
        run_id = world.start()
        finish_run(world, run_id)
        assert server.max_in_flight <= 8
        assert len(server.calls) == 40 + 4 * len(forms)
    assert outcomes(world, run_id) == {"passed": 40}
    assert world.ask("SELECT retries FROM test_run")[0].retries == 0


def test_what_is_to_be_asked_again_goes_before_what_was_never_asked(alice: Person) -> None:
    def script(call: Call) -> Reply:
        return throttled("0") if call.number == 0 else json_reply({"reply": "yes, of course"}, delay_s=0.03)

    with ScriptedEndpoint(script) as server:
        world = make_world(alice, server.url, questions(40), max_concurrency=1)
        run_id = world.start()
        finish_run(world, run_id)
        asked = [call.json["message"] for call in server.calls]
    assert asked.count("Question 0") == 2
    assert asked[-1] == "Question 39"
    assert outcomes(world, run_id) == {"passed": 40}


def test_tests_that_are_put_off_for_ever_keep_none_from_being_asked(alice: Person) -> None:
    put_off = {f"Question {number}" for number in range(4)}
    asked: list[str] = []

    def script(call: Call) -> Reply:
        asked.append(call.json["message"])
        refused = asked[-1] in put_off and sum(one in put_off for one in asked) <= 60
        return throttled("0") if refused else YES

    with ScriptedEndpoint(script) as server:
        world = make_world(alice, server.url, questions(40), max_concurrency=1)
        run_id = world.start()
        finish_run(world, run_id)
    assert outcomes(world, run_id) == {"passed": 40}
    last = max(place for place, one in enumerate(asked) if one not in put_off)
    assert last < 75, "4 tests, each 5 times before the others, and 36 others"


def test_a_test_that_was_throttled_many_times_still_has_its_three_tries(alice: Person) -> None:
    replies = [throttled()] * 5 + [BROKEN, throttled("1"), BROKEN, YES]
    with ScriptedEndpoint(in_turn(replies)) as server:
        world = make_world(alice, server.url, questions(1))
        run_id = world.start()
        finish_run(world, run_id)
        assert len(server.calls) == len(replies)
    assert outcomes(world, run_id) == {"passed": 1}


def test_a_pause_is_kept_by_all_slices_and_is_never_longer_than_five_minutes(alice: Person) -> None:
    with ScriptedEndpoint(always(throttled("86400"))) as server:
        world = make_world(alice, server.url, questions(20), max_concurrency=2)
        run_id = world.start()
        assert drive(world, run_id) is False  # left to the sweeper instead of keeping a worker
        asked = len(server.calls)
        assert asked <= 2
        assert drive(world, run_id) is False
        assert sweep(alice.host).rung == 0
        assert len(server.calls) == asked
    left = world.ask("SELECT EXTRACT(epoch FROM paused_until - now()) AS s FROM endpoint_throttle")[0].s
    assert 280 < left <= 300


def test_the_sweeper_rings_again_when_the_pause_is_over(alice: Person) -> None:
    with ScriptedEndpoint(always(throttled("60"))) as server:
        world = make_world(alice, server.url, questions(5), max_concurrency=1)
        drive(world, world.start())
    let_time_pass(world)
    assert sweep(alice.host).rung == 1


def test_when_half_the_calls_break_the_retries_stay_within_a_fifth(alice: Person) -> None:
    with ScriptedEndpoint(lambda call: BROKEN if call.number % 2 else YES) as server:
        world = make_world(alice, server.url, questions(100), max_concurrency=8)
        run_id = world.start()
        finish_run(world, run_id)
        assert len(server.calls) == 100 + 20
        assert server.max_in_flight <= 8
    found = outcomes(world, run_id)
    assert sum(found.values()) == 100
    assert found["http_5xx"] == 60 - 20
    assert world.ask("SELECT retries FROM test_run")[0].retries == 20


def test_slices_that_work_at_once_share_one_budget(alice: Person) -> None:
    with ScriptedEndpoint(lambda call: BROKEN if call.number % 2 else YES) as server:
        world = make_world(alice, server.url, questions(120), max_concurrency=9)
        run_id = world.start()
        slices = [threading.Thread(target=drive, args=(world, run_id)) for _ in range(3)]
        with time_flies(world):
            for one in slices:
                one.start()
            for one in slices:
                one.join()
        finish_run(world, run_id)
        assert len(server.calls) == 120 + 24
        assert server.max_in_flight <= 9
    assert sum(outcomes(world, run_id).values()) == 120


def test_a_small_run_has_ten_retries(alice: Person) -> None:
    with ScriptedEndpoint(lambda call: BROKEN if call.number < 14 else YES) as server:
        world = make_world(alice, server.url, questions(12), max_concurrency=1)
        run_id = world.start()
        finish_run(world, run_id)
        assert len(server.calls) == 12 + 10
    assert outcomes(world, run_id) == {"http_5xx": 4, "passed": 8}


def test_an_endpoint_that_hangs_gets_fewer_calls_at_a_time(alice: Person) -> None:
    with ScriptedEndpoint(lambda call: HANG if call.number < 8 else YES) as server:
        world = make_world(alice, server.url, questions(15), max_concurrency=8, timeout_s=1)
        run_id = world.start()
        finish_run(world, run_id)
        assert server.max_in_flight <= 8 + 4  # the server goes on with the eight that were given up
    assert outcomes(world, run_id) == {"passed": 15}
    held = throttle(world)
    assert (held.cur_limit, held.lowered_for) == (4, "timeout")


def test_a_lowered_limit_holds_for_all_slices_together(alice: Person) -> None:
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"}, delay_s=0.02)) as server:
        world = make_world(alice, server.url, questions(18), max_concurrency=8)
        change(world, "UPDATE endpoint_throttle SET cur_limit = 2, lowered_at = now(), lowered_for = 'timeout'")
        run_id = world.start()
        slices = [threading.Thread(target=drive, args=(world, run_id)) for _ in range(3)]
        for one in slices:
            one.start()
        for one in slices:
            one.join()
        assert server.max_in_flight == 2
    assert outcomes(world, run_id) == {"passed": 18}
    assert (throttle(world).cur_limit, throttle(world).successes) == (2, 18)


def test_an_endpoint_that_dies_is_left_alone_and_asked_on_when_it_is_back(alice: Person) -> None:
    is_dead = threading.Event()

    def mortal(call: Call) -> Reply:
        if call.number == 30:
            is_dead.set()
        return RESET if is_dead.is_set() else YES

    with ScriptedEndpoint(mortal) as server:
        world = make_world(alice, server.url, questions(200), max_concurrency=8)
        run_id = world.start()
        assert drive(world, run_id) is False
        asked = len(server.calls)
        assert asked <= 30 + 20 + 8
        assert throttle(world).open_s == 30
        assert (drive(world, run_id), sweep(alice.host).rung, len(server.calls)) == (False, 0, asked)

        let_time_pass(world)
        assert drive(world, run_id) is False
        assert len(server.calls) == asked + 1  # one call is let through
        assert throttle(world).open_s == 60

        is_dead.clear()
        finish_run(world, run_id)
        assert server.max_in_flight <= 8
    assert outcomes(world, run_id) == {"passed": 200}
    assert (throttle(world).open_s, throttle(world).open_until) == (0, None)


def test_trying_again_by_hand_lets_one_call_through_and_then_all(alice: Person) -> None:
    is_back = threading.Event()
    with ScriptedEndpoint(lambda _call: YES if is_back.is_set() else RESET) as server:
        world = make_world(alice, server.url, questions(100), max_concurrency=8)
        run_id = world.start()
        drive(world, run_id)
        asked = len(server.calls)
        try_again(world)
        drive(world, run_id)
        assert (len(server.calls), throttle(world).open_s) == (asked + 1, 30)
        is_back.set()
        try_again(world)
        finish_run(world, run_id)
    found = outcomes(world, run_id)
    assert sum(found.values()) == 100
    assert found["passed"] >= 90


def test_one_call_is_let_through_however_many_slices_there_are(alice: Person) -> None:
    release, alone = threading.Event(), []

    def slow_at_first(call: Call) -> Reply:
        if call.number == 0:
            release.wait(10)
            alone.append(server.count)
        return YES

    with ScriptedEndpoint(slow_at_first) as server:
        world = make_world(alice, server.url, questions(30), max_concurrency=8)
        change(world, "UPDATE endpoint_throttle SET open_s = 60, open_until = now()")
        run_id = world.start()
        slices = [threading.Thread(target=drive, args=(world, run_id)) for _ in range(3)]
        for one in slices:
            one.start()
        threading.Timer(1.0, release.set).start()
        for one in slices:
            one.join()
    assert alone == [1]
    assert outcomes(world, run_id) == {"passed": 30}


def test_while_the_breaker_is_open_the_deadline_still_holds_and_no_attempt_is_used(alice: Person) -> None:
    with ScriptedEndpoint(always(YES)) as server:
        world = make_world(alice, server.url, questions(12))
        change(world, "UPDATE endpoint_throttle SET open_s = 300, open_until = now() + interval '300 seconds'")
        run_id = world.start()
        assert drive(world, run_id) is False
        assert {row.attempt for row in world.ask("SELECT attempt FROM work_item")} == {0}
        change(world, "UPDATE test_run SET deadline_at = now() - interval '1 second'")
        assert (sweep(alice.host).late, len(server.calls)) == (12, 0)
    assert outcomes(world, run_id) == {"deadline": 12}
    assert world.ask("SELECT finished_at FROM test_run")[0].finished_at is not None
