"""POST /preflights: what a run would come to, looked at before anything is spent."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from uuid import uuid4

import pytest

from examples.scripted_model.server import ScriptedModel
from rhesis_app.authoring.models import Metric
from rhesis_app.projects.actions import create_project
from rhesis_app.projects.queries import ProjectView
from rhesis_app.runs.models import TestRun
from rhesis_app.tenancy.models import AuditEntry
from rhesis_app.web.waiting import callout_slot
from tests.factories import Given, RunPlan, make_run
from tests.jobs.runs.world import World, make_world
from tests.people import ApiClient, Person
from tests.scripted_endpoint import Reply, ScriptedEndpoint, always, json_reply
from tests.tiny_judge import TINY, offering_tiny

TESTS = [("First?", "yes"), ("Second?", ""), ("Third?", "")]


def looked(person: Person, world: World, status: int = 200, **wanted: Any) -> Any:
    body = {"test_set_id": str(world.test_set_id), "endpoint_id": str(world.endpoint_id), **wanted}
    answer = person.api.post("/preflights", body)
    assert answer.status_code == status, answer.json
    return answer.json


def found(answer: Any) -> dict[str, tuple[str, str]]:
    return {one["check"]: (one["status"], one["message"]) for one in answer["checks"]}


def test_everything_is_looked_at_and_the_first_test_is_asked_once(alice: Person) -> None:
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"})) as server:
        world = make_world(alice, server.url, TESTS)
        answer = looked(alice, world, trials=4)
        (call,) = server.calls
    assert b"First?" in call.body
    checks = found(answer)
    assert list(checks) == ["tests", "metrics", "evaluators", "needs", "models", "endpoint", "call"]
    assert checks["tests"] == ("passed", "“Set” has 3 tests.")
    assert checks["metrics"] == ("passed", "1 metric would judge.")
    assert checks["needs"] == (
        "warning",
        "2 of 3 tests have no expected answer: “Contains the expected answer” does not apply there.",
    )
    assert checks["call"][0] == "passed"
    assert "was answered in" in checks["call"][1]
    estimate = answer["estimate"]
    assert (estimate["calls"], estimate["cost"], estimate["currency"]) == (12, None, None)
    assert len(estimate["seconds"]) == 2
    assert "from the one call made just now" in " ".join(estimate["notes"])
    assert alice.count(AuditEntry, action="endpoint.invoke") == 1
    assert alice.count(TestRun) == 0


def test_without_a_call_nobody_is_asked_and_seconds_are_not_made_up(alice: Person) -> None:
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"})) as server:
        world = make_world(alice, server.url, TESTS)
        answer = looked(alice, world, call=False)
        assert server.calls == []
    assert found(answer)["call"] == ("skipped", "No call was asked for.")
    assert answer["estimate"]["seconds"] is None
    assert "No earlier run of this endpoint tells how long it takes." in answer["estimate"]["notes"]


def test_seconds_come_from_the_endpoints_earlier_answers(alice: Person, project: ProjectView) -> None:
    given = [Given(prompt=f"p{n}", latency_ms=100.0 + n) for n in range(101)]
    with alice.scope() as scope:
        made = make_run(scope, RunPlan(project_id=project.id), given)
        copied = [Given(prompt=f"p{n}", latency_ms=90_000.0) for n in range(101)]
        plan = RunPlan(project_id=project.id, kind="rescore", parent_run_id=made.id, same_tests=True)
        make_run(scope, plan, copied)  # a copy tells nothing of the endpoint
    body = {"test_set_id": str(made.test_set_id), "endpoint_id": str(made.endpoint_id), "call": False}
    estimate = alice.api.post("/preflights", body).json["estimate"]
    assert estimate["calls"] == 101
    assert estimate["seconds"] == pytest.approx(
        [1.05, 1.365], abs=0.01
    )  # 101 tests, 16 at a time: 7 rounds of 150 to 195 ms
    assert "from 101 earlier answers" in " ".join(estimate["notes"])


def test_an_endpoint_that_does_not_answer_is_said_in_its_words(alice: Person) -> None:
    with ScriptedEndpoint(always(Reply(status=404))) as server:
        world = make_world(alice, server.url, TESTS)
        checks = found(looked(alice, world))
    assert checks["call"][0] == "failed"
    assert "404" in checks["call"][1]


def test_chosen_metrics_judge_every_test_and_strangers_among_them_are_counted(alice: Person) -> None:
    world = make_world(alice, "http://127.0.0.1:9", TESTS)
    chosen = looked(alice, world, call=False, metric_ids=[str(world.metric_id)])
    assert found(chosen)["metrics"] == ("passed", "1 metric would judge.")
    unknown = looked(alice, world, call=False, metric_ids=[str(world.metric_id), str(uuid4())])
    assert found(unknown)["metrics"] == ("failed", "1 of the 2 metrics chosen is not in this project, or archived.")


def test_what_cannot_run_is_failed_and_nobody_is_called(alice: Person) -> None:
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"})) as server:
        world = make_world(alice, server.url, TESTS)
        empty = alice.api.post("/test-sets", {"project_id": str(world.project_id), "name": "Empty"}).json["id"]
        checks = found(looked(alice, world, test_set_id=empty))
        assert (checks["tests"][0], checks["metrics"][0], checks["call"][0]) == ("failed", "failed", "skipped")
        alice.api.delete(f"/endpoints/{world.endpoint_id}")
        checks = found(looked(alice, world))
        assert checks["endpoint"] == ("failed", "“bot” is archived. Restore it, or choose another.")
        assert server.calls == []


def test_an_endpoint_of_another_project_is_failed(alice: Person) -> None:
    world, other = (make_world(alice, "http://127.0.0.1:9", TESTS) for _ in range(2))
    checks = found(looked(alice, world, endpoint_id=str(other.endpoint_id)))
    assert checks["endpoint"] == ("failed", "“bot” belongs to another project than the test set.")


def test_other_calls_under_way_make_it_a_skipped_check(alice: Person) -> None:
    world = make_world(alice, "http://127.0.0.1:9", TESTS)
    with callout_slot(), callout_slot():
        checks = found(looked(alice, world))
    assert checks["call"][0] == "skipped"
    assert "Other test calls are under way" in checks["call"][1]


@pytest.mark.parametrize(
    "wrong",
    [{"trials": 0}, {"trials": 101}, {"metric_ids": ["x"]}, {"call": "perhaps"}, {"test_set_id": None}, {"extra": 1}],
)
def test_bad_input_is_refused(alice: Person, wrong: dict[str, Any]) -> None:
    looked(alice, make_world(alice, "http://127.0.0.1:9", TESTS), 422, **wrong)


def test_readers_and_strangers_look_at_nothing(alice: Person, bob: Person, charlie: Person) -> None:
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"})) as server:
        world = make_world(alice, server.url, TESTS)
        theirs = make_world(charlie, server.url, TESTS)
        looked(bob, world, 403)
        looked(charlie, world, 404)
        looked(charlie, theirs, 404, endpoint_id=str(world.endpoint_id))
        looked(charlie, theirs, 404, test_set_id=str(world.test_set_id))
        assert ApiClient(alice.app, None).post("/preflights", {}).status_code == 401
        assert server.calls == []


def test_it_takes_few_statements(alice: Person, statements: Callable[[], AbstractContextManager[list[str]]]) -> None:
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"})) as server:
        small, large = make_world(alice, server.url, TESTS), make_world(alice, server.url, TESTS * 50)
        looked(alice, small)
        counts = []
        for world in (small, large):
            with statements() as seen:
                looked(alice, world)
            counts.append(len(seen))
    assert counts[0] == counts[1] <= 14, counts


def test_another_projects_metrics_do_not_judge(alice: Person) -> None:
    world, other = (make_world(alice, "http://127.0.0.1:9", TESTS) for _ in range(2))
    with alice.scope() as scope:
        create_project(scope, "Third")
    checks = found(looked(alice, world, call=False, metric_ids=[str(other.metric_id)]))
    assert checks["metrics"][0] == "failed"


def judged_world(alice: Person, url: str, model_url: str | None) -> World:
    world = make_world(alice, url, TESTS)
    with alice.scope() as scope, scope.atomic() as session:
        metric = session.get(Metric, world.metric_id)
        assert metric is not None
        metric.evaluator_key, metric.params, metric.rule = TINY.key, {}, {"at_least": 1}
    if model_url is not None:
        new = {"project_id": str(world.project_id), "name": "Judge", "wire": "openai", "base_url": model_url}
        assert alice.api.post("/models", {**new, "model_name": "scripted"}).status_code == 201
    return world


def test_a_judge_is_asked_whether_it_answers(alice: Person) -> None:
    with offering_tiny(alice.host), ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"})) as server:
        with ScriptedModel() as model:
            world = judged_world(alice, server.url, model.url)
            answer = looked(alice, world)
            assert found(answer)["models"] == ("passed", "“Judge” answers.")
            assert len(model.calls) == 1
            assert found(looked(alice, world, call=False))["models"][0] == "skipped"
            assert len(model.calls) == 1
            assert "What judging by “Contains the expected answer” costs is not known yet" in " ".join(
                answer["estimate"]["notes"]
            )
        with ScriptedModel(fault="error") as broken:
            status, message = found(looked(alice, judged_world(alice, server.url, broken.url)))["models"]
        assert status == "failed"
        assert message.startswith("“Judge” does not answer. ")
        assert "500" in message


def test_a_metric_that_no_model_judges_for_cannot_judge(alice: Person) -> None:
    with offering_tiny(alice.host), ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"})) as server:
        world = judged_world(alice, server.url, None)
        status, message = found(looked(alice, world))["evaluators"]
    assert (status, "no model is connected for judging" in message) == ("failed", True)
