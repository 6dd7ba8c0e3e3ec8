"""Endpoints over the API: make, read, change, archive, restore."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from flask import Flask

from rhesis_app.endpoints.models import Endpoint
from rhesis_app.endpoints.rules import MAX_CONCURRENCY, TIMEOUT_S
from rhesis_app.projects.actions import create_project
from rhesis_app.projects.queries import ProjectView
from rhesis_app.tenancy.models import AuditEntry
from tests.people import Person

Watch = Callable[[], AbstractContextManager[list[str]]]
NOWHERE = "/endpoints/01890000-0000-7000-8000-000000000000"


def test_an_endpoint_is_made_and_read_back(alice: Person, made: dict[str, Any], body: dict[str, Any]) -> None:
    read = alice.api.get(f"/endpoints/{made['id']}")
    assert read.status_code == 200
    assert read.json == made
    assert {name: made[name] for name in body if name != "auth"} == {k: v for k, v in body.items() if k != "auth"}
    assert made["auth"] == {"kind": "none", "header": None}
    assert read.headers["ETag"] == made["etag"]


def test_only_what_is_needed_is_enough(alice: Person, body: dict[str, Any]) -> None:
    needed = {name: body[name] for name in ("project_id", "name", "url", "request_template", "response_mapping")}
    answer = alice.api.post("/endpoints", needed)
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/v1/endpoints/{answer.json['id']}"
    assert (answer.json["method"], answer.json["timeout_s"], answer.json["max_concurrency"]) == ("POST", 60, 16)


def test_the_secret_is_never_told(alice: Person, body: dict[str, Any]) -> None:
    secret = {"kind": "header", "header": "X-Api-Key", "secret": "hush-hush"}
    made = alice.api.post("/endpoints", {**body, "auth": secret})
    assert made.status_code == 201
    path = f"/endpoints/{made.json['id']}"
    shown = [made.text, alice.api.get(path).text, alice.api.get("/endpoints").text, alice.api.delete(path).text]
    assert not [text for text in shown if "hush" in text]
    assert made.json["has_secret"] is True
    assert made.json["secret_origin"] == "http://127.0.0.1:9000"
    assert made.json["auth"] == {"kind": "header", "header": "X-Api-Key"}


def test_moving_to_another_port_clears_the_secret_and_says_so(alice: Person, body: dict[str, Any]) -> None:
    made = alice.api.post("/endpoints", {**body, "auth": {"kind": "bearer", "secret": "hush-hush"}}).json
    answer = alice.api.patch(f"/endpoints/{made['id']}", {"url": "http://127.0.0.1:9001/chat"})
    assert answer.status_code == 200
    assert answer.json["has_secret"] is False
    assert "secret was cleared" in answer.json["warnings"][0]
    assert alice.api.get(f"/endpoints/{made['id']}").json["warnings"] == []


def test_a_change_touches_only_the_fields_sent(alice: Person, made: dict[str, Any]) -> None:
    answer = alice.api.patch(f"/endpoints/{made['id']}", {"timeout_s": 90})
    assert answer.status_code == 200
    kept = {name for name in made if made[name] == answer.json[name]}
    assert set(made) - kept == {"timeout_s", "updated_at", "etag"}


def test_a_change_of_something_newer_is_refused(alice: Person, made: dict[str, Any]) -> None:
    path = f"/endpoints/{made['id']}"
    assert alice.api.patch(path, {"name": "A"}, headers={"If-Match": made["etag"]}).status_code == 200
    assert alice.api.patch(path, {"name": "B"}, headers={"If-Match": made["etag"]}).status_code == 412


def test_a_taken_name_is_a_conflict_at_the_field(alice: Person, made: dict[str, Any], body: dict[str, Any]) -> None:
    answer = alice.api.post("/endpoints", body)
    assert answer.status_code == 409
    assert "name" in answer.json["errors"]
    other = alice.api.post("/endpoints", {**body, "name": "Other"}).json
    assert alice.api.patch(f"/endpoints/{other['id']}", {"name": made["name"]}).status_code == 409


def test_archiving_frees_the_name_and_restoring_into_a_taken_one_is_a_conflict(
    alice: Person, made: dict[str, Any], body: dict[str, Any]
) -> None:
    path = f"/endpoints/{made['id']}"
    assert alice.api.delete(path).json["archived_at"]
    assert alice.api.get("/endpoints").json == []
    assert [item["id"] for item in alice.api.get("/endpoints?archived=true").json] == [made["id"]]
    other = alice.api.post("/endpoints", body).json
    assert alice.api.post(f"{path}/restore").status_code == 409
    alice.api.delete(f"/endpoints/{other['id']}")
    restored = alice.api.post(f"{path}/restore")
    assert (restored.status_code, restored.json["archived_at"]) == (200, None)


def test_every_change_leaves_an_audit_entry(alice: Person, made: dict[str, Any]) -> None:
    path = f"/endpoints/{made['id']}"
    alice.api.patch(path, {"name": "Renamed"})
    alice.api.delete(path)
    alice.api.post(f"{path}/restore")
    for action in ("create", "update", "archive", "restore"):
        assert alice.count(AuditEntry, action=f"endpoint.{action}") == 1


def test_nobody_gets_in_without_a_credential(app: Flask) -> None:
    assert app.test_client().get("/api/v1/endpoints").status_code == 401


def test_who_may_only_read_changes_nothing(bob: Person, made: dict[str, Any], body: dict[str, Any]) -> None:
    path = f"/endpoints/{made['id']}"
    assert bob.api.get(path).status_code == 200
    assert bob.api.post("/endpoints", {**body, "name": "Mine"}).status_code == 403
    assert bob.api.patch(path, {"name": "Mine"}).status_code == 403
    assert bob.api.delete(path).status_code == 403
    assert bob.api.post(f"{path}/restore").status_code == 403
    assert bob.api.post(f"{path}/invoke", {"input": "Hi"}).status_code == 403


def test_a_stranger_gets_404(charlie: Person, made: dict[str, Any], body: dict[str, Any]) -> None:
    path = f"/endpoints/{made['id']}"
    assert charlie.api.get(path).status_code == 404
    assert charlie.api.patch(path, {"name": "Mine"}).status_code == 404
    assert charlie.api.delete(path).status_code == 404
    assert charlie.api.post(f"{path}/restore").status_code == 404
    assert charlie.api.post(f"{path}/invoke", {"input": "Hi"}).status_code == 404
    assert charlie.api.post("/endpoints", body).status_code == 404
    assert charlie.api.get("/endpoints").json == []


def test_an_unknown_id_is_not_found(alice: Person) -> None:
    assert alice.api.get(NOWHERE).status_code == 404
    assert alice.api.get("/endpoints/not-an-id").status_code == 404


@pytest.mark.parametrize(
    ("field", "value", "at"),
    [
        ("name", "", "name"),
        ("name", " ", "name"),
        ("url", "localhost:9000", "url"),
        ("url", "ftp://chat.example.com", "url"),
        ("url", "http://ada:pw@chat.example.com", "url"),
        ("url", "http://169.254.169.254/latest", "url"),
        ("method", "BREW", "method"),
        ("headers", {"Authorization": "Bearer x"}, "headers"),
        ("headers", {"Cookie": "a=b"}, "headers"),
        ("headers", {"X-Api-Key": "x"}, "headers"),
        ("headers", {"X": 1}, "headers.X.value"),
        ("request_template", {"message": "{{ inptu }}"}, "request_template"),
        ("request_template", {"message": "Hi"}, "request_template"),
        ("response_mapping", {"output": "reply"}, "response_mapping.output"),
        ("response_mapping", {"output": "$.a[?(@.b)]"}, "response_mapping.output"),
        ("response_mapping", {}, "response_mapping.output"),
        ("response_mapping", {"output": "$.a", "score": "$.b"}, "response_mapping.score"),
        ("auth", {"kind": "magic"}, "auth.kind"),
        ("auth", {"kind": "header", "secret": "x"}, "auth.header"),
        ("auth", {"kind": "basic", "secret": "no-colon"}, "auth.secret"),
        ("auth", {"kind": "bearer", "secret": "a\nb"}, "auth.secret"),
        ("timeout_s", 0, "timeout_s"),
        ("timeout_s", 601, "timeout_s"),
        ("max_concurrency", 0, "max_concurrency"),
        ("max_concurrency", MAX_CONCURRENCY[1] + 1, "max_concurrency"),
        ("project_id", "x", "project_id"),
        ("surprise", 1, "surprise"),
    ],
)
def test_bad_input_is_named_at_its_field_and_nothing_is_written(
    alice: Person, body: dict[str, Any], field: str, value: Any, at: str
) -> None:
    answer = alice.api.post("/endpoints", {**body, field: value})
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [at]
    assert alice.count(Endpoint) == 0


def test_the_bounds_are_the_same_at_the_door_and_in_the_table(alice: Person, body: dict[str, Any]) -> None:
    for end in (0, 1):
        edge = {"name": f"edge {end}", "timeout_s": TIMEOUT_S[end], "max_concurrency": MAX_CONCURRENCY[end]}
        answer = alice.api.post("/endpoints", {**body, **edge})
        assert (answer.status_code, answer.json["max_concurrency"]) == (201, MAX_CONCURRENCY[end])


@pytest.mark.parametrize(
    ("field", "value", "at"),
    [
        ("name", " ", "name"),
        ("url", "ftp://chat.example.com", "url"),
        ("headers", {"Cookie": "a=b"}, "headers"),
        ("request_template", {"message": "Hi"}, "request_template"),
        ("request_template", None, "request_template"),
        ("response_mapping", {"output": "reply"}, "response_mapping.output"),
        ("auth", {"kind": "header"}, "auth.header"),
        ("auth", {"secret": "kind is missing"}, "auth.kind"),
        ("project_id", "01890000-0000-7000-8000-000000000000", "project_id"),
    ],
)
def test_a_bad_change_is_named_at_its_field_and_changes_nothing(
    alice: Person, made: dict[str, Any], field: str, value: Any, at: str
) -> None:
    answer = alice.api.patch(f"/endpoints/{made['id']}", {"timeout_s": 90, field: value})
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [at]
    assert alice.api.get(f"/endpoints/{made['id']}").json == made


def test_an_unknown_variable_is_answered_with_those_there_are(alice: Person, body: dict[str, Any]) -> None:
    answer = alice.api.post("/endpoints", {**body, "request_template": {"message": "{{ prompt }}"}})
    assert "messages" in answer.json["errors"]["request_template"][0]


def test_lists_are_pages_of_one_project(alice: Person, body: dict[str, Any]) -> None:
    with alice.scope() as scope:
        other = create_project(scope, "Other")
    for number in range(3):
        alice.api.post("/endpoints", {**body, "name": f"Chat {number}"})
    alice.api.post("/endpoints", {**body, "project_id": str(other.id)})
    first = alice.api.get(f"/endpoints?project_id={body['project_id']}&limit=2&count=true")
    assert [item["name"] for item in first.json] == ["Chat 2", "Chat 1"]
    assert first.headers["X-Total-Count"] == "3"
    following = first.headers["Link"].split(";")[0].strip("<>")
    assert [item["name"] for item in alice.api.get(following).json] == ["Chat 0"]
    assert alice.api.get("/endpoints?surprise=1").status_code == 422


def test_statements_do_not_grow_with_the_rows(
    alice: Person, body: dict[str, Any], made: dict[str, Any], statements: Watch
) -> None:
    def counted(call: Callable[[], Any]) -> int:
        with statements() as seen:
            assert call().status_code < 300
        return len(seen)

    path = f"/endpoints/{made['id']}"
    few = counted(lambda: alice.api.get("/endpoints?count=true"))
    for number in range(5):
        alice.api.post("/endpoints", {**body, "name": f"Chat {number}"})
    assert counted(lambda: alice.api.get("/endpoints?count=true")) == few <= 6
    assert counted(lambda: alice.api.get(path)) <= 4
    assert counted(lambda: alice.api.post("/endpoints", {**body, "name": "One more"})) <= 10
    assert counted(lambda: alice.api.patch(path, {"name": "Renamed"})) <= 10


def test_a_project_of_strangers_cannot_be_filled(charlie: Person, project: ProjectView, body: dict[str, Any]) -> None:
    assert charlie.api.get(f"/endpoints?project_id={project.id}").json == []
    assert charlie.api.post("/endpoints", body).status_code == 404
