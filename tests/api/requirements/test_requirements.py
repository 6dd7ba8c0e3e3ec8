"""Requirements over the API."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from flask import Flask

from rhesis_app.authoring.models import Requirement
from rhesis_app.projects.queries import ProjectView
from rhesis_app.tenancy.models import AuditEntry
from tests.people import Person

Statements = Callable[[], AbstractContextManager[list[str]]]
NOWHERE = "00000000-0000-7000-8000-000000000000"


def make(person: Person, project: ProjectView, name: str = "Quotes the policy", **more: Any) -> dict[str, Any]:
    answer = person.api.post("/requirements", {"project_id": str(project.id), "name": name, **more})
    assert answer.status_code == 201, answer.text
    return answer.json


def metric(person: Person, project: ProjectView, name: str) -> str:
    body = {"project_id": str(project.id), "name": name, "evaluator": "text.contains"}
    return person.api.post("/metrics", body).json["id"]


def test_a_requirement_is_made_and_read(alice: Person, project: ProjectView) -> None:
    metric_id = metric(alice, project, "Says thirty nights")
    answer = alice.api.post(
        "/requirements", {"project_id": str(project.id), "name": " Quotes  the policy ", "metric_ids": [metric_id]}
    )
    assert answer.status_code == 201
    assert answer.json["name"] == "Quotes the policy"
    assert answer.json["metrics"] == [{"id": metric_id, "name": "Says thirty nights"}]
    read = alice.api.get(answer.headers["Location"])
    assert read.json == answer.json
    assert read.headers["ETag"] == answer.headers["ETag"] == answer.json["etag"]


def test_only_the_fields_sent_change(alice: Person, project: ProjectView) -> None:
    metric_id = metric(alice, project, "Polite")
    made = make(alice, project, description="Word for word", metric_ids=[metric_id])
    changed = alice.api.patch(f"/requirements/{made['id']}", {"name": "Quotes it"}).json
    assert (changed["name"], changed["description"]) == ("Quotes it", "Word for word")
    assert changed["metric_ids"] == [metric_id]
    assert changed["etag"] != made["etag"]


def test_metrics_sent_replace_those_attached(alice: Person, project: ProjectView) -> None:
    first, second, third = (metric(alice, project, name) for name in ("A", "B", "C"))
    made = make(alice, project, metric_ids=[first, second])
    changed = alice.api.patch(f"/requirements/{made['id']}", {"metric_ids": [second, third, third]})
    assert changed.json["metric_ids"] == [second, third]
    assert changed.json["etag"] != made["etag"]
    assert alice.api.patch(f"/requirements/{made['id']}", {"metric_ids": []}).json["metrics"] == []


def test_an_archived_metric_comes_back_to_its_requirement(alice: Person, project: ProjectView) -> None:
    gone, kept = metric(alice, project, "Gone"), metric(alice, project, "Kept")
    made = make(alice, project, metric_ids=[gone])
    alice.api.delete(f"/metrics/{gone}")
    changed = alice.api.patch(f"/requirements/{made['id']}", {"metric_ids": [kept]})
    assert changed.json["metric_ids"] == [kept]
    alice.api.post(f"/metrics/{gone}/restore")
    assert set(alice.api.get(f"/requirements/{made['id']}").json["metric_ids"]) == {gone, kept}


def test_a_stale_etag_is_refused(alice: Person, project: ProjectView) -> None:
    made = make(alice, project)
    path, stale = f"/requirements/{made['id']}", {"If-Match": made["etag"]}
    assert alice.api.patch(path, {"name": "One"}, headers=stale).status_code == 200
    assert alice.api.patch(path, {"name": "Two"}, headers=stale).status_code == 412
    assert alice.api.get(path).json["name"] == "One"


def test_archiving_hides_and_restoring_brings_back(alice: Person, project: ProjectView) -> None:
    made = make(alice, project)
    archived = alice.api.delete(f"/requirements/{made['id']}")
    assert archived.status_code == 200
    assert archived.json["archived_at"]
    assert alice.api.get("/requirements").json == []
    assert [item["id"] for item in alice.api.get("/requirements?archived=true").json] == [made["id"]]
    assert alice.api.post(f"/requirements/{made['id']}/restore").json["archived_at"] is None
    assert len(alice.api.get("/requirements").json) == 1


def test_a_taken_name_is_a_conflict_also_when_restored(alice: Person, project: ProjectView) -> None:
    made = make(alice, project)
    again = alice.api.post("/requirements", {"project_id": str(project.id), "name": made["name"]})
    assert again.status_code == 409
    assert "name" in again.json["errors"]
    alice.api.delete(f"/requirements/{made['id']}")
    make(alice, project)
    assert alice.api.post(f"/requirements/{made['id']}/restore").status_code == 409


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "   "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"description": "x" * 2001}, "description"),
        ({"metric_ids": [NOWHERE]}, "metric_ids"),
        ({"metric_ids": ["x"]}, "metric_ids.0"),
        ({"metric_ids": None}, "metric_ids"),
        ({"nonsense": 1}, "nonsense"),
        ({"project_id": None}, "project_id"),
    ],
)
def test_bad_input_is_named(alice: Person, project: ProjectView, change: dict[str, Any], field: str) -> None:
    answer = alice.api.post("/requirements", {"project_id": str(project.id), "name": "Fine", **change})
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [field]
    assert alice.count(Requirement) == 0


def test_a_metric_of_another_project_cannot_be_attached(alice: Person, project: ProjectView) -> None:
    other = alice.api.post("/projects", {"name": "Warehouse"}).json["id"]
    theirs = alice.api.post("/metrics", {"project_id": other, "name": "M", "evaluator": "text.contains"}).json["id"]
    answer = alice.api.post("/requirements", {"project_id": str(project.id), "name": "Fine", "metric_ids": [theirs]})
    assert answer.status_code == 422
    assert alice.count(Requirement) == 0


def test_without_a_credential_nothing_is_said(app: Flask, project: ProjectView) -> None:
    client = app.test_client()
    assert client.get("/api/v1/requirements").status_code == 401
    assert client.post("/api/v1/requirements", json={"project_id": str(project.id), "name": "X"}).status_code == 401


def test_a_viewer_reads_and_changes_nothing(alice: Person, bob: Person, project: ProjectView) -> None:
    made = make(alice, project)
    path = f"/requirements/{made['id']}"
    assert bob.api.get(path).status_code == 200
    assert len(bob.api.get("/requirements").json) == 1
    refused = [
        bob.api.post("/requirements", {"project_id": str(project.id), "name": "X"}),
        bob.api.patch(path, {"name": "X"}),
        bob.api.delete(path),
        bob.api.post(f"{path}/restore"),
    ]
    assert [answer.status_code for answer in refused] == [403] * 4


def test_to_a_stranger_there_is_nothing(alice: Person, charlie: Person, project: ProjectView) -> None:
    path = f"/requirements/{make(alice, project)['id']}"
    answers = [
        charlie.api.get(path),
        charlie.api.patch(path, {"name": "X"}),
        charlie.api.delete(path),
        charlie.api.post(f"{path}/restore"),
        charlie.api.post("/requirements", {"project_id": str(project.id), "name": "X"}),
    ]
    assert [answer.status_code for answer in answers] == [404] * 5
    assert charlie.api.get(f"/requirements?project_id={project.id}").json == []


def test_every_change_is_audited(alice: Person, project: ProjectView) -> None:
    path = f"/requirements/{make(alice, project)['id']}"
    alice.api.patch(path, {"name": "Other"})
    alice.api.delete(path)
    alice.api.delete(path)
    alice.api.post(f"{path}/restore")
    for verb in ("create", "update", "archive", "restore"):
        assert alice.count(AuditEntry, action=f"requirement.{verb}") == 1


def test_the_list_is_searched_and_paged_by_name(alice: Person, project: ProjectView) -> None:
    for name in ("Cites 100% of sources", "Answers in German", "Begs pardon"):
        make(alice, project, name)
    first = alice.api.get("/requirements?limit=2&count=true")
    assert [item["name"] for item in first.json] == ["Answers in German", "Begs pardon"]
    assert first.headers["X-Total-Count"] == "3"
    following = first.headers["Link"].split("<")[1].split(">")[0]
    assert [item["name"] for item in alice.api.get(following).json] == ["Cites 100% of sources"]
    assert [item["name"] for item in alice.api.get("/requirements?q=0%25 OF").json] == ["Cites 100% of sources"]
    assert alice.api.get("/requirements?q=%00").status_code == 200
    assert alice.api.get("/requirements?q=_____").json == []


@pytest.mark.parametrize("count", [2, 20])
def test_statements_do_not_grow_with_rows(
    alice: Person, project: ProjectView, statements: Statements, count: int
) -> None:
    ids = [metric(alice, project, f"Metric {number}") for number in range(3)]
    made = [make(alice, project, f"Requirement {number}", metric_ids=ids) for number in range(count)]
    path = f"/requirements/{made[0]['id']}"
    for call, budget in (
        (lambda: alice.api.get(path), 4),
        (lambda: alice.api.get("/requirements?count=true"), 6),
        (lambda: alice.api.patch(path, {"name": "New", "metric_ids": ids[:1]}), 10),
        (lambda: make(alice, project, f"Another of {count}", metric_ids=ids), 10),
    ):
        with statements() as seen:
            call()
        assert len(seen) <= budget, seen
