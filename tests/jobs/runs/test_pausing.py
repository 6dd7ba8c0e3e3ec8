"""A paused run asks nothing more, loses nothing and holds nobody up; it goes on where it was."""

import threading
from datetime import timedelta
from uuid import UUID

import pytest

from rhesis_app.kernel.errors import Conflict
from rhesis_app.runs.actions.cancel import cancel_run
from rhesis_app.runs.actions.drive import drive_run
from rhesis_app.runs.actions.pause import pause_run, resume_run
from rhesis_app.runs.actions.sweep import sweep
from tests.jobs.runs.test_driving import TWELVE, drive, outcomes, status
from tests.jobs.runs.world import World, make_world
from tests.people import Person
from tests.scripted_endpoint import Call, Reply, ScriptedEndpoint, json_reply

MANY = [(f"Question {number}", "yes") for number in range(200)]


def pause(world: World, run_id: UUID) -> None:
    with world.person.scope() as scope:
        pause_run(scope, run_id)


def resume(world: World, run_id: UUID) -> None:
    with world.person.scope() as scope:
        resume_run(scope, run_id)


def test_nothing_is_asked_within_a_second_of_a_pause_and_all_is_asked_after_it(alice: Person) -> None:
    asked: list[str] = []

    def script(call: Call) -> Reply:
        asked.append(call.json["message"])
        if len(asked) == 20:
            pause(world, run_id)
        return json_reply({"reply": "yes"}, delay_s=0.05)

    with ScriptedEndpoint(script) as server:
        world = make_world(alice, server.url, MANY, max_concurrency=4)
        run_id = world.start()
        assert drive(world, run_id) is False  # nobody is asked to go on with it
        # 4 at a time, 50 ms each: a second is 80 calls and those in flight
        assert 20 <= len(asked) <= 20 + 80 + 8
        halted = len(asked)
        assert sum(outcomes(world, run_id).values()) == halted
        assert drive(world, run_id) is False
        assert len(asked) == halted
        assert sweep(alice.host).rung == 0
        resume(world, run_id)
        drive(world, run_id)
    assert len(asked) == len(set(asked)) == len(MANY)
    assert (outcomes(world, run_id), status(world, run_id)) == ({"passed": 200}, "completed")


def test_a_resume_rings_at_once_and_moves_the_deadline_by_the_pause(alice: Person) -> None:
    world = make_world(alice, "http://127.0.0.1:1", TWELVE)
    run_id = world.start()
    deadline = world.ask("SELECT deadline_at FROM test_run")[0].deadline_at
    pause(world, run_id)
    pause(world, run_id)  # changes nothing
    with alice.scope() as scope, scope.atomic() as session:
        session.connection().exec_driver_sql("UPDATE test_run SET paused_at = paused_at - interval '7 hours'")
    rung = alice.host.queue.waiting("runs")
    resume(world, run_id)
    assert alice.host.queue.waiting("runs") == rung + 1
    resume(world, run_id)
    moved = world.ask("SELECT deadline_at, paused_at, paused_by FROM test_run")[0]
    assert timedelta(hours=7) <= moved.deadline_at - deadline < timedelta(hours=7, minutes=1)
    assert (moved.paused_at, moved.paused_by) == (None, None)


def test_the_deadline_of_a_paused_run_stands_still(alice: Person) -> None:
    world = make_world(alice, "http://127.0.0.1:1", TWELVE)
    run_id = world.start()
    pause(world, run_id)
    with alice.scope() as scope, scope.atomic() as session:
        session.connection().exec_driver_sql(
            "UPDATE test_run SET deadline_at = now() - interval '1 second', paused_at = now() - interval '1 minute'"
        )
    assert sweep(alice.host).late == 0
    resume(world, run_id)
    assert sweep(alice.host).late == 0


def test_a_paused_run_makes_nobody_give_way(alice: Person, charlie: Person) -> None:
    mine, theirs = (make_world(person, "http://127.0.0.1:1", TWELVE) for person in (alice, charlie))
    run_id, their_run = mine.start(), theirs.start()
    others = "SELECT others_wait(:run)"
    assert theirs.ask(others, run=their_run)[0][0]
    pause(mine, run_id)
    assert not theirs.ask(others, run=their_run)[0][0]


def test_a_pause_outlives_a_killed_worker(alice: Person) -> None:
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"})) as server:
        world = make_world(alice, server.url, TWELVE)
        run_id = world.start()
        with alice.scope() as scope, scope.atomic() as session:
            session.connection().exec_driver_sql(
                "UPDATE work_item SET lease_owner = 'gone', lease_until = now() - interval '1 second', attempt = 1 WHERE position < 5"
            )
        pause(world, run_id)
        swept = sweep(alice.host)
        assert (swept.returned > 0, swept.rung) == (True, 0)
        drive(world, run_id)
        assert len(server.calls) == 0
        resume(world, run_id)
        drive(world, run_id)
    assert sum(outcomes(world, run_id).values()) == 12


def test_a_paused_run_can_be_cancelled_and_then_neither_paused_nor_resumed(alice: Person) -> None:
    world = make_world(alice, "http://127.0.0.1:1", TWELVE)
    run_id = world.start()
    pause(world, run_id)
    with alice.scope() as scope:
        cancel_run(scope, run_id)
    assert status(world, run_id) == "cancelled"
    for change, word in ((pause, "pause"), (resume, "resume")):
        with pytest.raises(Conflict, match=f"#1 has ended, so there is nothing to {word}"):
            change(world, run_id)


def test_a_run_whose_last_answers_come_in_while_it_is_paused_ends(alice: Person) -> None:
    def script(_call: Call) -> Reply:
        pause(world, run_id)
        return json_reply({"reply": "yes"}, delay_s=0.05)

    with ScriptedEndpoint(script) as server:
        world = make_world(alice, server.url, TWELVE[:4], max_concurrency=4)
        run_id = world.start()
        with alice.scope() as scope:
            drive_run(scope, world.parts, run_id, stop=threading.Event())
    assert status(world, run_id) == "completed"
    assert world.ask("SELECT paused_at FROM test_run")[0].paused_at is None
