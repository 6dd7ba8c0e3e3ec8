"""One slice after another until a run has ended, on a real endpoint and a real database."""

import threading
from uuid import UUID

import pytest

from rhesis_app.kernel.errors import Conflict, Invalid
from rhesis_app.runs.actions.cancel import cancel_run
from rhesis_app.runs.actions.drive import drive_run
from rhesis_app.runs.actions.finalise import finalise_run
from rhesis_app.runs.actions.sweep import sweep
from tests.jobs.runs.world import World, make_world
from tests.people import Person
from tests.scripted_endpoint import Call, Reply, ScriptedEndpoint, always, json_reply, throttled

TWELVE = [(f"Question {number}", "yes" if number % 3 else "never said") for number in range(12)]


def answers_yes(_call: Call) -> Reply:
    return json_reply({"reply": "yes, of course"})


def drive(world: World, run_id: UUID, stop: threading.Event | None = None) -> bool:
    with world.person.scope() as scope:
        return drive_run(scope, world.parts, run_id, stop=stop or threading.Event())


def outcomes(world: World, run_id: UUID) -> dict[str, int]:
    rows: list[tuple[str, int]] = world.ask(
        "SELECT outcome, count(*) FROM test_result WHERE run_id = :run GROUP BY 1", run=run_id
    )
    return dict(rows)


def status(world: World, run_id: UUID) -> str:
    return str(world.ask("SELECT status FROM test_run WHERE id = :run", run=run_id)[0].status)


def test_every_planned_test_ends_in_one_result_with_its_evaluation(alice: Person) -> None:
    with ScriptedEndpoint(answers_yes) as server:
        world = make_world(alice, server.url, TWELVE)
        run_id = world.start()
        assert drive(world, run_id) is False
    assert outcomes(world, run_id) == {"passed": 8, "failed": 4}
    assert status(world, run_id) == "completed"
    run = world.ask("SELECT outcome, totals, number FROM test_run WHERE id = :run", run=run_id)[0]
    assert run.outcome == "failed"
    assert run.totals == {
        "planned": 12,
        "passed": 8,
        "failed": 4,
        "error": 0,
        "unscored": 0,
        "pending": 0,
        "cancelled": 0,
    }
    assert world.ask("SELECT count(*) FROM evaluation WHERE run_id = :run", run=run_id)[0][0] == 12
    assert world.ask("SELECT count(*) FROM work_item")[0][0] == 0


def test_each_call_says_which_attempt_at_which_test_it_is(alice: Person) -> None:
    with ScriptedEndpoint(answers_yes) as server:
        world = make_world(alice, server.url, TWELVE[:2])
        run_id = world.start()
        drive(world, run_id)
        keys = {call.headers["idempotency-key"] for call in server.calls}
    assert len(keys) == 2
    assert all(key.startswith(f"{run_id}:") for key in keys)
    assert {call.headers["x-attempt"] for call in server.calls} == {"1"}


def test_the_limit_is_never_passed(alice: Person) -> None:
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"}, delay_s=0.02)) as server:
        world = make_world(alice, server.url, TWELVE * 3, max_concurrency=3)
        run_id = world.start()
        slices = [threading.Thread(target=drive, args=(world, run_id)) for _ in range(3)]
        for one in slices:
            one.start()
        for one in slices:
            one.join()
        assert server.max_in_flight <= 3
    assert sum(outcomes(world, run_id).values()) == 36


def test_a_dead_endpoint_gives_error_codes_and_the_run_still_ends(alice: Person) -> None:
    with ScriptedEndpoint(always(Reply(status=404))) as server:
        world = make_world(alice, server.url, TWELVE)
        run_id = world.start()
        drive(world, run_id)
    assert outcomes(world, run_id) == {"error": 12}
    assert status(world, run_id) == "errored"
    codes = world.ask("SELECT DISTINCT error_code FROM test_result WHERE run_id = :run", run=run_id)
    assert [row.error_code for row in codes] == ["http_4xx"]


def test_a_failure_that_may_pass_is_asked_again_at_most_three_times(alice: Person) -> None:
    with ScriptedEndpoint(always(Reply(status=500))) as server:
        world = make_world(alice, server.url, TWELVE[:1])
        run_id = world.start()
        for _ in range(3):
            with world.person.scope() as scope, scope.atomic() as session:
                session.connection().exec_driver_sql("UPDATE work_item SET not_before = now()")
            stop = threading.Event()
            timer = threading.Timer(1.0, stop.set)
            timer.start()
            drive(world, run_id, stop)
            timer.cancel()
        assert len(server.calls) == 3
    row = world.ask("SELECT error_code, attempts FROM test_result WHERE run_id = :run", run=run_id)[0]
    assert (row.error_code, row.attempts) == ("http_5xx", 3)


def test_an_endpoint_that_asks_for_a_pause_gets_it_and_loses_no_attempt(alice: Person) -> None:
    replies = iter([throttled("120")])
    with ScriptedEndpoint(lambda call: next(replies, None) or answers_yes(call)) as server:
        world = make_world(alice, server.url, TWELVE[:1], max_concurrency=1)
        run_id = world.start()
        stop = threading.Event()
        threading.Timer(0.5, stop.set).start()
        drive(world, run_id, stop)
        assert len(server.calls) == 1
    paused = world.ask("SELECT paused_until > now() + interval '100 seconds' AS paused FROM endpoint_throttle")[0]
    item = world.ask("SELECT attempt, throttled, lease_owner FROM work_item")[0]
    assert paused.paused
    assert (item.attempt, item.throttled, item.lease_owner) == (1, 1, None)


def test_cancelling_deletes_what_waits_and_keeps_what_was_answered(alice: Person) -> None:
    with ScriptedEndpoint(answers_yes) as server:
        world = make_world(alice, server.url, TWELVE)
        run_id = world.start()
        with world.person.scope() as scope:
            cancel_run(scope, run_id)
        assert drive(world, run_id) is False
        assert server.calls == []
    assert status(world, run_id) == "cancelled"
    assert world.ask("SELECT totals FROM test_run")[0].totals["cancelled"] == 12


def test_a_lease_that_ran_out_is_given_to_another_and_the_late_answer_is_discarded(alice: Person) -> None:
    release = threading.Event()

    def slow(call: Call) -> Reply:
        if call.headers["x-attempt"] == "1":
            release.wait(10)
        return json_reply({"reply": "yes"})

    with ScriptedEndpoint(slow) as server:
        world = make_world(alice, server.url, TWELVE[:1])
        run_id = world.start()
        first = threading.Thread(target=drive, args=(world, run_id))
        first.start()
        _until(lambda: len(server.calls) == 1)
        with world.person.scope() as scope, scope.atomic() as session:
            session.connection().exec_driver_sql("UPDATE work_item SET lease_until = now() - interval '1 second'")
        assert sweep(alice.host).returned == 1
        drive(world, run_id)
        release.set()
        first.join()
    assert sum(outcomes(world, run_id).values()) == 1
    assert world.ask("SELECT attempts FROM test_result")[0].attempts == 2


def test_a_test_that_loses_every_lease_ends_as_an_error(alice: Person) -> None:
    with ScriptedEndpoint(answers_yes) as server:
        world = make_world(alice, server.url, TWELVE[:2])
    run_id = world.start()
    with world.person.scope() as scope, scope.atomic() as session:
        session.connection().exec_driver_sql(
            "UPDATE work_item SET attempt = 3, lease_owner = 'gone', lease_until = now() - interval '1 second'"
        )
    swept = sweep(alice.host)
    assert (swept.lost, swept.ended) == (2, 1)
    assert status(world, run_id) == "errored"


def test_what_is_open_at_the_deadline_ends_as_an_error(alice: Person) -> None:
    with ScriptedEndpoint(answers_yes) as server:
        world = make_world(alice, server.url, TWELVE)
    run_id = world.start()
    with world.person.scope() as scope, scope.atomic() as session:
        session.connection().exec_driver_sql("UPDATE test_run SET deadline_at = now() - interval '1 second'")
    assert sweep(alice.host).late == 12
    assert outcomes(world, run_id) == {"error": 12}


def test_the_sweeper_rings_for_a_run_that_nobody_drives(alice: Person) -> None:
    with ScriptedEndpoint(answers_yes) as server:
        world = make_world(alice, server.url, TWELVE)
    world.start()
    alice.host.queue.redis.flushdb()
    assert alice.host.queue.waiting("runs") == 0
    assert sweep(alice.host).rung == 1
    assert alice.host.queue.waiting("runs") == 1


def test_the_same_key_gives_the_same_run_and_another_body_is_refused(alice: Person) -> None:
    with ScriptedEndpoint(answers_yes) as server:
        world = make_world(alice, server.url, TWELVE)
    first = world.start(idempotency_key="once")
    assert world.start(idempotency_key="once") == first
    with pytest.raises(Conflict):
        world.start(idempotency_key="once", metric_ids=(world.metric_id,))


def test_a_run_without_any_metric_is_refused_and_nothing_is_written(alice: Person) -> None:
    with ScriptedEndpoint(answers_yes) as server:
        world = make_world(alice, server.url, TWELVE)
    with alice.scope() as scope, scope.atomic() as session:
        session.connection().exec_driver_sql("DELETE FROM test_set_metric")
    with pytest.raises(Invalid):
        world.start()
    assert world.ask("SELECT count(*) FROM test_run")[0][0] == 0
    assert world.ask("SELECT count(*) FROM test_set_version")[0][0] == 0


def test_ending_a_run_twice_changes_nothing(alice: Person) -> None:
    with ScriptedEndpoint(answers_yes) as server:
        world = make_world(alice, server.url, TWELVE)
        run_id = world.start()
        with alice.scope() as scope:
            assert finalise_run(scope, run_id) is False
        drive(world, run_id)
    before = world.ask("SELECT finished_at, totals FROM test_run")[0]
    with alice.scope() as scope:
        assert finalise_run(scope, run_id) is True
    assert world.ask("SELECT finished_at, totals FROM test_run")[0] == before


def test_stopping_for_a_deploy_gives_back_what_was_not_asked(alice: Person) -> None:
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"}, delay_s=0.1)) as server:
        world = make_world(alice, server.url, TWELVE, max_concurrency=2)
        run_id = world.start()
        stop = threading.Event()
        threading.Timer(0.25, stop.set).start()
        drive(world, run_id, stop)
        asked = len(server.calls)
    assert 0 < asked < 12
    assert sum(outcomes(world, run_id).values()) == asked
    assert world.ask("SELECT count(*) FROM work_item WHERE lease_owner IS NULL")[0][0] == 12 - asked


def _until(holds: object) -> None:
    waiting = threading.Event()
    for _ in range(500):
        if holds():  # type: ignore[operator]
            return
        waiting.wait(0.01)
    raise AssertionError("it never happened")
