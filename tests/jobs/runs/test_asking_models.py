"""A run against a model with a prompt: the same engine, frozen with its text and without its key."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from rhesis_app.kernel.errors import Invalid
from tests.jobs.runs.test_driving import drive, outcomes, status
from tests.jobs.runs.world import World, make_world
from tests.people import Person
from tests.scripted_endpoint import Call, Reply, ScriptedEndpoint, json_reply

KEY = "sk-canary-0b77e1"
TESTS = [("Is it open?", "yes: Is it open?"), ("Is it closed?", "maybe")]


def says(call: Call) -> Reply:
    """Answers as the prompt tells it: with its system message before what was asked."""
    told, asked = (turn["content"] for turn in call.json["messages"])
    answer = {"role": "assistant", "content": f"{told}: {asked}"}
    return json_reply({"choices": [{"message": answer}], "usage": {"prompt_tokens": 11, "completion_tokens": 5}})


@pytest.fixture
def server() -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint(says) as started:
        yield started


@pytest.fixture
def ids() -> dict[str, str]:
    """What the world is made of, by name."""
    return {}


@pytest.fixture
def world(alice: Person, server: ScriptedEndpoint, ids: dict[str, str]) -> World:
    made = make_world(alice, server.url, TESTS)
    project = {"project_id": str(made.project_id)}
    base_url = f"{server.url.rpartition('/')[0]}/v1"
    model: dict[str, Any] = {
        "name": "Small",
        "wire": "openai",
        "base_url": base_url,
        "model_name": "small-1",
        "key": KEY,
    }
    model["prices"] = {"input_per_million": "1", "output_per_million": "2"}
    ids["model"] = alice.api.post("/models", {**project, **model}).json["id"]
    prompt = alice.api.post("/prompts", {**project, "name": "Clerk", "template": "yes"}).json
    ids["prompt"], ids["version"] = prompt["id"], prompt["version_id"]
    chosen = {"kind": "model", "name": "Clerk", "model_id": ids["model"], "prompt_version_id": ids["version"]}
    answer = alice.api.post("/endpoints", {**project, **chosen})
    assert answer.status_code == 201, answer.text
    return replace(made, endpoint_id=UUID(answer.json["id"]))


def snapshot(world: World, run_id: UUID) -> dict[str, Any]:
    return dict(world.ask("SELECT endpoint_snapshot FROM test_run WHERE id = :run", run=run_id)[0][0])


def test_a_run_asks_it_and_keeps_what_it_said_with_its_tokens(world: World, server: ScriptedEndpoint) -> None:
    run_id = world.start()
    drive(world, run_id)
    assert status(world, run_id) == "completed"
    assert outcomes(world, run_id) == {"passed": 1, "failed": 1}
    rows = world.ask("SELECT output, tokens_in, tokens_out, request FROM test_result ORDER BY output")
    assert [(row.output, row.tokens_in, row.tokens_out) for row in rows] == [
        ("yes: Is it closed?", 11, 5),
        ("yes: Is it open?", 11, 5),
    ]
    assert rows[0].request["body"]["messages"][0] == {"role": "system", "content": "yes"}
    assert {call.headers["authorization"] for call in server.calls} == {f"Bearer {KEY}"}
    assert {"idempotency-key", "x-attempt"} <= server.calls[0].headers.keys()


def test_a_result_says_what_it_cost_and_the_run_what_was_told(world: World, alice: Person) -> None:
    run_id = world.start()
    drive(world, run_id)
    result = alice.api.get(f"/test-results/{world.ask('SELECT id FROM test_result LIMIT 1')[0].id}").json
    assert (result["tokens_in"], result["tokens_out"], result["cost"]) == (11, 5, "0.000021")
    slug = world.ask("SELECT slug FROM project")[0].slug
    page = alice.web.get(f"/p/{slug}/runs/1").text
    assert "Small (small-1)" in page
    assert "as the system&#39;s message" in page
    assert "$0.000021" in alice.web.get(f"/p/{slug}/runs/1/results/{result['id']}").text


def test_the_run_freezes_the_model_and_the_text_and_not_the_key(world: World, ids: dict[str, str]) -> None:
    frozen = snapshot(world, world.start())
    assert frozen["request_template"] == "yes"
    assert frozen["chat"] == {
        "model_id": ids["model"],
        "model": "Small",
        "wire": "openai",
        "model_name": "small-1",
        "params": {},
        "prices": {"input_per_million": "1", "output_per_million": "2", "currency": "USD"},
        "role": "system",
        "prompt_version_id": ids["version"],
    }
    assert KEY not in json.dumps(frozen)


def test_later_changes_touch_no_run_that_was_started(
    world: World, alice: Person, server: ScriptedEndpoint, ids: dict[str, str]
) -> None:
    run_id = world.start()
    newer = alice.api.post(f"/prompts/{ids['prompt']}/versions", {"template": "no"}).json["id"]
    alice.api.patch(f"/endpoints/{world.endpoint_id}", {"prompt_version_id": newer})
    alice.api.patch(f"/models/{ids['model']}", {"model_name": "small-2", "params": {"temperature": 1}})
    alice.api.delete(f"/models/{ids['model']}")
    drive(world, run_id)
    assert outcomes(world, run_id) == {"passed": 1, "failed": 1}
    assert {call.json["model"] for call in server.calls} == {"small-1"}
    assert not any("temperature" in call.json for call in server.calls)


def test_a_key_for_another_address_is_not_sent_to_the_frozen_one(
    world: World, alice: Person, server: ScriptedEndpoint, ids: dict[str, str]
) -> None:
    run_id = world.start()
    moved = {"base_url": "http://127.0.0.1:9300/v1", "key": "sk-another"}
    assert alice.api.patch(f"/models/{ids['model']}", moved).status_code == 200
    drive(world, run_id)
    assert server.calls == []
    found = world.ask("SELECT DISTINCT error_code, error_detail FROM test_result")
    assert [row.error_code for row in found] == ["secret"]
    assert "another address" in found[0].error_detail


def test_a_run_with_an_archived_model_is_refused(world: World, alice: Person, ids: dict[str, str]) -> None:
    alice.api.delete(f"/models/{ids['model']}")
    with pytest.raises(Invalid, match="archived"):
        world.start()


def test_what_goes_wrong_out_there_is_an_error_and_no_failure(world: World, server: ScriptedEndpoint) -> None:
    server.script = lambda _call: json_reply({"error": "no such key"}, status=401)
    run_id = world.start()
    drive(world, run_id)
    assert outcomes(world, run_id) == {"error": 2}


def test_what_it_said_is_recorded_and_replayed_with_its_tokens(world: World, server: ScriptedEndpoint) -> None:
    first = world.start(source="record")
    drive(world, first)
    second = world.start(source="replay-or-fail")
    drive(world, second)
    assert len(server.calls) == 2
    said = "SELECT output, tokens_in, tokens_out, latency_ms FROM test_result WHERE run_id = :run ORDER BY output"
    assert world.ask(said, run=second) == world.ask(said, run=first)
    assert world.ask(said, run=second)[0].tokens_in == 11
    assert not [row for row in world.ask("SELECT CAST(e AS text) AS kept FROM recorded_exchange e") if KEY in row.kept]
