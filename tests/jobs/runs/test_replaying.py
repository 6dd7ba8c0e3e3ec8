"""Answers recorded by one run and replayed by another: the same answers, at no cost, and without a key."""

import threading
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from rhesis_app.authoring.models import Test
from rhesis_app.endpoints.models import Endpoint
from rhesis_app.kernel.errors import Invalid
from rhesis_app.runs.actions.claim import ClaimRequest, claim
from rhesis_app.runs.actions.drive import drive_run
from rhesis_app.runs.actions.plan import load_plan
from rhesis_app.runs.actions.sweep import sweep
from rhesis_app.runs.models import TestRun, WorkItem
from tests.jobs.runs.test_driving import TWELVE, answers_yes, drive, outcomes, status
from tests.jobs.runs.world import World, make_world
from tests.people import Person
from tests.scripted_endpoint import Call, Reply, ScriptedEndpoint, json_reply, text_reply, throttled

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
        plan = load_plan(scope, world.parts, scope.get(TestRun, run_id), "a slice")
    assert plan.endpoint_id is None
    assert plan.asks_missing is None
    assert not any("door" in name for name in plan.source.__dataclass_fields__)  # type: ignore[attr-defined]
    drive_all(world, run_id)
    assert outcomes(world, run_id) == {"passed": 8, "failed": 4}


def test_the_answer_is_mapped_anew_so_that_mappings_are_tuned_at_no_cost(alice: Person) -> None:
    with ScriptedEndpoint(numbered) as server:
        world = make_world(alice, server.url, TWELVE[:3])
        first = world.start(source="record")
        drive_all(world, first)
        change(world, response_mapping={"output": "$.words[0]"})
        second = world.start(source="replay-or-fail")
        drive_all(world, second)
        assert server.count == 3
    said = [row.output for row in kept(world, second)]
    assert sorted(said) == ["0", "1", "2"]
    assert [f"yes, answer {number}" for number in said] == [row.output for row in kept(world, first)]


def test_an_answer_that_the_mapping_did_not_fit_is_recorded_and_a_failed_call_is_not(alice: Person) -> None:
    def script(call: Call) -> Reply:
        message = call.json["message"]
        if message == "Question 0":
            return json_reply({"answer": "yes"})
        return Reply(status=404) if message == "Question 1" else text_reply("yes, in plain words")

    with ScriptedEndpoint(script) as server:
        world = make_world(alice, server.url, TWELVE[:3])
        first = world.start(source="record")
        drive_all(world, first)
        assert outcomes(world, first) == {"error": 3}
        assert recorded(world, first) == 2
        change(world, response_mapping={"output": "$.answer"})
        second = world.start(source="replay-or-fail")
        drive_all(world, second)
        assert [row.error_code for row in kept(world, second)] == [None, "not_recorded", "not_json"]
        change(world, response_mapping={"output": "$"})
        third = world.start(source="replay-or-fail")
        drive_all(world, third)
        assert server.count == 3
    assert [row.output for row in kept(world, third)] == ['{"answer": "yes"}', None, "yes, in plain words"]


def test_tests_that_send_the_same_keep_an_answer_each_and_share_it_with_a_new_one(alice: Person) -> None:
    with ScriptedEndpoint(numbered) as server:
        world = make_world(alice, server.url, [("Same", "yes"), ("Same", "never said"), ("Else", "yes")])
        first = world.start(source="record")
        drive_all(world, first)
        edit_test(world, "Else", "Same")
        second = world.start(source="replay-or-fail")
        drive_all(world, second)
        assert server.count == 3
    before, after = kept(world, first), kept(world, second)
    assert after[:2] == before[:2]
    assert after[2].output in {before[0].output, before[1].output}


def test_what_every_run_sends_otherwise_is_no_part_of_the_content(alice: Person) -> None:
    template = {"message": "{{ input }}", "run": "{{ run.id }}", "trial": "{{ trial }}"}
    with ScriptedEndpoint(numbered) as server:
        world = make_world(alice, server.url, TWELVE[:3])
        change(world, request_template=template, headers={"X-Tier": "gold"})
        first = world.start(source="record")
        drive_all(world, first)
        second = world.start(source="replay-or-fail")
        drive_all(world, second)
        change(world, headers={"X-Tier": "silver"})
        third = world.start(source="replay-or-fail")
        drive_all(world, third)
        assert server.count == 3
    assert answers(world, second) == {"replayed": 3, "asked": 0}
    sent = world.ask("SELECT DISTINCT request->'body'->>'run' AS run FROM test_result WHERE run_id = :run", run=second)
    assert [row.run for row in sent] == [str(second)]
    assert {row.error_code for row in kept(world, third)} == {"not_recorded"}


def test_a_test_that_cannot_be_sent_is_the_error_that_it_would_be(alice: Person) -> None:
    with ScriptedEndpoint(numbered) as server:
        world = make_world(alice, server.url, TWELVE[:2])
        drive_all(world, world.start(source="record"))
        change(world, request_template={"message": "{{ input }}", "who": "{{ test.metadata.who }}"})
        for source in ("replay", "replay-or-fail"):
            run_id = world.start(source=source)
            drive_all(world, run_id)
            assert {row.error_code for row in kept(world, run_id)} == {"template"}
            assert answers(world, run_id) == {"replayed": 0, "asked": 0}
        assert server.count == 2


def test_nothing_of_a_secret_is_recorded(alice: Person) -> None:
    canary = "canary-5e1d-of-the-endpoint"

    def tells(call: Call) -> Reply:
        return json_reply(
            {"reply": "yes", "you sent": dict(call.headers)}, headers={"X-Echo": call.headers["authorization"]}
        )

    with ScriptedEndpoint(tells) as server:
        world = make_world(alice, server.url, TWELVE[:2])
        auth = {"auth": {"kind": "bearer", "secret": canary}}
        assert alice.api.patch(f"/endpoints/{world.endpoint_id}", auth).status_code == 200
        first = world.start(source="record")
        drive_all(world, first)
        assert server.calls[0].headers["authorization"] == f"Bearer {canary}"
        auth["auth"]["secret"] = "another one, which makes no other content"
        assert alice.api.patch(f"/endpoints/{world.endpoint_id}", auth).status_code == 200
        second = world.start(source="replay-or-fail")
        drive_all(world, second)
    assert answers(world, second) == {"replayed": 2, "asked": 0}
    for table in ("recorded_exchange", "test_result", "test_run"):
        rows = world.ask(f"SELECT CAST(t AS text) AS said FROM {table} t")
        assert rows
        assert not [row for row in rows if canary in row.said], table


def test_a_recording_that_lacks_the_endpoint_is_held_up_by_nothing(alice: Person) -> None:
    """An endpoint that asked for a pause for an hour, and allows one call at a time."""
    with ScriptedEndpoint(numbered) as server:
        world = make_world(alice, server.url, TWELVE, max_concurrency=1)
        first = world.start(source="record")
        drive_all(world, first)
    with alice.scope() as scope, scope.atomic() as session:
        session.connection().exec_driver_sql(
            "UPDATE endpoint_throttle SET paused_until = now() + interval '1 hour', failures = 7"
        )
    for source in ("replay", "replay-or-fail"):
        run_id = world.start(source=source)
        alice.host.queue.redis.flushdb()
        assert sweep(alice.host).rung == 1
        assert drive(world, run_id) is False
        assert answers(world, run_id) == {"replayed": 12, "asked": 0}
    assert world.ask("SELECT failures FROM endpoint_throttle")[0].failures == 7


def test_what_is_missing_waits_for_the_endpoint_as_any_other_run(alice: Person) -> None:
    with ScriptedEndpoint(numbered) as server:
        world = make_world(alice, server.url, TWELVE, max_concurrency=2)
        drive_all(world, world.start(source="record"))
        edit_test(world, "Question 3", "Question 3, asked otherwise")
        with alice.scope() as scope, scope.atomic() as session:
            session.connection().exec_driver_sql(
                "UPDATE endpoint_throttle SET paused_until = now() + interval '1 hour'"
            )
        run_id = world.start(source="replay")
        drive_all(world, run_id)
        assert sum(outcomes(world, run_id).values()) == 11
        assert sweep(alice.host).rung == 0
        with alice.scope() as scope, scope.atomic() as session:
            session.connection().exec_driver_sql("UPDATE endpoint_throttle SET paused_until = NULL")
        assert sweep(alice.host).rung == 1
        drive_all(world, run_id)
        assert server.count == 13
    assert answers(world, run_id) == {"replayed": 11, "asked": 1}


def test_a_throttled_call_is_recorded_once_it_is_answered(alice: Person) -> None:
    def script(call: Call) -> Reply:
        return throttled("0") if call.number == 0 else numbered(call)

    with ScriptedEndpoint(script) as server:
        world = make_world(alice, server.url, TWELVE[:2])
        first = world.start(source="record")
        drive_all(world, first)
        assert server.count == 3
    assert recorded(world, first) == 2


def test_a_worker_that_wakes_after_its_lease_records_nothing(alice: Person) -> None:
    """Its answer is not kept, so it is not what a replay shall give."""
    with ScriptedEndpoint(numbered) as server:
        world = make_world(alice, server.url, TWELVE[:4])

        def script(call: Call) -> Reply:
            if call.number == 0:  # the sweeper took the item away, and another slice has it by now
                with alice.scope() as scope, scope.atomic() as session:
                    session.connection().exec_driver_sql(
                        "UPDATE work_item SET fence = fence + 1, lease_owner = 'other'"
                    )
            return numbered(call)

        server.script = script
        first = world.start(source="record")
        drive(world, first)
    assert sum(outcomes(world, first).values()) == recorded(world, first) == 0


@pytest.mark.parametrize("solo", [False, True])
def test_what_was_not_looked_for_is_not_asked_and_what_asks_is_not_looked_for(alice: Person, solo: bool) -> None:
    with ScriptedEndpoint(numbered) as server:
        world = make_world(alice, server.url, TWELVE)
        drive_all(world, world.start(source="record"))
    run_id = world.start(source="replay")

    def claimed(endpoint_id: UUID | None) -> int:
        with alice.scope() as scope, scope.atomic() as session:
            session.execute(update(WorkItem).values(solo=solo))
            places = {"k": 20, "most": 20, "is_idle": True}
            return len(claim(scope, ClaimRequest(run_id=run_id, endpoint_id=endpoint_id, owner="me", **places)))

    assert claimed(world.endpoint_id) == 0
    assert claimed(None) == (1 if solo else 12)
    with alice.scope() as scope, scope.atomic() as session:
        session.execute(update(WorkItem).values(endpoint_id=world.endpoint_id, lease_owner=None, lease_until=None))
    assert claimed(None) == 0


def test_a_deploy_in_the_middle_of_a_replay_loses_nothing(alice: Person) -> None:
    with ScriptedEndpoint(numbered) as server:
        world = make_world(alice, server.url, TWELVE)
        first = world.start(source="record")
        drive_all(world, first)
        second = world.start(source="replay")
        with alice.scope() as scope, scope.atomic() as session:
            session.connection().exec_driver_sql(
                "UPDATE work_item SET attempt = 1, fence = 1, lease_owner = 'gone', lease_until = now() - interval '1 second'"
                " WHERE mod(position, 2) = 0"
            )
        assert sweep(alice.host).returned == 6
        drive_all(world, second)
        assert server.count == 12
    assert kept(world, second) == kept(world, first)
    assert answers(world, second) == {"replayed": 12, "asked": 0}


def test_a_run_that_recorded_nothing_is_no_recording(alice: Person) -> None:
    with ScriptedEndpoint(numbered) as server:
        world = make_world(alice, server.url, TWELVE[:2])
        live = world.start()
        drive_all(world, live)
        with pytest.raises(Invalid) as none_at_all:
            world.start(source="replay")
        with pytest.raises(Invalid) as not_that_one:
            world.start(source="replay", recording_run_id=live)
    assert none_at_all.value.errors["recording_run_id"][0].startswith("No ended run of this test set has recorded")
    assert not_that_one.value.errors["recording_run_id"] == [
        "#1 recorded nothing. Choose a run with the source record."
    ]
    assert world.ask("SELECT count(*) FROM test_run")[0][0] == 1


def test_many_tests_are_read_and_kept_in_batches(alice: Person) -> None:
    with ScriptedEndpoint(numbered, keep_calls=False) as server:
        world = make_world(alice, server.url, [(f"p{n}", "yes") for n in range(500)], max_concurrency=64)
        first = world.start(source="record")
        drive_all(world, first)
        second = world.start(source="replay-or-fail")
        with world.person.scope() as scope:
            drive_run(scope, world.parts, second, stop=threading.Event())
        assert server.count == 500
    assert kept(world, second) == kept(world, first)
