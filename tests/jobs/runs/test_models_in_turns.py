"""Runs whose models are in trouble or shared: never more calls at a time than allowed over all slices, and nothing is lost."""

import threading
from typing import Any
from uuid import UUID

import pytest

from examples.scripted_model.server import ScriptedModel
from rhesis_app.endpoints.actions.throttle import reset_model_throttle
from rhesis_app.endpoints.actions.turns import TurnBook
from rhesis_app.runs.actions.sweep import release_dead
from rhesis_app.runs.queries.runs import view_waiting_run
from tests.jobs.runs.test_judging import Judged, judged_by_tiny
from tests.jobs.runs.world import make_world
from tests.people import Person
from tests.scripted_endpoint import ScriptedEndpoint, always, json_reply

YES = json_reply({"reply": "yes, come in"})


@pytest.fixture
def endpoint() -> Any:
    with ScriptedEndpoint(always(YES)) as server:
        yield server


def judged_world(person: Person, endpoint: ScriptedEndpoint, tests: int) -> Judged:
    asked = [(f"Question {number}", "yes") for number in range(tests)]
    return judged_by_tiny(make_world(person, endpoint.url, asked, max_concurrency=16))


def drive_until_done(judged: Judged, run_id: UUID, holder: str) -> None:
    while judged.world.ask("SELECT 1 FROM test_run WHERE id = :run AND finished_at IS NULL", run=run_id):
        judged.drive(run_id, holder=holder)


def due(judged: Judged) -> set[UUID]:
    return {row["run_id"] for row in judged.world.person.host.ask("SELECT * FROM due_runs(1000)")}


def waits_for(judged: Judged, run_id: UUID) -> str:
    with judged.world.person.scope() as scope:
        return view_waiting_run(scope, run_id)[1]


def say(judged: Judged, statement: str) -> None:
    with judged.world.person.scope() as scope, scope.atomic() as session:
        session.connection().exec_driver_sql(statement)


def test_two_slices_share_a_models_calls_at_a_time(alice: Person, endpoint: ScriptedEndpoint) -> None:
    judged = judged_world(alice, endpoint, 60)
    with ScriptedModel(fault="slow", slow_s=0.02) as model:
        judged.connect(model.url, max_concurrency=4)
        run_id = judged.start()
        slices = [
            threading.Thread(target=drive_until_done, args=(judged, run_id, f"slice {number}")) for number in range(3)
        ]
        for one in slices:
            one.start()
        for one in slices:
            one.join(120)
        assert 2 <= model.script.most_in_flight <= 4
        assert len(model.calls) == 60
    assert judged.outcomes(run_id) == {"passed": 60}
    assert judged.world.ask("SELECT 1 FROM model_turns") == []


def test_a_model_that_asks_for_a_pause_is_left_alone_and_nothing_is_lost(
    alice: Person, endpoint: ScriptedEndpoint
) -> None:
    judged = judged_world(alice, endpoint, 30)
    with ScriptedModel() as model:
        judged.connect(model.url)
        run_id = judged.start()
        book = TurnBook("somebody else")
        with alice.scope() as scope:
            turns = book.of(judged.world.ask("SELECT id FROM model")[0][0], 8)
            book.sync(scope, 8)
            assert turns.take(0)
            turns.give("throttled", 429, 60.0)
            book.sync(scope, 8)
            assert turns.capacity == 0
            book.leave(scope)
        judged.drive(run_id, holder="a slice")
        assert model.calls == []
        assert endpoint.calls == []
        assert run_id not in due(judged)
        assert waits_for(judged, run_id).startswith("The model “Judge” asks for a pause: going on in ")
        say(judged, "UPDATE model_throttle SET paused_until = now()")
        assert run_id in due(judged)
        drive_until_done(judged, run_id, "a slice")
    assert judged.outcomes(run_id) == {"passed": 30}


def test_a_model_that_is_down_is_tried_by_one_call_and_goes_on_when_it_is_back(
    alice: Person, endpoint: ScriptedEndpoint
) -> None:
    judged = judged_world(alice, endpoint, 12)
    with ScriptedModel() as model:
        model_id = judged.connect(model.url)
        book = TurnBook("somebody else")
        with alice.scope() as scope:
            turns = book.of(model_id, 30)
            book.sync(scope, 30)
            for _ in range(20):
                assert turns.take(0)
            for _ in range(20):
                turns.give("connect")
            book.sync(scope, 30)
            book.leave(scope)
        run_id = judged.start()
        judged.drive(run_id, holder="a slice")
        assert model.calls == []
        assert "failed too often in a row: one call tries it again in" in waits_for(judged, run_id)
        with alice.scope() as scope:
            reset_model_throttle(scope, model_id)
        assert waits_for(judged, run_id).endswith("one call tries it again now.")
        drive_until_done(judged, run_id, "a slice")
    assert judged.outcomes(run_id) == {"passed": 12}
    assert judged.world.ask("SELECT open_s, failures FROM model_throttle") == [(0.0, 0)]


def test_turns_of_a_dead_process_go_back(alice: Person, endpoint: ScriptedEndpoint) -> None:
    judged = judged_world(alice, endpoint, 1)
    model_id = judged.connect(endpoint.url)
    host = alice.host
    name = host.name_holder()
    dead = name.rpartition("/")[0].rpartition("/")[0] + "/999999.1/dead"
    with alice.scope() as scope:
        for holder in (name, dead):
            book = TurnBook(holder)
            book.of(model_id, 8)
            book.sync(scope, 4)
    assert len(judged.world.ask("SELECT 1 FROM model_turns")) == 2
    release_dead(host)
    assert judged.world.ask("SELECT holder, turns FROM model_turns") == [(name, 4)]


def test_turns_whose_lease_ran_out_are_dealt_to_others(alice: Person, endpoint: ScriptedEndpoint) -> None:
    judged = judged_world(alice, endpoint, 1)
    model_id = judged.connect(endpoint.url)
    books = [TurnBook("frozen"), TurnBook("awake")]
    with alice.scope() as scope:
        turns = [book.of(model_id, 8) for book in books]
        books[0].sync(scope, 8)
        books[1].sync(scope, 8)
        assert [one.capacity for one in turns] == [8, 0]
        say(judged, "UPDATE model_turns SET lease_until = now() - interval '1 second' WHERE holder = 'frozen'")
        books[1].sync(scope, 8)
        assert turns[1].capacity == 8
        books[0].sync(scope, 8)
        assert turns[0].capacity == 0
        books[1].sync(scope, 8)
        books[0].sync(scope, 8)
        assert [one.capacity for one in turns] == [4, 4]


def test_a_strangers_throttle_is_not_felt(alice: Person, charlie: Person, endpoint: ScriptedEndpoint) -> None:
    first, second = (judged_world(person, endpoint, 1) for person in (alice, charlie))
    for one in (first, second):
        with one.world.person.scope() as scope:
            book = TurnBook("same name")
            turns = book.of(None, 8)
            book.sync(scope, 8)
            assert turns.capacity == 8
