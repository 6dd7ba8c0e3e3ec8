"""The pages of a model with a prompt, as a browser without script uses them."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from html import unescape
from typing import Any

import pytest
from werkzeug.test import TestResponse

from rhesis_app.endpoints.models import Endpoint
from rhesis_app.projects.queries import ProjectView
from tests.people import Person
from tests.scripted_endpoint import Call, Reply, ScriptedEndpoint, json_reply

Statements = Callable[[], AbstractContextManager[list[str]]]
KEY = "sk-canary-9a81"


def says(call: Call) -> Reply:
    """Repeats what it was told."""
    told = " | ".join(turn["content"] for turn in call.json["messages"])
    usage = {"prompt_tokens": 1000, "completion_tokens": 500}
    return json_reply({"choices": [{"message": {"content": f"I heard {told}"}}], "usage": usage})


@pytest.fixture
def server() -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint(says) as started:
        yield started


def words(answer: TestResponse) -> str:
    """What stands between the tags of the page's main part."""
    main = answer.text.split("<main", 1)[-1].split("</main>", 1)[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


@pytest.fixture
def here(project: ProjectView) -> str:
    return f"/p/{project.slug}/endpoints"


@pytest.fixture
def model(alice: Person, project: ProjectView, server: ScriptedEndpoint) -> dict[str, Any]:
    body = {
        "project_id": str(project.id),
        "name": "Small",
        "wire": "openai",
        "base_url": f"{server.url.rpartition('/')[0]}/v1",
        "model_name": "small-1",
        "key": KEY,
        "prices": {"input_per_million": "1", "output_per_million": "2"},
    }
    return alice.api.post("/models", body).json


@pytest.fixture
def prompt(alice: Person, project: ProjectView) -> dict[str, Any]:
    body = {"project_id": str(project.id), "name": "Clerk", "template": "You are a clerk."}
    return alice.api.post("/prompts", body).json


@pytest.fixture
def typed(model: dict[str, Any], prompt: dict[str, Any]) -> dict[str, str]:
    """What makes one."""
    return {
        "name": "Clerk on Small",
        "model_id": model["id"],
        "prompt_version_id": prompt["version_id"],
        "role": "system",
        "sample.input": "Open <now>?",
    }


@pytest.fixture
def made(alice: Person, here: str, typed: dict[str, str]) -> str:
    """The address of one."""
    location = alice.web.post(f"{here}/model", typed).headers["Location"]
    return f"{here}/{location.rpartition('=')[2]}/model"


def test_the_way_to_a_new_endpoint_offers_it(alice: Person, here: str) -> None:
    assert f'href="{here}/model"' in alice.web.get(f"{here}/new").text


def test_without_a_model_or_a_prompt_the_page_says_what_comes_first(
    alice: Person, here: str, project: ProjectView, request: pytest.FixtureRequest
) -> None:
    assert "No model yet" in words(alice.web.get(f"{here}/model"))
    request.getfixturevalue("model")
    assert "No prompt yet" in words(alice.web.get(f"{here}/model"))
    request.getfixturevalue("prompt")
    assert "Clerk, version 1" in words(alice.web.get(f"{here}/model"))


def test_it_is_called_before_it_is_saved(
    alice: Person, here: str, typed: dict[str, str], server: ScriptedEndpoint
) -> None:
    answer = alice.web.post(f"{here}/model/try", typed)
    assert answer.status_code == 200
    shown = words(answer)
    assert "I heard You are a clerk. | Open <now>?" in shown
    assert re.search(r"1.000 in, 500 out", shown)
    assert "$0.002" in shown
    assert KEY not in answer.text
    assert server.calls[0].headers["authorization"] == f"Bearer {KEY}"
    assert alice.count(Endpoint) == 0


def test_it_is_saved_and_given_a_first_check(alice: Person, here: str, typed: dict[str, str], made: str) -> None:
    shown = alice.web.get(made)
    assert "Clerk on Small" in words(shown)
    assert "You are a clerk." in words(shown)
    assert "Small, told a prompt" in words(alice.web.get(here))
    assert alice.web.get(made.removesuffix("/model")).headers["Location"] == made
    assert alice.web.get(f"{here.removesuffix('endpoints')}quick-check").status_code == 200


def test_another_version_is_chosen_and_the_saved_one_stays_listed(
    alice: Person, prompt: dict[str, Any], typed: dict[str, str], made: str
) -> None:
    newer = alice.api.post(f"/prompts/{prompt['id']}/versions", {"template": "Briefly: {{ input }}"}).json["id"]
    shown = words(alice.web.get(made))
    assert "has version 2 by now" in shown
    assert "Clerk, version 1" in shown
    refused = alice.web.post(made, typed | {"prompt_version_id": typed["prompt_version_id"], "role": "user"})
    assert refused.status_code == 422
    assert "Put {{ input }} where it belongs" in words(refused)
    alice.web.post(made, typed | {"prompt_version_id": newer, "role": "user", "timeout_s": "7"})
    view = alice.api.get(f"/endpoints/{made.split('/')[-2]}").json
    assert (view["request_template"], view["model"]["role"], view["timeout_s"]) == ("Briefly: {{ input }}", "user", 7)
    assert "by now" not in words(alice.web.get(made))


def test_the_saved_version_stays_when_its_prompt_is_archived(
    alice: Person, prompt: dict[str, Any], typed: dict[str, str], made: str
) -> None:
    alice.api.delete(f"/prompts/{prompt['id']}")
    assert alice.web.post(made, typed | {"name": "Renamed"}).status_code == 303
    assert "Renamed" in words(alice.web.get(made))


def test_what_is_wrong_is_said_at_its_field_and_kept(alice: Person, here: str, typed: dict[str, str]) -> None:
    answer = alice.web.post(f"{here}/model", typed | {"name": "", "model_id": "x"})
    assert answer.status_code == 422
    assert 'id="f-model_id-error"' in answer.text
    for change, said in (
        ({"sample.input": " "}, "Write what a test would ask."),
        ({"sample.metadata": "{"}, "Give a JSON object"),
        ({"timeout_s": "x"}, "Enter a whole number."),
    ):
        answer = alice.web.post(f"{here}/model/try", typed | change)
        assert answer.status_code == 422
        assert said in answer.text.split('id="model-call"')[1]
    assert alice.count(Endpoint) == 0


def test_what_goes_wrong_out_there_is_shown(
    alice: Person, here: str, typed: dict[str, str], server: ScriptedEndpoint
) -> None:
    server.script = lambda _call: json_reply({"error": {"message": "no such model"}}, status=404)
    answer = alice.web.post(f"{here}/model/try", typed)
    assert answer.status_code == 200
    assert "no such model" in words(answer)


def test_archiving_and_restoring_come_back_to_it(alice: Person, made: str) -> None:
    plain = made.removesuffix("/model")
    alice.web.post(f"{plain}/archive")
    assert "Archived" in words(alice.web.get(made))
    assert alice.web.post(f"{plain}/restore").headers["Location"] == plain
    assert "Archived" not in words(alice.web.get(made))


def test_an_endpoint_with_a_url_has_no_such_page(alice: Person, here: str, project: ProjectView) -> None:
    body = {
        "project_id": str(project.id),
        "name": "Plain",
        "url": "http://127.0.0.1:9000/chat",
        "request_template": "{{ input }}",
        "response_mapping": {"output": "$"},
    }
    endpoint_id = alice.api.post("/endpoints", body).json["id"]
    assert alice.web.get(f"{here}/{endpoint_id}/model").headers["Location"] == f"{here}/{endpoint_id}"


def test_the_workbench_refuses_it_and_sends_its_key_nowhere(alice: Person, made: str, server: ScriptedEndpoint) -> None:
    plain, form = made.removesuffix("/model"), {"url": f"{server.url}/x", "name": "X", "method": "POST"}
    for path in ("", "/try", "/map"):
        assert alice.web.post(plain + path, form).status_code == 409
    assert server.calls == []


def test_a_viewer_sees_it_and_no_way_to_change_or_call_it(
    bob: Person, here: str, typed: dict[str, str], made: str
) -> None:
    shown = bob.web.get(made)
    assert "Clerk on Small" in words(shown)
    assert "formaction" not in shown.text.split("<main")[1]
    assert bob.web.get(f"{here}/model").status_code == 403
    for path in (f"{here}/model", f"{here}/model/try", made, f"{made}/try"):
        assert bob.web.post(path, typed).status_code == 403


def test_to_a_stranger_there_is_nothing(charlie: Person, here: str, typed: dict[str, str], made: str) -> None:
    assert [charlie.web.get(path).status_code for path in (f"{here}/model", made)] == [404, 404]
    for path in (f"{here}/model", f"{here}/model/try", made, f"{made}/try"):
        assert charlie.web.post(path, typed).status_code == 404


@pytest.mark.parametrize("count", [1, 10])
def test_statements_do_not_grow_with_prompts(
    alice: Person, here: str, made: str, project: ProjectView, statements: Statements, count: int
) -> None:
    for number in range(count):
        alice.api.post("/prompts", {"project_id": str(project.id), "name": f"P{number}", "template": "x"})
    for path in (here, f"{here}/model", made):
        with statements() as seen:
            assert alice.web.get(path).status_code == 200
        assert len(seen) <= 8, seen
