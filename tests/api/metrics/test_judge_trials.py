"""/metrics/try with a judge: really asked, on text or on a stored result, and nothing stored."""

from collections.abc import Iterator

import pytest

from rhesis_app.authoring.models import Metric
from rhesis_app.kernel.ids import new_id
from rhesis_app.projects.actions import create_project
from rhesis_app.projects.queries import ProjectView
from rhesis_app.web import waiting
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.judges import JudgedProject, judged
from tests.people import Person


@pytest.fixture
def world(alice: Person, project: ProjectView) -> Iterator[JudgedProject]:
    with judged(alice, project) as made:
        yield made


@pytest.fixture
def made(alice: Person, project: ProjectView) -> MadeRun:
    results = [
        Given(prompt="How long?", output="You have 30 days.", expected="30 days", metadata={"topic": "returns"}),
        Given(outcome="error", output=None, error_code="timeout"),
    ]
    with alice.scope() as scope:
        return make_run(scope, RunPlan(project_id=project.id), results)


def test_a_trial_says_what_the_judge_said_and_what_it_cost(world: JudgedProject) -> None:
    found = world.tried({"output": "You have 30 days.", "prompt": "How long?"}).json
    assert (found["verdict"], found["score"], found["model"]) == ("passed", 5, "scripted")
    assert (found["low"], found["high"], found["threshold"]) == (1, 5, 3)
    assert found["reason"] == "It has everything that was wanted."
    assert found["evidence"] == {"quote": "You have 30 days."}
    assert found["tokens_in"] > 50
    assert float(found["cost"]) == pytest.approx((found["tokens_in"] * 2.5 + found["tokens_out"] * 10) / 1_000_000)
    assert '"verdict"' in found["raw"][0]
    assert world.person.count(Metric) == 0
    assert world.tried({"output": "No idea."}).json["verdict"] == "failed"
    assert len(world.model.calls) == 2


def test_a_scale_of_ones_own_is_used(world: JudgedProject) -> None:
    found = world.tried({"output": "30 days"}, params={"criteria": "Says “30 days”.", "low": 0, "high": 10}).json
    assert (found["score"], found["high"], found["rule"]) == (10, 10, "at least 5")
    wrong = world.tried({"output": "x"}, params={"criteria": "c", "low": 0, "high": 10}, rule={"at_least": 11})
    assert set(wrong.json["errors"]) == {"rule"}


def test_a_stored_result_is_tried_as_it_was(world: JudgedProject, made: MadeRun) -> None:
    params = {"criteria": "Says “30 days”.", "show_expected": True, "show_metadata": True}
    found = world.tried({"result_id": str(made.result_ids[0])}, params=params).json
    assert found["verdict"] == "passed"
    asked = str(world.model.calls[0].body)
    assert "How long?" in asked
    assert "returns" in asked


@pytest.mark.parametrize("which", ["an answer that never came", "a made-up id"])
def test_a_result_without_an_answer_is_not_found(world: JudgedProject, made: MadeRun, which: str) -> None:
    result_id = made.result_ids[1] if which == "an answer that never came" else new_id()
    assert world.tried({"result_id": str(result_id)}).status_code == 404
    assert world.model.calls == []


def test_a_result_of_another_project_is_not_found(world: JudgedProject, alice: Person) -> None:
    with alice.scope() as scope:
        other = create_project(scope, "Warehouse")
        run = make_run(scope, RunPlan(project_id=other.id), [Given()])
    assert world.tried({"result_id": str(run.result_ids[0])}).status_code == 404


def test_text_or_a_result_and_not_both(world: JudgedProject, made: MadeRun) -> None:
    both = world.tried({"output": "x", "result_id": str(made.result_ids[0])})
    assert (both.status_code, set(both.json["errors"])) == (422, {"sample.output"})


def test_the_model_is_the_one_that_was_chosen(world: JudgedProject, alice: Person) -> None:
    new = {"project_id": str(world.project.id), "name": "Other", "wire": "openai", "base_url": world.model.url}
    other = alice.api.post("/models", {**new, "model_name": "other-model"}).json["id"]
    assert world.tried({"output": "30 days"}, model_id=other).json["model"] == "other-model"
    assert world.tried({"output": "30 days"}, model_id=str(new_id())).json["errors"].keys() == {"model_id"}


@pytest.mark.parametrize("fault", ["down", "nonsense", "refuses", "error"])
def test_a_judge_of_no_use_is_an_error_and_never_a_failure(alice: Person, project: ProjectView, fault: str) -> None:
    with judged(alice, project, fault=fault) as world:
        found = world.tried({"output": "30 days"}).json
    assert (found["verdict"], found["score"]) == ("error", None)
    assert found["reason"]


def test_without_a_model_the_trial_says_where_to_connect_one(alice: Person, project: ProjectView) -> None:
    body = {"project_id": str(project.id), "evaluator": "judge.binary", "params": {"criteria": "c"}}
    found = alice.api.post("/metrics/try", {**body, "sample": {"output": "x"}}).json
    assert (found["verdict"], "No model is connected" in found["reason"]) == ("error", True)


def test_only_a_few_threads_wait_for_judges_and_none_for_plain_metrics(world: JudgedProject) -> None:
    taken = [waiting.callout_slot() for _ in range(2)]
    for slot in taken:
        slot.__enter__()
    try:
        busy = world.tried({"output": "30 days"})
        plain = world.tried({"output": "x"}, evaluator="text.contains", params={"text": "x"})
    finally:
        for slot in taken:
            slot.__exit__(None, None, None)
    assert (busy.status_code, plain.status_code) == (429, 200)
    assert world.model.calls == []


def test_a_viewer_tries_nothing(world: JudgedProject, bob: Person) -> None:
    body = {"project_id": str(world.project.id), "evaluator": "judge.binary", "params": {"criteria": "c"}}
    assert bob.api.post("/metrics/try", {**body, "sample": {"output": "x"}}).status_code == 403
    assert world.model.calls == []
