"""Stored answers scored again: durable as a run, and nobody is called."""

import threading
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from rhesis_app.authoring.models import Metric
from rhesis_app.kernel.errors import Conflict
from rhesis_app.kernel.ids import new_id
from rhesis_app.runs.actions.again import Rescore, rescore_answers
from rhesis_app.runs.actions.cancel import cancel_run
from rhesis_app.runs.actions.sweep import sweep
from tests.jobs.runs.test_driving import TWELVE, answers_yes, drive, outcomes, status
from tests.jobs.runs.world import World, make_world
from tests.people import Person
from tests.scripted_endpoint import Call, Reply, ScriptedEndpoint, json_reply

KEPT = "output, request, response, context, tool_calls, latency_ms, tokens_in, tokens_out, error_code, error_detail, attempts"


def answers_and_fails(call: Call) -> Reply:
    """Question 0 is refused; the others are answered."""
    return Reply(status=404) if b"Question 0" in call.body else answers_yes(call)


def ended(alice: Person, script: Any = answers_yes, tests: list[tuple[str, str]] = TWELVE) -> tuple[World, UUID]:
    """A run whose endpoint is gone for good."""
    with ScriptedEndpoint(script) as server:
        world = make_world(alice, server.url, tests)
        run_id = world.start()
        drive(world, run_id)
    return world, run_id


def metric(world: World, name: str, wanted: str, **values: Any) -> UUID:
    with world.person.scope() as scope, scope.atomic() as session:
        row = Metric(
            id=new_id(),
            project_id=world.project_id,
            name=name,
            evaluator_key="text.contains",
            params={"text": wanted},
            rule={"at_least": 1},
            **values,
        )
        session.add(row)
        return row.id


def rescore(world: World, run_id: UUID, *metric_ids: UUID, key: str | None = None) -> UUID:
    with world.person.scope() as scope:
        new = Rescore(run_id=run_id, metric_ids=metric_ids, idempotency_key=key)
        return rescore_answers(scope, world.person.host.registry, new)


def kept(world: World, run_id: UUID) -> list[Any]:
    return world.ask(f"SELECT {KEPT} FROM test_result WHERE run_id = :run ORDER BY position", run=run_id)


def test_other_metrics_judge_what_came_back_and_nobody_is_called(alice: Person) -> None:
    with ScriptedEndpoint(answers_and_fails) as server:
        world = make_world(alice, server.url, TWELVE)
        parent = world.start()
        drive(world, parent)
        asked = len(server.calls)
        child = rescore(world, parent, metric(world, "Says of course", "of course"))
        assert drive(world, child) is False
        assert len(server.calls) == asked
    assert outcomes(world, parent) == {"passed": 8, "failed": 3, "error": 1}
    assert outcomes(world, child) == {"passed": 11, "error": 1}
    assert status(world, child) == "partial"
    assert kept(world, child) == kept(world, parent)
    run = world.ask("SELECT kind, parent_run_id, planned, totals FROM test_run WHERE id = :run", run=child)[0]
    assert (run.kind, run.parent_run_id, run.planned) == ("rescore", parent, 12)
    assert run.totals["pending"] == run.totals["cancelled"] == 0
    judged = world.ask("SELECT count(*) FROM evaluation WHERE run_id = :run", run=child)[0][0]
    assert judged == 11


def test_without_a_choice_the_runs_own_metrics_judge_as_they_are_now(alice: Person) -> None:
    world, parent = ended(alice)
    with alice.scope() as scope, scope.atomic():
        scope.get(Metric, world.metric_id).params = {"text": "nothing that was said"}
    child = rescore(world, parent)
    drive(world, child)
    assert outcomes(world, child) == {"failed": 12}
    assert outcomes(world, parent) == {"passed": 8, "failed": 4}


def test_what_a_killed_worker_had_in_hand_is_scored_by_another(alice: Person) -> None:
    world, parent = ended(alice)
    child = rescore(world, parent)
    with alice.scope() as scope, scope.atomic() as session:
        session.connection().exec_driver_sql(
            "UPDATE work_item SET attempt = 1, fence = 1, lease_owner = 'gone', lease_until = now() - interval '1 second'"
            " WHERE mod(position, 2) = 0"
        )
    assert sweep(alice.host).returned == 6
    while drive(world, child):
        pass
    assert outcomes(world, child) == {"passed": 8, "failed": 4}
    assert kept(world, child) == kept(world, parent)


def test_a_stored_failure_that_might_pass_is_not_tried_again(alice: Person, superuser: Engine) -> None:
    world, parent = ended(alice, answers_and_fails, TWELVE[:3])
    with superuser.connect() as connection:
        connection.execute(text("UPDATE test_result SET error_code = 'timeout', attempts = 1 WHERE outcome = 'error'"))
    child = rescore(world, parent)
    assert drive(world, child) is False
    assert outcomes(world, child) == {"passed": 2, "error": 1}
    assert kept(world, child) == kept(world, parent)


def test_an_answer_whose_scoring_kills_every_worker_ends_as_an_error_that_says_so(alice: Person) -> None:
    world, parent = ended(alice, tests=TWELVE[:2])
    child = rescore(world, parent)
    with alice.scope() as scope, scope.atomic() as session:
        session.connection().exec_driver_sql(
            "UPDATE work_item SET attempt = 3, lease_owner = 'gone', lease_until = now() - interval '1 second'"
        )
    assert sweep(alice.host).lost == 2
    said = world.ask("SELECT DISTINCT error_code, error_detail FROM test_result WHERE run_id = :run", run=child)
    assert said == [("worker_lost", "The worker stopped while scoring this answer, each time it was tried.")]


def test_a_paused_endpoint_holds_no_scoring_up_and_scoring_takes_none_of_its_places(alice: Person) -> None:
    world, parent = ended(alice)
    child = rescore(world, parent)
    with alice.scope() as scope, scope.atomic() as session:
        session.connection().exec_driver_sql("UPDATE endpoint_throttle SET paused_until = now() + interval '1 hour'")
    assert drive(world, child) is False
    assert sum(outcomes(world, child).values()) == 12
    rescore(world, parent)
    assert world.ask("SELECT count(*) FROM work_item WHERE endpoint_id IS NULL")[0][0] == 12


def test_scoring_can_be_cancelled_and_is_rung_for_by_the_sweeper(alice: Person) -> None:
    world, parent = ended(alice)
    child = rescore(world, parent)
    alice.host.queue.redis.flushdb()
    assert sweep(alice.host).rung == 1
    with alice.scope() as scope:
        cancel_run(scope, child)
    assert drive(world, child) is False
    assert status(world, child) == "cancelled"


def test_a_cancelled_run_is_scored_as_far_as_it_got(alice: Person) -> None:
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"}, delay_s=0.1)) as server:
        world = make_world(alice, server.url, TWELVE, max_concurrency=2)
        parent = world.start()
        stop = threading.Event()
        threading.Timer(0.25, stop.set).start()
        drive(world, parent, stop)
    with alice.scope() as scope:
        cancel_run(scope, parent)
    answered = sum(outcomes(world, parent).values())
    child = rescore(world, parent)
    drive(world, child)
    assert 0 < sum(outcomes(world, child).values()) == answered < 12
    assert status(world, child) == "completed"


def test_a_score_of_a_score_still_holds_the_first_runs_answers(alice: Person) -> None:
    world, parent = ended(alice, answers_and_fails)
    second = rescore(world, parent)
    drive(world, second)
    third = rescore(world, second, metric(world, "Says of course", "of course"))
    drive(world, third)
    assert kept(world, third) == kept(world, parent)
    assert world.ask("SELECT config->>'answers_of' AS number FROM test_run WHERE id = :run", run=third) == [("1",)]


def test_what_has_no_answers_or_goes_on_is_refused(alice: Person) -> None:
    world, parent = ended(alice, lambda _call: Reply(status=404))
    with pytest.raises(Conflict, match="#1 has no answers to score"):
        rescore(world, parent)
    going_on = world.start()
    with pytest.raises(Conflict, match="#2 is still going on"):
        rescore(world, going_on)
    assert world.ask("SELECT count(*) FROM test_run")[0][0] == 2


def test_the_same_key_scores_once(alice: Person) -> None:
    world, parent = ended(alice)
    first = rescore(world, parent, key="once")
    assert rescore(world, parent, key="once") == first
    with pytest.raises(Conflict):
        rescore(world, parent, world.metric_id, key="once")
