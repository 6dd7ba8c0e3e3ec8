"""Models over the API: make, read, change, choose the default, archive, restore, test the connection."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from examples.scripted_model.server import ScriptedModel
from rhesis_app.endpoints.models import Model
from rhesis_app.kernel.permissions import BUILT_IN_ROLES, Permission
from rhesis_app.projects.queries import ProjectView
from rhesis_app.tenancy.models import AuditEntry
from tests.people import Person, add_member

Watch = Callable[[], AbstractContextManager[list[str]]]
KEY = "sk-canary-5f1c0a97"
NOWHERE = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
def body(project: ProjectView) -> dict[str, Any]:
    return {
        "project_id": str(project.id),
        "name": "Judge",
        "wire": "openai",
        "base_url": "http://127.0.0.1:9200/v1",
        "model_name": "scripted",
        "key": KEY,
        "prices": {"input_per_million": "0.15", "output_per_million": 0.6},
    }


@pytest.fixture
def made(alice: Person, body: dict[str, Any]) -> dict[str, Any]:
    answer = alice.api.post("/models", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json)


def test_a_model_is_made_and_read_back(alice: Person, made: dict[str, Any], body: dict[str, Any]) -> None:
    read = alice.api.get(f"/models/{made['id']}")
    assert read.status_code == 200
    assert read.json == made
    assert read.headers["ETag"] == made["etag"]
    assert made["prices"] == {"input_per_million": "0.15", "output_per_million": "0.6", "currency": "USD"}
    assert (made["timeout_s"], made["max_concurrency"], made["params"]) == (60, 8, {})
    assert made["is_default"] is True, "a project's first model judges"


def test_the_key_is_never_told(alice: Person, made: dict[str, Any], superuser: Any) -> None:
    path = f"/models/{made['id']}"
    shown = [
        alice.api.get(path),
        alice.api.get("/models"),
        alice.api.patch(path, {"name": "Other"}),
        alice.api.delete(path),
    ]
    assert not [answer for answer in shown if KEY in answer.text]
    assert (made["has_key"], made["key_origin"]) == (True, "http://127.0.0.1:9200")
    with alice.scope() as scope:
        row = scope.session.get(Model, made["id"])
        assert row.key
        assert KEY not in row.key


def test_moving_to_another_port_clears_the_key_and_says_so(alice: Person, made: dict[str, Any]) -> None:
    answer = alice.api.patch(f"/models/{made['id']}", {"base_url": "http://127.0.0.1:9201/v1"})
    assert answer.json["has_key"] is False
    assert "key was cleared" in answer.json["warnings"][0]
    assert alice.api.get(f"/models/{made['id']}").json["warnings"] == []


def test_another_path_on_the_same_port_keeps_the_key(alice: Person, made: dict[str, Any]) -> None:
    answer = alice.api.patch(f"/models/{made['id']}", {"base_url": "http://127.0.0.1:9200/v2"})
    assert (answer.json["has_key"], answer.json["warnings"]) == (True, [])


def test_null_removes_the_key(alice: Person, made: dict[str, Any]) -> None:
    answer = alice.api.patch(f"/models/{made['id']}", {"key": None})
    assert (answer.json["has_key"], answer.json["key_origin"]) == (False, None)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "  "}, "name"),
        ({"wire": "cobol"}, "wire"),
        ({"base_url": "ftp://example.org"}, "base_url"),
        ({"base_url": "https://models.example.org/v1?api_key=abc"}, "base_url"),
        ({"base_url": "http://user:pw@example.org/v1"}, "base_url"),
        ({"base_url": "http://169.254.169.254/v1"}, "base_url"),
        ({"model_name": " "}, "model_name"),
        ({"params": {"messages": []}}, "params"),
        ({"params": {"api_key": "abc"}}, "params"),
        ({"params": {"text": "x" * 10_001}}, "params"),
        ({"prices": {"input_per_million": "-1"}}, "prices.input_per_million"),
        ({"prices": {"output_per_million": "0.0000001"}}, "prices.output_per_million"),
        ({"prices": {"output_per_million": "NaN"}}, "prices.output_per_million"),
        ({"prices": {"output_per_million": "1e30"}}, "prices.output_per_million"),
        ({"prices": {"currency": "EUR"}}, "prices.currency"),
        ({"key": "two words"}, "key"),
        ({"key": "line\nbreak"}, "key"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"max_concurrency": 0}, "max_concurrency"),
    ],
)
def test_what_cannot_be_taken_is_said_at_its_field(
    alice: Person, body: dict[str, Any], changes: dict[str, Any], field: str
) -> None:
    answer = alice.api.post("/models", {**body, **changes})
    assert answer.status_code == 422
    assert field in answer.json["errors"], answer.text
    assert alice.count(Model) == 0


def test_a_name_is_taken_once_in_a_project(alice: Person, made: dict[str, Any], body: dict[str, Any]) -> None:
    again = alice.api.post("/models", body)
    assert (again.status_code, list(again.json["errors"])) == (409, ["name"])


def test_one_model_of_a_project_judges_by_default(alice: Person, made: dict[str, Any], body: dict[str, Any]) -> None:
    second = alice.api.post("/models", {**body, "name": "Second"}).json
    assert second["is_default"] is False
    assert alice.api.patch(f"/models/{second['id']}", {"is_default": True}).json["is_default"] is True
    assert alice.api.get(f"/models/{made['id']}").json["is_default"] is False
    assert alice.api.patch(f"/models/{second['id']}", {"is_default": False}).json["is_default"] is False


def test_an_archived_model_judges_by_default_no_more(alice: Person, made: dict[str, Any]) -> None:
    path = f"/models/{made['id']}"
    gone = alice.api.delete(path)
    assert gone.json["archived_at"]
    assert gone.json["is_default"] is False
    assert alice.api.patch(path, {"is_default": True}).status_code == 422
    assert alice.api.get("/models").json == []
    assert [one["id"] for one in alice.api.get("/models?archived=true").json] == [made["id"]]
    back = alice.api.post(f"{path}/restore")
    assert (back.json["archived_at"], back.json["has_key"]) == (None, True)


def test_a_change_of_something_newer_is_refused(alice: Person, made: dict[str, Any]) -> None:
    path = f"/models/{made['id']}"
    alice.api.patch(path, {"timeout_s": 61})
    refused = alice.api.patch(path, {"timeout_s": 62}, headers={"If-Match": made["etag"]})
    assert refused.status_code == 412


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_the_connection_is_tested_with_what_came_of_it(alice: Person, body: dict[str, Any], wire: str) -> None:
    with ScriptedModel(key=KEY) as model:
        made = alice.api.post("/models", {**body, "base_url": model.url, "wire": wire}).json
        answer = alice.api.post(f"/models/{made['id']}/test")
    assert answer.status_code == 200
    said = answer.json
    assert (said["answer"], said["error_code"], said["model"]) == ({"ready": True}, None, "scripted")
    assert said["latency_ms"] > 0
    assert said["tokens_in"] > 0
    assert float(said["cost"]) > 0
    assert said["currency"] == "USD"
    assert said["request"]["body"]["model"] == "scripted"
    assert KEY not in answer.text


def test_a_failed_test_says_what_to_do(alice: Person, body: dict[str, Any]) -> None:
    with ScriptedModel(key="another-key") as model:
        made = alice.api.post("/models", {**body, "base_url": model.url}).json
        answer = alice.api.post(f"/models/{made['id']}/test")
    assert answer.status_code == 200
    assert answer.json["error_code"] == "http_4xx"
    assert "did not accept the key" in answer.json["error_detail"]
    assert KEY not in answer.text


def test_a_member_edits_models_and_only_an_admin_keys(alice: Person, body: dict[str, Any]) -> None:
    carol = add_member(alice, "carol", "Member")
    assert carol.api.post("/models", body).status_code == 403
    without = {name: value for name, value in body.items() if name != "key"}
    made = carol.api.post("/models", without)
    assert made.status_code == 201
    assert carol.api.patch(f"/models/{made.json['id']}", {"key": KEY}).status_code == 403
    assert Permission.MODEL_SECRET not in BUILT_IN_ROLES["Member"]


def test_every_change_is_in_the_audit_log(alice: Person, made: dict[str, Any]) -> None:
    path = f"/models/{made['id']}"
    alice.api.patch(path, {"name": "Other"})
    alice.api.delete(path)
    alice.api.post(f"{path}/restore")
    with alice.scope() as scope:
        rows = scope.session.scalars(scope.select(AuditEntry).where(AuditEntry.object_type == "model")).all()
    assert {row.action for row in rows} == {"model.create", "model.update", "model.archive", "model.restore"}
    assert not [row for row in rows if KEY in str(row.facts)]


def test_the_list_asks_the_same_few_statements_for_few_and_many(
    alice: Person, body: dict[str, Any], statements: Watch
) -> None:
    counts = []
    for number in range(12):
        alice.api.post("/models", {**body, "name": f"Judge {number}"})
        if number in {1, 11}:
            with statements() as seen:
                assert len(alice.api.get("/models?count=true").json) == number + 1
            counts.append(len(seen))
    assert counts[0] == counts[1] <= 6


def test_a_metric_takes_a_model_only_when_it_asks_one(alice: Person, made: dict[str, Any]) -> None:
    new = {"project_id": made["project_id"], "name": "Contains", "evaluator": "text.contains", "model_id": made["id"]}
    answer = alice.api.post("/metrics", new)
    assert (answer.status_code, list(answer.json["errors"])) == (422, ["model_id"])
