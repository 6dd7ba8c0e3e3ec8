"""Errors asked again on a real endpoint: an answer takes its error's place in the run, and until then the error stands."""

import threading
from typing import Any
from uuid import UUID

import pytest

from rhesis_app.kernel.errors import Conflict, Invalid
from rhesis_app.runs.actions.again import Rescore, rescore_answers
from rhesis_app.runs.actions.cancel import cancel_run
from rhesis_app.runs.actions.retry_errors import RetryErrors, retry_errors
from rhesis_app.runs.actions.review import NewReview, review_result
from tests.jobs.runs.test_driving import drive, outcomes, status
from tests.jobs.runs.world import World, make_world
from tests.people import Person
from tests.scripted_endpoint import Call, Reply, ScriptedEndpoint, json_reply

TESTS = [(f"Question {number}", "yes" if number % 3 else "never said") for number in range(9)]
ANSWERS = "outcome, error_code, output, attempts, retry_run_id"


class Recovering:
    """Refuses the questions it is told to; answers all others."""

    def __init__(self, *refused: int) -> None:
        self.refused = set(refused)

    def __call__(self, call: Call) -> Reply:
        number = int(call.json["message"].split()[-1])
        return Reply(status=404) if number in self.refused else json_reply({"reply": f"yes to {number}"})


def retry(world: World, run_id: UUID, **options: Any) -> UUID:
    with world.person.scope() as scope:
        return retry_errors(scope, RetryErrors(run_id=run_id, **options))


def effective(world: World, run_id: UUID) -> list[Any]:
    return world.ask(f"SELECT {ANSWERS} FROM effective_result WHERE run_id = :run ORDER BY position", run=run_id)


def totals(world: World, run_id: UUID) -> dict[str, int]:
    found: dict[str, int] = world.ask("SELECT totals FROM test_run WHERE id = :run", run=run_id)[0].totals
    return {name: count for name, count in found.items() if count}


def test_answers_take_their_errors_place_and_the_run_is_counted_anew(alice: Person) -> None:
    script = Recovering(1, 2, 3)
    with ScriptedEndpoint(script) as server:
        world = make_world(alice, server.url, TESTS)
        run_id = world.start()
        drive(world, run_id)
        assert (status(world, run_id), totals(world, run_id)) == (
            "partial",
            {"planned": 9, "passed": 4, "failed": 2, "error": 3},
        )
        before = world.ask("SELECT * FROM test_result WHERE run_id = :run ORDER BY position", run=run_id)
        script.refused = {2}
        child = retry(world, run_id)
        assert totals(world, run_id)["error"] == 3
        drive(world, child)
        calls = len(server.calls)
    assert calls == 12
    assert outcomes(world, child) == {"passed": 1, "failed": 1, "error": 1}
    assert totals(world, run_id) == {"planned": 9, "passed": 5, "failed": 3, "error": 1}
    assert status(world, run_id) == "partial"
    found = effective(world, run_id)
    assert [tuple(row) for row in found[1:4]] == [
        ("passed", None, "yes to 1", 1, child),
        ("error", "http_4xx", None, 1, None),
        ("failed", None, "yes to 3", 1, child),
    ]
    assert {row.retry_run_id for row in (found[0], *found[4:])} == {None}
    after = world.ask("SELECT * FROM test_result WHERE run_id = :run ORDER BY position", run=run_id)
    assert after == before  # insert-only: nothing of the run was touched


def test_it_asks_as_the_run_asked_and_judges_by_the_same_versions(alice: Person) -> None:
    script = Recovering(1)
    with ScriptedEndpoint(script) as server:
        world = make_world(alice, server.url, TESTS)
        run_id = world.start()
        drive(world, run_id)
        with alice.scope() as scope, scope.atomic() as session:
            connection = session.connection()
            connection.exec_driver_sql('UPDATE endpoint SET request_template = \'{"text": "{{ input }}"}\'')
            connection.exec_driver_sql("UPDATE metric SET rule = '{\"at_most\": 0}', archived_at = now()")
        script.refused = set()
        drive(world, retry(world, run_id))
        assert server.calls[-1].json == {"message": "Question 1"}
    assert totals(world, run_id) == {"planned": 9, "passed": 6, "failed": 3}
    assert status(world, run_id) == "completed"
    by_run = world.ask(
        "SELECT run_id, array_agg(DISTINCT metric_version_id) AS versions FROM run_metric GROUP BY run_id"
    )
    assert len(by_run) == 2
    assert by_run[0].versions == by_run[1].versions
    parts = world.ask("SELECT parts FROM test_run WHERE id = :run", run=run_id)[0].parts
    assert [(one["passed"], one["failed"]) for one in parts["metrics"]] == [(6, 3)]


def test_one_retry_at_a_time_and_a_retry_of_a_retry_means_the_first_run(alice: Person) -> None:
    script = Recovering(1, 2)
    with ScriptedEndpoint(script) as server:
        world = make_world(alice, server.url, TESTS)
        run_id = world.start()
        drive(world, run_id)
        first = retry(world, run_id)
        for asked in (run_id, first):
            with pytest.raises(Conflict, match="#2 is retrying the errors of #1 already"):
                retry(world, asked)
        script.refused = {2}
        drive(world, first)
        script.refused = set()
        second = retry(world, first, idempotency_key="again")
        assert retry(world, first, idempotency_key="again") == second
        parent = world.ask("SELECT parent_run_id, planned FROM test_run WHERE id = :run", run=second)[0]
        assert tuple(parent) == (run_id, 1)
        drive(world, second)
    assert [row.retry_run_id for row in effective(world, run_id)[1:3]] == [first, second]
    with pytest.raises(Conflict, match="No test ended in an error in #1"):
        retry(world, run_id)


def test_a_cancelled_retry_leaves_the_errors_it_did_not_get_to(alice: Person) -> None:
    with ScriptedEndpoint(Recovering(1, 2)) as server:
        world = make_world(alice, server.url, TESTS)
        run_id = world.start()
        drive(world, run_id)
    child = retry(world, run_id)
    with alice.scope() as scope:
        cancel_run(scope, child)
    assert status(world, child) == "cancelled"
    assert totals(world, run_id)["error"] == 2
    retry(world, run_id)  # which leaves the way free for the next one


def test_what_replaced_an_error_is_reviewed_where_it_counts_and_rescored_from_there(alice: Person) -> None:
    script = Recovering(1)
    with ScriptedEndpoint(script) as server:
        world = make_world(alice, server.url, TESTS)
        run_id = world.start()
        drive(world, run_id)
        script.refused = set()
        child = retry(world, run_id)
        drive(world, child)
        calls = len(server.calls)
    ids = "SELECT id FROM test_result WHERE run_id = :run AND error_code IS NOT DISTINCT FROM :code"
    error = world.ask(ids, run=run_id, code="http_4xx")[0].id
    answer = world.ask(ids, run=child, code=None)[0].id
    evaluation = world.ask("SELECT id FROM evaluation WHERE result_id = :result", result=error)[0].id
    with alice.scope() as scope:
        with pytest.raises(Invalid, match="stands in #1 in place of an error"):
            review_result(scope, answer, NewReview(verdict="failed"))
        review_result(scope, error, NewReview(verdict="failed", evaluation_id=evaluation))
        assert totals(world, run_id) == {"planned": 9, "passed": 5, "failed": 4}
        again = rescore_answers(scope, alice.host.registry, Rescore(run_id=run_id))
    drive(world, again)
    assert totals(world, again) == {"planned": 9, "passed": 6, "failed": 3}
    assert len(server.calls) == calls
    with pytest.raises(Conflict, match="it scored the answers of #1"):
        retry(world, again)


def test_a_discarded_answer_replaces_nothing(alice: Person) -> None:
    """A slice whose lease went to another one writes no result, and so no replacement."""
    script = Recovering(1)
    with ScriptedEndpoint(script) as server:
        world = make_world(alice, server.url, TESTS)
        run_id = world.start()
        drive(world, run_id)
        child = retry(world, run_id)

        def steal(call: Call) -> Reply:
            with alice.scope() as scope, scope.atomic() as session:
                session.connection().exec_driver_sql("UPDATE work_item SET fence = fence + 1")
            return json_reply({"reply": f"yes to {call.json['message']}"})

        server.script = steal
        stop = threading.Event()
        stop.set()
        drive(world, child, stop)
    assert world.ask("SELECT count(*) FROM replacement")[0][0] == 0
    assert world.ask("SELECT count(*) FROM work_item WHERE run_id = :run", run=child)[0][0] == 1
