"""Answers recorded by one run and replayed by another: the same answers, at no cost, and without a key."""

from typing import Any
from uuid import UUID

from rhesis_app.authoring.models import Test
from rhesis_app.endpoints.models import Endpoint
from rhesis_app.runs.actions.plan import load_plan
from rhesis_app.runs.models import TestRun
from tests.jobs.runs.test_driving import TWELVE, answers_yes, drive, outcomes, status
from tests.jobs.runs.world import World, make_world
from tests.people import Person
from tests.scripted_endpoint import Call, Reply, ScriptedEndpoint, json_reply

KEPT = "test_id, outcome, output, response, context, tool_calls, latency_ms, tokens_in, tokens_out, error_code"


def numbered(call: Call) -> Reply:
    """Says something else each time."""
    return json_reply({"reply": f"yes, answer {call.number}", "words": [call.number]})


def drive_all(world: World, run_id: UUID) -> None:
    while drive(world, run_id):
        pass


def kept(world: World, run_id: UUID) -> list[Any]:
    return world.ask(f"SELECT {KEPT} FROM test_result WHERE run_id = :run ORDER BY position", run=run_id)


def recorded(world: World, run_id: UUID) -> int:
    return int(world.ask("SELECT count(*) FROM recorded_exchange WHERE run_id = :run", run=run_id)[0][0])


def answers(world: World, run_id: UUID) -> Any:
    return world.ask("SELECT answers FROM test_run WHERE id = :run", run=run_id)[0].answers


def change(world: World, **values: Any) -> None:
    with world.person.scope() as scope, scope.atomic():
        row = scope.get(Endpoint, world.endpoint_id)
        for name, value in values.items():
            setattr(row, name, value)


def edit_test(world: World, prompt: str, new: str) -> None:
    with world.person.scope() as scope, scope.atomic() as session:
        row = session.scalars(scope.select(Test).where(Test.prompt == prompt)).one()
        row.prompt, row.content_hash = new, f"{new}|{row.expected}"


def test_a_replay_gives_every_answer_again_and_calls_nobody(alice: Person) -> None:
    with ScriptedEndpoint(numbered) as server:
        world = make_world(alice, server.url, TWELVE)
        first = world.start(source="record")
        drive_all(world, first)
        assert recorded(world, first) == server.count == 12
        for source in ("replay", "replay-or-fail"):
            second = world.start(source=source)
            drive_all(world, second)
            assert kept(world, second) == kept(world, first)
            assert status(world, second) == "completed"
            assert answers(world, second) == {"replayed": 12, "asked": 0}
        assert server.count == 12
    assert answers(world, first) is None


def test_a_live_run_records_nothing(alice: Person) -> None:
    with ScriptedEndpoint(numbered) as server:
        world = make_world(alice, server.url, TWELVE[:2])
        drive_all(world, world.start())
    assert world.ask("SELECT count(*) FROM recorded_exchange")[0][0] == 0


def test_what_is_not_recorded_fails_with_a_sentence_and_nobody_is_called(alice: Person) -> None:
    with ScriptedEndpoint(numbered) as server:
        world = make_world(alice, server.url, TWELVE)
        drive_all(world, world.start(source="record"))
        edit_test(world, "Question 3", "Question 3, asked otherwise")
        second = world.start(source="replay-or-fail")
        drive_all(world, second)
        assert server.count == 12
    error = world.ask(
        "SELECT error_code, error_detail, attempts, position FROM test_result WHERE run_id = :run AND outcome = 'error'",
        run=second,
    )
    assert [(row.error_code, row.attempts) for row in error] == [("not_recorded", 0)]
    assert error[0].error_detail == (
        f"Test {error[0].position} (“Question 3, asked otherwise”) is not in the recording of #1: what would be sent was never"
        " answered there. Record it with a run of the source record, or let one of the source replay ask what is missing."
    )
    assert status(world, second) == "partial"
    assert answers(world, second) == {"replayed": 11, "asked": 0}


def test_what_is_not_recorded_is_asked_once_and_then_recorded(alice: Person) -> None:
    with ScriptedEndpoint(numbered) as server:
        world = make_world(alice, server.url, TWELVE)
        first = world.start(source="record")
        drive_all(world, first)
        edit_test(world, "Question 3", "Question 3, asked otherwise")
        second = world.start(source="replay")
        drive_all(world, second)
        assert [call.json["message"] for call in server.calls[12:]] == ["Question 3, asked otherwise"]
        assert server.calls[12].headers["x-attempt"] == "1"
        assert answers(world, second) == {"replayed": 11, "asked": 1}
        assert recorded(world, first) == 13
        third = world.start(source="replay-or-fail", recording_run_id=second)
        drive_all(world, third)
        assert server.count == 13
    assert kept(world, third) == kept(world, second)
    assert world.ask("SELECT recording_run_id FROM test_run WHERE id = :run", run=third)[0][0] == first


def test_no_secret_is_opened_and_no_way_out_is_given(alice: Person) -> None:
    with ScriptedEndpoint(answers_yes) as server:
        world = make_world(alice, server.url, TWELVE)
        drive_all(world, world.start(source="record"))
    change(world, auth_kind="bearer", secret="not to be opened", secret_origin=server.origin)
    run_id = world.start(source="replay-or-fail")
    with alice.scope() as scope:
        plan = load_plan(scope, world.parts, scope.get(TestRun, run_id))
    assert plan.endpoint_id is None
    assert plan.asks_missing is None
    assert not any("door" in name for name in plan.source.__dataclass_fields__)  # type: ignore[attr-defined]
    drive_all(world, run_id)
    assert outcomes(world, run_id) == {"passed": 8, "failed": 4}
