"""Tests over the API."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from flask import Flask

from rhesis_app.authoring.models import Requirement, Test
from rhesis_app.projects.queries import ProjectView
from rhesis_app.tenancy.models import AuditEntry
from tests.people import ApiClient, Person

Statements = Callable[[], AbstractContextManager[list[str]]]
NOWHERE = "00000000-0000-7000-8000-000000000000"


def make(person: Person, project: ProjectView, prompt: str = "Where is my order?", **more: Any) -> dict[str, Any]:
    answer = person.api.post("/tests", {"project_id": str(project.id), "prompt": prompt, **more})
    assert answer.status_code == 201, answer.text
    return answer.json


def test_a_test_is_made_and_read(alice: Person, project: ProjectView) -> None:
    body = {
        "project_id": str(project.id),
        "prompt": "  Where is my order? ✓\n",
        "expected": "asks for the number",
        "requirement": "Helps with orders",
        "messages": [{"role": "system", "content": "You are brief."}],
        "context": ["Orders take two days."],
        "metadata": {"order": 1042, "tags": ["a", None]},
    }
    answer = alice.api.post("/tests", body)
    assert answer.status_code == 201
    assert {name: answer.json[name] for name in body} == body
    assert answer.json["kind"] == "single_turn"
    read = alice.api.get(answer.headers["Location"])
    assert read.json == answer.json
    assert read.headers["ETag"] == answer.headers["ETag"] == answer.json["etag"]


def test_a_requirement_is_found_by_name_or_made(alice: Person, project: ProjectView) -> None:
    first = make(alice, project, requirement="Polite")
    second = make(alice, project, requirement=" Polite ")
    assert first["requirement_id"] == second["requirement_id"]
    assert make(alice, project, requirement="Brief")["requirement_id"] != first["requirement_id"]
    assert alice.count(Requirement) == 2


def test_only_the_fields_sent_change(alice: Person, project: ProjectView) -> None:
    made = make(alice, project, expected="x", requirement="Polite", metadata={"a": 1})
    changed = alice.api.patch(f"/tests/{made['id']}", {"prompt": "Changed", "metadata": {"b": 2}}).json
    assert (changed["prompt"], changed["expected"], changed["requirement"]) == ("Changed", "x", "Polite")
    assert changed["metadata"] == {"b": 2}
    assert changed["etag"] != made["etag"]
    cleared = alice.api.patch(f"/tests/{made['id']}", {"expected": None, "requirement": None}).json
    assert (cleared["expected"], cleared["requirement"], cleared["requirement_id"]) == (None, None, None)


def test_a_stale_etag_is_refused(alice: Person, project: ProjectView) -> None:
    made = make(alice, project)
    path, stale = f"/tests/{made['id']}", {"If-Match": made["etag"]}
    assert alice.api.patch(path, {"prompt": "One"}, headers=stale).status_code == 200
    assert alice.api.patch(path, {"prompt": "Two"}, headers=stale).status_code == 412
    assert alice.api.get(path).json["prompt"] == "One"


def test_archiving_hides_and_restoring_brings_back(alice: Person, project: ProjectView) -> None:
    made = make(alice, project)
    assert alice.api.delete(f"/tests/{made['id']}").json["archived_at"]
    assert alice.api.get("/tests").json == []
    assert [item["id"] for item in alice.api.get("/tests?archived=true").json] == [made["id"]]
    assert alice.api.post(f"/tests/{made['id']}/restore").json["archived_at"] is None
    assert len(alice.api.get("/tests").json) == 1


def test_the_list_narrows(alice: Person, project: ProjectView) -> None:
    polite = make(alice, project, "Say 100% please", requirement="Polite")
    make(alice, project, "Say 100 please")
    made = alice.api.post("/test-sets", {"project_id": str(project.id), "name": "S", "tests": [{"prompt": "in"}]}).json
    assert [item["id"] for item in alice.api.get("/tests?q=100%25 PLEASE").json] == [polite["id"]]
    assert len(alice.api.get(f"/tests?requirement_id={polite['requirement_id']}").json) == 1
    assert [item["prompt"] for item in alice.api.get(f"/tests?test_set_id={made['id']}").json] == ["in"]
    assert alice.api.get(f"/tests?project_id={project.id}&limit=1&count=true").headers["X-Total-Count"] == "3"


def test_pages_follow_each_other_without_a_gap(alice: Person, project: ProjectView) -> None:
    tests = [{"prompt": str(number)} for number in range(7)]
    made = alice.api.post("/test-sets", {"project_id": str(project.id), "name": "S", "tests": tests}).json
    seen: list[str] = []
    path: str | None = f"/tests?test_set_id={made['id']}&limit=3"
    while path:
        page = alice.api.get(path)
        seen += [item["prompt"] for item in page.json]
        link = page.headers.get("Link", "")
        path = link.partition('>; rel="next"')[0].rpartition("<")[2] if 'rel="next"' in link else None
    assert seen == [str(number) for number in range(7)]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"prompt": " "}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"prompt": "x" * 100_001}, "prompt"),
        ({"expected": 7}, "expected"),
        ({"requirement": "x" * 121}, "requirement"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"context": "x"}, "context"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"a": 2**60}}, "metadata"),
        ({"metadata": {"": 1}}, "metadata"),
        ({"nonsense": 1}, "nonsense"),
        ({"project_id": "x"}, "project_id"),
    ],
)
def test_bad_input_is_named(alice: Person, project: ProjectView, change: dict[str, Any], field: str) -> None:
    answer = alice.api.post("/tests", {"project_id": str(project.id), "prompt": "Fine", **change})
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [field]
    made = make(alice, project)
    if field != "project_id":
        assert alice.api.patch(f"/tests/{made['id']}", change).status_code == 422
    assert alice.count(Test) == 1


def test_unknown_ids_are_404(alice: Person, project: ProjectView) -> None:
    assert alice.api.get(f"/tests/{NOWHERE}").status_code == 404
    assert alice.api.post("/tests", {"project_id": NOWHERE, "prompt": "x"}).status_code == 404


def test_strangers_get_404(alice: Person, charlie: Person, project: ProjectView) -> None:
    path = f"/tests/{make(alice, project)['id']}"
    assert charlie.api.get(path).status_code == 404
    assert charlie.api.patch(path, {"prompt": "x"}).status_code == 404
    assert charlie.api.delete(path).status_code == 404
    assert charlie.api.post(f"{path}/restore").status_code == 404
    assert charlie.api.get("/tests").json == []
    assert charlie.api.get(f"/tests?project_id={project.id}").json == []
    assert charlie.api.post("/tests", {"project_id": str(project.id), "prompt": "x"}).status_code == 404


def test_readers_read_and_change_nothing(alice: Person, bob: Person, project: ProjectView) -> None:
    path = f"/tests/{make(alice, project)['id']}"
    assert bob.api.get(path).status_code == 200
    assert bob.api.post("/tests", {"project_id": str(project.id), "prompt": "x"}).status_code == 403
    assert bob.api.patch(path, {"prompt": "x"}).status_code == 403
    assert bob.api.delete(path).status_code == 403
    assert bob.api.post(f"{path}/restore").status_code == 403


def test_nobody_gets_in_without_a_credential(app: Flask, alice: Person, project: ProjectView) -> None:
    assert ApiClient(app, None).get("/tests").status_code == 401


def test_every_change_is_in_the_audit_log(alice: Person, project: ProjectView) -> None:
    path = f"/tests/{make(alice, project)['id']}"
    alice.api.patch(path, {"prompt": "x"})
    alice.api.delete(path)
    alice.api.delete(path)
    alice.api.post(f"{path}/restore")
    for action in ("create", "update", "archive", "restore"):
        assert alice.count(AuditEntry, action=f"test.{action}") == 1


def test_statements_stay_few(alice: Person, project: ProjectView, statements: Statements) -> None:
    tests = [{"prompt": str(number), "requirement": f"R{number % 9}"} for number in range(120)]
    made = alice.api.post("/test-sets", {"project_id": str(project.id), "name": "S", "tests": tests}).json
    with statements() as listing:
        alice.api.get(f"/tests?test_set_id={made['id']}&limit=100&count=true")
    with statements() as reading:
        alice.api.get(f"/tests/{alice.api.get('/tests?limit=1').json[0]['id']}")
    with statements() as writing:
        make(alice, project, requirement="R1")
    assert len(listing) <= 6
    assert len(reading) - 3 <= 4  # the inner list of one takes three
    assert len(writing) <= 10
