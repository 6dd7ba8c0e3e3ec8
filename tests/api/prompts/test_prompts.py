"""Prompts over the API."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from flask import Flask

from rhesis_app.authoring.models import Prompt, PromptVersion
from rhesis_app.projects.queries import ProjectView
from rhesis_app.tenancy.models import AuditEntry
from tests.people import Person

Statements = Callable[[], AbstractContextManager[list[str]]]
GREETING = 'Hello {{ name }}, this is {{ shop | default("Brindlewick") }}.'


def make(person: Person, project: ProjectView, name: str = "Greeting", **more: Any) -> dict[str, Any]:
    body = {"project_id": str(project.id), "name": name, "template": GREETING, **more}
    answer = person.api.post("/prompts", body)
    assert answer.status_code == 201, answer.text
    return answer.json


@pytest.fixture
def path(alice: Person, project: ProjectView) -> str:
    """The address of a prompt with two versions."""
    made = f"/prompts/{make(alice, project, note='First')['id']}"
    assert alice.api.post(f"{made}/versions", {"template": "Hi {{ name }}!", "note": "Shorter"}).status_code == 201
    return made


def test_a_prompt_is_made_and_read(alice: Person, project: ProjectView) -> None:
    answer = alice.api.post(
        "/prompts", {"project_id": str(project.id), "name": "  A  greeting ", "template": GREETING, "note": "First"}
    )
    assert answer.status_code == 201
    shown = answer.json
    assert (shown["name"], shown["version"], shown["variables"]) == ("A greeting", 1, ["name", "shop"])
    read = alice.api.get(answer.headers["Location"])
    assert read.json == shown
    assert read.headers["ETag"] == answer.headers["ETag"] == shown["etag"]


def test_another_text_is_the_next_version(alice: Person, project: ProjectView) -> None:
    made = make(alice, project)
    answer = alice.api.post(f"/prompts/{made['id']}/versions", {"template": "Hi {{ you }}", "note": "Shorter"})
    assert answer.status_code == 201
    shown = answer.json
    assert (shown["version"], shown["variables"], shown["note"]) == (2, ["you"], "Shorter")
    assert (shown["author"], shown["is_new"]) == ("Alice", True)
    now = alice.api.get(f"/prompts/{made['id']}").json
    assert (now["version"], now["version_id"], now["template"]) == (2, shown["id"], "Hi {{ you }}")
    assert now["etag"] != made["etag"]
    read = alice.api.get(answer.headers["Location"]).json
    assert read == {name: value for name, value in shown.items() if name != "is_new"}


def test_the_newest_text_again_is_the_same_version(alice: Person, project: ProjectView) -> None:
    made = make(alice, project)
    path = f"/prompts/{made['id']}/versions"
    again = alice.api.post(path, {"template": GREETING, "note": "again"})
    assert again.status_code == 200
    assert (again.json["version"], again.json["is_new"], again.json["note"]) == (1, False, "")
    assert alice.count(PromptVersion) == 1
    alice.api.post(path, {"template": "Hi"})
    back = alice.api.post(path, {"template": GREETING})
    assert (back.status_code, back.json["version"]) == (201, 3)


def test_versions_are_listed_newest_first_and_read_by_number(alice: Person, path: str) -> None:
    first = alice.api.get(f"{path}/versions?limit=1&count=true")
    assert first.headers["X-Total-Count"] == "2"
    assert [item["version"] for item in first.json] == [2]
    following = first.headers["Link"].split("<")[1].split(">")[0]
    assert [item["note"] for item in alice.api.get(following).json] == ["First"]
    assert alice.api.get(f"{path}/versions/1").json["template"] == GREETING
    for number in ("3", "0", "9" * 30):
        assert alice.api.get(f"{path}/versions/{number}").status_code == 404


def test_two_versions_are_compared_word_by_word(alice: Person, path: str) -> None:
    found = alice.api.get(f"{path}/diff?from=1&to=2").json
    assert "".join(piece["text"] for piece in found["before"]) == GREETING
    assert "".join(piece["text"] for piece in found["after"]) == "Hi {{ name }}!"
    assert {"text": "Hello", "is_changed": True} in found["before"]
    assert {"text": "Hi", "is_changed": True} in found["after"]
    same = alice.api.get(f"{path}/diff?from=2&to=2").json
    assert same["before"] == same["after"] == [{"text": "Hi {{ name }}!", "is_changed": False}]
    assert alice.api.get(f"{path}/diff?from=1&to=9").status_code == 404
    assert set(alice.api.get(f"{path}/diff?from=0").json["errors"]) == {"from", "to"}


def test_a_preview_fills_in_and_stores_nothing(alice: Person, path: str) -> None:
    preview = f"{path}/preview"
    newest = alice.api.post(preview, {"values": {"name": "{{ x }}"}})
    assert newest.json == {"version": 2, "text": "Hi {{ x }}!", "variables": ["name"]}
    first = alice.api.post(preview, {"version": 1, "values": {"name": "Ada"}}).json
    assert first["text"] == "Hello Ada, this is Brindlewick."
    unsaved = alice.api.post(preview, {"template": "{{ a.b }}", "values": {"a": {"b": 1}}}).json
    assert unsaved == {"version": None, "text": "1", "variables": ["a"]}
    assert alice.count(PromptVersion) == 2


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "values.name"),
        ({"values": {"name": "a", "nome": "b"}}, 422, "values.nome"),
        ({"values": []}, 422, "values"),
        ({"template": "{{ a", "values": {}}, 422, "template"),
        ({"template": "a", "version": 1}, 422, "template"),
        ({"version": 0}, 422, "version"),
        ({"version": 9}, 404, None),
    ],
)
def test_a_preview_that_cannot_be_made_says_why(
    alice: Person, path: str, body: dict[str, Any], status: int, field: str | None
) -> None:
    answer = alice.api.post(f"{path}/preview", body)
    assert answer.status_code == status
    assert field is None or list(answer.json["errors"]) == [field]


def test_a_prompt_is_renamed_and_keeps_its_versions(alice: Person, path: str) -> None:
    changed = alice.api.patch(path, {"name": "Welcome"}).json
    assert (changed["name"], changed["version"]) == ("Welcome", 2)


def test_a_stale_etag_is_refused(alice: Person, path: str) -> None:
    stale = {"If-Match": alice.api.get(path).headers["ETag"]}
    assert alice.api.post(f"{path}/versions", {"template": "Three"}, headers=stale).status_code == 201
    assert alice.api.post(f"{path}/versions", {"template": "Four"}, headers=stale).status_code == 412
    assert alice.api.patch(path, {"name": "Other"}, headers=stale).status_code == 412
    assert alice.api.get(path).json["version"] == 3


def test_archiving_hides_and_restoring_brings_back(alice: Person, path: str) -> None:
    assert alice.api.delete(path).json["archived_at"]
    assert alice.api.get("/prompts").json == []
    assert len(alice.api.get("/prompts?archived=true").json) == 1
    refused = alice.api.post(f"{path}/versions", {"template": "New"})
    assert refused.status_code == 409
    assert "Bring it back" in refused.json["detail"]
    assert alice.api.post(f"{path}/restore").json["archived_at"] is None
    assert len(alice.api.get("/prompts").json) == 1


def test_a_taken_name_is_a_conflict_also_when_restored(alice: Person, project: ProjectView, path: str) -> None:
    body = {"project_id": str(project.id), "name": "Greeting", "template": "x"}
    taken = alice.api.post("/prompts", body)
    assert taken.status_code == 409
    assert "name" in taken.json["errors"]
    alice.api.delete(path)
    make(alice, project)
    assert alice.api.post(f"{path}/restore").status_code == 409
    other = make(alice, project, "Other")
    assert alice.api.patch(f"/prompts/{other['id']}", {"name": "Greeting"}).status_code == 409


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "   "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"template": ""}, "template"),
        ({"template": " \n"}, "template"),
        ({"template": "{{ a"}, "template"),
        ({"template": "{{ a | nonsense }}"}, "template"),
        ({"template": "x" * 100_001}, "template"),
        ({"note": "x" * 501}, "note"),
        ({"nonsense": 1}, "nonsense"),
        ({"project_id": None}, "project_id"),
    ],
)
def test_bad_input_is_named(alice: Person, project: ProjectView, change: dict[str, Any], field: str) -> None:
    body = {"project_id": str(project.id), "name": "Fine", "template": "Fine", **change}
    answer = alice.api.post("/prompts", body)
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [field]
    assert alice.count(Prompt) == 0
    assert alice.count(PromptVersion) == 0


def test_without_a_credential_nothing_is_said(app: Flask, project: ProjectView) -> None:
    client = app.test_client()
    assert client.get("/api/v1/prompts").status_code == 401
    assert client.post("/api/v1/prompts", json={"project_id": str(project.id), "name": "X"}).status_code == 401


def test_a_viewer_reads_and_changes_nothing(bob: Person, project: ProjectView, path: str) -> None:
    reads = ["", "/versions", "/versions/1", "/diff?from=1&to=2"]
    assert [bob.api.get(path + more).status_code for more in reads] == [200] * 4
    assert bob.api.post(f"{path}/preview", {"values": {"name": "Bob"}}).json["text"] == "Hi Bob!"
    refused = [
        bob.api.post("/prompts", {"project_id": str(project.id), "name": "X", "template": "x"}),
        bob.api.post(f"{path}/versions", {"template": "x"}),
        bob.api.patch(path, {"name": "X"}),
        bob.api.delete(path),
        bob.api.post(f"{path}/restore"),
    ]
    assert [answer.status_code for answer in refused] == [403] * 5


def test_to_a_stranger_there_is_nothing(charlie: Person, project: ProjectView, path: str) -> None:
    answers = [
        charlie.api.get(path),
        charlie.api.get(f"{path}/versions"),
        charlie.api.get(f"{path}/versions/1"),
        charlie.api.get(f"{path}/diff?from=1&to=2"),
        charlie.api.post(f"{path}/preview", {"template": "x"}),
        charlie.api.post(f"{path}/versions", {"template": "x"}),
        charlie.api.patch(path, {"name": "X"}),
        charlie.api.delete(path),
        charlie.api.post(f"{path}/restore"),
        charlie.api.post("/prompts", {"project_id": str(project.id), "name": "X", "template": "x"}),
    ]
    assert [answer.status_code for answer in answers] == [404] * 10
    assert charlie.api.get(f"/prompts?project_id={project.id}").json == []


def test_every_change_is_audited(alice: Person, path: str) -> None:
    alice.api.patch(path, {"name": "Other"})
    alice.api.post(f"{path}/versions", {"template": "Hi {{ name }}!"})
    alice.api.delete(path)
    alice.api.delete(path)
    alice.api.post(f"{path}/restore")
    for verb in ("create", "save_version", "update", "archive", "restore"):
        assert alice.count(AuditEntry, action=f"prompt.{verb}") == 1


def test_the_list_is_searched_and_paged_by_name(alice: Person, project: ProjectView) -> None:
    for name in ("Cites 100% of sources", "Answers in German", "Begs pardon"):
        make(alice, project, name)
    first = alice.api.get("/prompts?limit=2&count=true")
    assert [item["name"] for item in first.json] == ["Answers in German", "Begs pardon"]
    assert first.headers["X-Total-Count"] == "3"
    following = first.headers["Link"].split("<")[1].split(">")[0]
    assert [item["name"] for item in alice.api.get(following).json] == ["Cites 100% of sources"]
    assert [item["name"] for item in alice.api.get("/prompts?q=0%25 OF").json] == ["Cites 100% of sources"]
    assert alice.api.get("/prompts?sort=name").status_code == 422


@pytest.mark.parametrize("count", [2, 20])
def test_statements_do_not_grow_with_rows(
    alice: Person, project: ProjectView, statements: Statements, count: int
) -> None:
    made = [make(alice, project, f"Prompt {number}") for number in range(count)]
    path = f"/prompts/{made[0]['id']}"
    for number in range(count):
        alice.api.post(f"{path}/versions", {"template": f"Text {number}"})
    for call, budget in (
        (lambda: alice.api.get(path), 4),
        (lambda: alice.api.get(f"{path}/versions/1"), 4),
        (lambda: alice.api.get(f"{path}/diff?from=1&to=2"), 4),
        (lambda: alice.api.post(f"{path}/preview", {"version": 1, "values": {"name": "A"}}), 4),
        (lambda: alice.api.get("/prompts?count=true"), 6),
        (lambda: alice.api.get(f"{path}/versions?count=true"), 6),
        (lambda: alice.api.patch(path, {"name": "New"}), 10),
        (lambda: alice.api.post(f"{path}/versions", {"template": "Another"}), 10),
        (lambda: make(alice, project, f"Another of {count}"), 10),
    ):
        with statements() as seen:
            call()
        assert len(seen) <= budget, seen
