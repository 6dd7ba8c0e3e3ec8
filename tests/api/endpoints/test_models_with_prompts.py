"""Endpoints that are a model with a prompt: made, changed, called once, and frozen into a run without the key."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from sqlalchemy import Engine, text

from rhesis_app.endpoints.models import Endpoint
from rhesis_app.projects.queries import ProjectView
from rhesis_app.tenancy.models import AuditEntry
from tests.people import Person
from tests.scripted_endpoint import Call, Reply, ScriptedEndpoint, json_reply

Statements = Callable[[], AbstractContextManager[list[str]]]
KEY = "sk-canary-71f0aa"
NOWHERE = "01890000-0000-7000-8000-000000000000"


def says(call: Call) -> Reply:
    """Repeats what it was told, as an OpenAI-compatible server does."""
    told = " | ".join(turn["content"] for turn in call.json["messages"])
    message = {"role": "assistant", "content": f"You said: {told}"}
    return json_reply({"choices": [{"message": message}], "usage": {"prompt_tokens": 11, "completion_tokens": 5}})


@pytest.fixture
def server() -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint(says) as started:
        yield started


@pytest.fixture
def prompt(alice: Person, project: ProjectView) -> dict[str, Any]:
    body = {"project_id": str(project.id), "name": "Clerk", "template": "You are a clerk of {{ test.metadata.shop }}."}
    return alice.api.post("/prompts", body).json


@pytest.fixture
def model(alice: Person, project: ProjectView, server: ScriptedEndpoint) -> dict[str, Any]:
    body = {
        "project_id": str(project.id),
        "name": "Small",
        "wire": "openai",
        "base_url": f"{server.url.rpartition('/')[0]}/v1",
        "model_name": "small-1",
        "params": {"temperature": 0},
        "key": KEY,
        "prices": {"input_per_million": "1", "output_per_million": "2"},
    }
    answer = alice.api.post("/models", body)
    assert answer.status_code == 201, answer.text
    return answer.json


@pytest.fixture
def body(project: ProjectView, prompt: dict[str, Any], model: dict[str, Any]) -> dict[str, Any]:
    return {
        "project_id": str(project.id),
        "name": "Clerk on Small",
        "kind": "model",
        "model_id": model["id"],
        "prompt_version_id": prompt["version_id"],
    }


@pytest.fixture
def made(alice: Person, body: dict[str, Any]) -> dict[str, Any]:
    answer = alice.api.post("/endpoints", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json)


def test_one_is_made_and_read_back(
    alice: Person, made: dict[str, Any], model: dict[str, Any], prompt: dict[str, Any]
) -> None:
    assert alice.api.get(f"/endpoints/{made['id']}").json == made
    assert made["kind"] == "model"
    assert made["model"] == {
        "id": model["id"],
        "name": "Small",
        "model_name": "small-1",
        "is_archived": False,
        "prompt_version_id": prompt["version_id"],
        "role": "system",
    }
    assert made["url"] == f"{model['base_url']}/chat/completions"
    assert made["request_template"] == prompt["template"]
    assert (made["has_secret"], made["secret_origin"]) == (True, model["key_origin"])
    assert (made["timeout_s"], made["max_concurrency"]) == (60, 8), "the model's own"
    assert KEY not in json.dumps(made)
    assert alice.api.get("/endpoints").json == [made]


def test_a_test_call_tells_it_the_prompt_with_the_tests_values(
    alice: Person, made: dict[str, Any], server: ScriptedEndpoint
) -> None:
    call = {"input": "Open?", "metadata": {"shop": "Brindlewick"}, "messages": [{"role": "user", "content": "Hi"}]}
    found = alice.api.post(f"/endpoints/{made['id']}/invoke", call).json
    assert found["output"] == "You said: You are a clerk of Brindlewick. | Hi | Open?"
    assert (found["tokens_in"], found["tokens_out"], found["error_code"]) == (11, 5, None)
    (seen,) = server.calls
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert (seen.json["model"], seen.json["temperature"]) == ("small-1", 0)
    assert KEY not in json.dumps(found)
    missing = alice.api.post(f"/endpoints/{made['id']}/invoke", {"input": "Open?"}).json
    assert missing["error_code"] == "template"
    assert "test.metadata.shop" in missing["error_detail"]


def test_its_prompt_model_and_role_can_be_changed(
    alice: Person, made: dict[str, Any], prompt: dict[str, Any], server: ScriptedEndpoint
) -> None:
    path = f"/endpoints/{made['id']}"
    newer = alice.api.post(f"/prompts/{prompt['id']}/versions", {"template": "In one word: {{ input }}"}).json
    changed = alice.api.patch(path, {"prompt_version_id": newer["id"], "role": "user", "timeout_s": 9}).json
    assert (changed["request_template"], changed["model"]["role"]) == ("In one word: {{ input }}", "user")
    assert (changed["timeout_s"], changed["name"]) == (9, made["name"])
    assert alice.api.post(f"{path}/invoke", {"input": "Open?"}).json["output"] == "You said: In one word: Open?"
    stale = {"If-Match": made["etag"]}
    assert alice.api.patch(path, {"name": "Late"}, headers=stale).status_code == 412


def test_a_model_that_moved_is_called_at_its_new_address_without_the_old_key(
    alice: Person, made: dict[str, Any], model: dict[str, Any]
) -> None:
    with ScriptedEndpoint(says) as other:
        alice.api.patch(f"/models/{model['id']}", {"base_url": f"{other.url.rpartition('/')[0]}/v1"})
        call = {"input": "Open?", "metadata": {"shop": "B"}}
        found = alice.api.post(f"/endpoints/{made['id']}/invoke", call).json
        assert found["error_code"] is None
        assert "authorization" not in other.calls[0].headers


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"model_id": NOWHERE}, "model_id"),
        ({"prompt_version_id": NOWHERE}, "prompt_version_id"),
        ({"model_id": None}, "model_id"),
        ({"role": "assistant"}, "role"),
        ({"role": "user"}, "prompt_version_id"),
        ({"name": "  "}, "name"),
        ({"url": "http://127.0.0.1/x"}, "url"),
        ({"response_mapping": {"output": "$"}}, "response_mapping"),
        ({"kind": "other"}, "kind"),
        ({"timeout_s": 0}, "timeout_s"),
    ],
)
def test_bad_input_is_named(alice: Person, body: dict[str, Any], change: dict[str, Any], field: str) -> None:
    answer = alice.api.post("/endpoints", {**body, **change})
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [field]
    assert alice.count(Endpoint) == 0


def test_a_prompt_that_tests_cannot_fill_is_refused(alice: Person, project: ProjectView, body: dict[str, Any]) -> None:
    other = {"project_id": str(project.id), "name": "Order", "template": "Where is {{ order }}?"}
    version = alice.api.post("/prompts", other).json["version_id"]
    answer = alice.api.post("/endpoints", {**body, "prompt_version_id": version})
    assert answer.status_code == 422
    assert "{{ order }} is not known" in answer.json["errors"]["prompt_version_id"][0]


def test_each_kind_refuses_the_fields_of_the_other(alice: Person, made: dict[str, Any], project: ProjectView) -> None:
    refused = alice.api.patch(f"/endpoints/{made['id']}", {"url": "http://127.0.0.1:1/x", "headers": {}})
    assert refused.status_code == 422
    assert set(refused.json["errors"]) == {"url", "headers"}
    plain = {
        "project_id": str(project.id),
        "name": "Plain",
        "url": "http://127.0.0.1:9000/chat",
        "request_template": "{{ input }}",
        "response_mapping": {"output": "$"},
    }
    http = alice.api.post("/endpoints", plain).json
    assert (http["kind"], http["model"]) == ("http", None)
    refused = alice.api.patch(f"/endpoints/{http['id']}", {"role": "user"})
    assert list(refused.json["errors"]) == ["role"]
    refused = alice.api.post("/endpoints", {**plain, "name": "X", "model_id": NOWHERE})
    assert list(refused.json["errors"]) == ["model_id"]


def test_what_belongs_to_another_project_or_is_archived_cannot_be_chosen(
    alice: Person, body: dict[str, Any], model: dict[str, Any], prompt: dict[str, Any]
) -> None:
    other = alice.api.post("/projects", {"name": "Warehouse"}).json["id"]
    refused = alice.api.post("/endpoints", {**body, "project_id": other})
    assert list(refused.json["errors"]) == ["prompt_version_id"]
    alice.api.delete(f"/models/{model['id']}")
    assert list(alice.api.post("/endpoints", body).json["errors"]) == ["model_id"]
    alice.api.delete(f"/prompts/{prompt['id']}")
    assert list(alice.api.post("/endpoints", body).json["errors"]) == ["prompt_version_id"]


def test_an_archived_model_is_asked_no_more(
    alice: Person, made: dict[str, Any], model: dict[str, Any], server: ScriptedEndpoint
) -> None:
    alice.api.delete(f"/models/{model['id']}")
    assert alice.api.get(f"/endpoints/{made['id']}").json["model"]["is_archived"]
    refused = alice.api.post(f"/endpoints/{made['id']}/invoke", {"input": "x", "metadata": {"shop": "B"}})
    assert refused.status_code == 422
    assert "archived" in refused.json["detail"]
    assert server.calls == []


def test_the_database_refuses_half_a_model_endpoint(alice: Person, made: dict[str, Any], superuser: Engine) -> None:
    with superuser.connect() as connection, pytest.raises(Exception, match="model_with_prompt"):
        connection.execute(text("UPDATE endpoint SET prompt_role = NULL WHERE kind = 'model'"))


def test_a_prompt_counts_the_endpoints_that_are_told_it(
    alice: Person, made: dict[str, Any], prompt: dict[str, Any]
) -> None:
    alice.api.post(f"/prompts/{prompt['id']}/versions", {"template": "Newer"})
    assert alice.api.get(f"/prompts/{prompt['id']}").json["endpoint_count"] == 1
    alice.api.delete(f"/endpoints/{made['id']}")
    assert alice.api.get(f"/prompts/{prompt['id']}").json["endpoint_count"] == 0


def test_a_viewer_and_a_stranger_make_none(
    alice: Person, bob: Person, charlie: Person, body: dict[str, Any], made: dict[str, Any]
) -> None:
    path = f"/endpoints/{made['id']}"
    assert [person.api.post("/endpoints", body).status_code for person in (bob, charlie)] == [403, 404]
    assert [person.api.patch(path, {"name": "X"}).status_code for person in (bob, charlie)] == [403, 404]
    assert alice.count(AuditEntry, action="endpoint.create") == 1


def test_statements_stay_within_their_budgets(
    alice: Person, body: dict[str, Any], made: dict[str, Any], statements: Statements
) -> None:
    for call, budget in (
        (lambda: alice.api.get(f"/endpoints/{made['id']}"), 4),
        (lambda: alice.api.get("/endpoints?count=true"), 6),
        (lambda: alice.api.patch(f"/endpoints/{made['id']}", {"name": "New"}), 10),
        (lambda: alice.api.post("/endpoints", {**body, "name": "Second"}), 10),
    ):
        with statements() as seen:
            call()
        assert len(seen) <= budget, seen
