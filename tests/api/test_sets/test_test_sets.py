"""Test sets over the API."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from rhesis_app.authoring.models import Test, TestSet, TestSetVersion
from rhesis_app.projects.actions import create_project
from rhesis_app.projects.queries import ProjectView
from rhesis_app.tenancy.models import AuditEntry
from tests.people import Person

Statements = Callable[[], AbstractContextManager[list[str]]]
NOWHERE = "00000000-0000-7000-8000-000000000000"
TWO = [{"prompt": "Hi", "expected": "Hello", "requirement": "Polite", "metadata": {"n": 1}}, {"prompt": "Bye"}]


def make(person: Person, project: ProjectView, name: str = "Regression", **more: Any) -> dict[str, Any]:
    answer = person.api.post("/test-sets", {"project_id": str(project.id), "name": name, **more})
    assert answer.status_code == 201, answer.text
    return answer.json


def metric(person: Person, project: ProjectView, name: str) -> str:
    body = {"project_id": str(project.id), "name": name, "evaluator": "text.contains"}
    return person.api.post("/metrics", body).json["id"]


def prompts(person: Person, made: dict[str, Any]) -> list[str]:
    return [item["prompt"] for item in person.api.get(f"/tests?test_set_id={made['id']}&limit=200").json]


def test_a_set_is_made_with_its_tests_and_its_first_version(alice: Person, project: ProjectView) -> None:
    answer = alice.api.post("/test-sets", {"project_id": str(project.id), "name": "Regression", "tests": TWO})
    assert answer.status_code == 201
    assert (answer.json["version"], answer.json["test_count"]) == (1, 2)
    assert prompts(alice, answer.json) == ["Hi", "Bye"]
    read = alice.api.get(answer.headers["Location"])
    assert read.json == answer.json
    assert read.headers["ETag"] == answer.json["etag"]


def test_an_empty_set_has_no_version_yet(alice: Person, project: ProjectView) -> None:
    made = make(alice, project)
    assert (made["version"], made["test_count"]) == (None, 0)
    refused = alice.api.post(f"/test-sets/{made['id']}/versions")
    assert refused.status_code == 422
    assert "no tests" in refused.json["detail"]


def test_only_the_fields_sent_change(alice: Person, project: ProjectView) -> None:
    metric_id = metric(alice, project, "Polite")
    made = make(alice, project, description="All of it", metric_ids=[metric_id])
    assert made["metrics"] == [{"id": metric_id, "name": "Polite"}]
    changed = alice.api.patch(f"/test-sets/{made['id']}", {"name": "Smoke"}).json
    assert (changed["name"], changed["description"], changed["metric_ids"]) == ("Smoke", "All of it", [metric_id])
    assert alice.api.patch(f"/test-sets/{made['id']}", {"metric_ids": []}).json["metrics"] == []


def test_metrics_sent_replace_those_attached(alice: Person, project: ProjectView) -> None:
    first, second, gone = (metric(alice, project, name) for name in ("A", "B", "C"))
    made = make(alice, project, metric_ids=[first, gone])
    alice.api.delete(f"/metrics/{gone}")
    changed = alice.api.patch(f"/test-sets/{made['id']}", {"metric_ids": [second]})
    assert changed.json["metric_ids"] == [second]
    alice.api.post(f"/metrics/{gone}/restore")
    assert alice.api.get(f"/test-sets/{made['id']}").json["metric_ids"] == [second, gone]


def test_a_stale_etag_is_refused(alice: Person, project: ProjectView) -> None:
    made = make(alice, project)
    path, stale = f"/test-sets/{made['id']}", {"If-Match": made["etag"]}
    assert alice.api.patch(path, {"name": "One"}, headers=stale).status_code == 200
    assert alice.api.patch(path, {"name": "Two"}, headers=stale).status_code == 412


def test_a_taken_name_is_a_conflict_also_when_restored(alice: Person, project: ProjectView) -> None:
    made = make(alice, project)
    again = alice.api.post("/test-sets", {"project_id": str(project.id), "name": "Regression", "tests": TWO})
    assert again.status_code == 409
    assert "name" in again.json["errors"]
    assert alice.count(Test) == 0
    alice.api.delete(f"/test-sets/{made['id']}")
    make(alice, project)
    assert alice.api.post(f"/test-sets/{made['id']}/restore").status_code == 409


def test_archiving_hides_and_restoring_brings_back(alice: Person, project: ProjectView) -> None:
    made = make(alice, project)
    assert alice.api.delete(f"/test-sets/{made['id']}").json["archived_at"]
    assert alice.api.get("/test-sets").json == []
    assert [item["id"] for item in alice.api.get("/test-sets?archived=true").json] == [made["id"]]
    assert alice.api.post(f"/test-sets/{made['id']}/restore").json["archived_at"] is None


def test_tests_are_added_arranged_and_taken_out(alice: Person, project: ProjectView) -> None:
    made = make(alice, project, tests=TWO)
    path = f"/test-sets/{made['id']}/tests"
    assert alice.api.post(path, {"tests": [{"prompt": "New"}]}).json["test_count"] == 3
    ids = [item["id"] for item in alice.api.get(f"/tests?test_set_id={made['id']}").json]
    assert alice.api.put(path, {"test_ids": ids[::-1]}).status_code == 200
    assert prompts(alice, made) == ["New", "Bye", "Hi"]
    assert alice.api.delete(f"{path}/{ids[1]}").json["test_count"] == 2
    assert prompts(alice, made) == ["New", "Hi"]
    assert alice.api.get(f"/tests/{ids[1]}").json["archived_at"] is None


def test_arranging_leaves_archived_tests_where_they_were(alice: Person, project: ProjectView) -> None:
    made = make(alice, project, tests=TWO)
    first, second = (item["id"] for item in alice.api.get(f"/tests?test_set_id={made['id']}").json)
    alice.api.delete(f"/tests/{first}")
    alice.api.put(f"/test-sets/{made['id']}/tests", {"test_ids": [second]})
    alice.api.post(f"/tests/{first}/restore")
    assert sorted(prompts(alice, made)) == ["Bye", "Hi"]


def test_only_tests_of_the_project_can_be_put_in(alice: Person, project: ProjectView) -> None:
    made = make(alice, project, tests=TWO)
    with alice.scope() as scope:
        other = create_project(scope, "Other")
    foreign = alice.api.post("/tests", {"project_id": str(other.id), "prompt": "x"}).json["id"]
    path = f"/test-sets/{made['id']}/tests"
    for test_id in (foreign, NOWHERE):
        assert list(alice.api.post(path, {"test_ids": [test_id]}).json["errors"]) == ["test_ids"]
        assert list(alice.api.put(path, {"test_ids": [test_id]}).json["errors"]) == ["test_ids"]
    assert prompts(alice, made) == ["Hi", "Bye"]


def test_a_version_is_saved_when_the_tests_have_changed(alice: Person, project: ProjectView) -> None:
    made = make(alice, project, tests=TWO)
    path = f"/test-sets/{made['id']}"
    assert alice.api.post(f"{path}/versions").json["number"] == 1
    alice.api.post(f"{path}/tests", {"tests": [{"prompt": "New"}]})
    assert alice.api.get(path).json["version"] == 1
    saved = alice.api.post(f"{path}/versions")
    assert (saved.status_code, saved.json["number"], saved.json["test_count"]) == (201, 2, 3)
    assert [item["number"] for item in alice.api.get(f"{path}/versions").json] == [2, 1]
    assert alice.api.get(path).json["version"] == 2


def test_a_version_keeps_what_it_was_saved_with(alice: Person, project: ProjectView) -> None:
    made = make(alice, project, tests=TWO)
    first = alice.api.get(f"/tests?test_set_id={made['id']}").json[0]
    alice.api.patch(f"/tests/{first['id']}", {"prompt": "Changed"})
    path = f"/test-sets/{made['id']}/export"
    assert "Changed" in alice.api.get(path).text
    frozen = alice.api.get(f"{path}?version=1").text
    assert "Changed" not in frozen
    assert '"Hi"' in frozen
    assert alice.api.get(f"{path}?version=2").status_code == 404


@pytest.mark.parametrize(
    ("file_format", "media"), [("jsonl", "application/x-ndjson"), ("csv", "text/csv; charset=utf-8")]
)
def test_an_export_is_a_file_named_like_the_set(
    alice: Person, project: ProjectView, file_format: str, media: str
) -> None:
    made = make(alice, project, "Über alles", tests=TWO)
    answer = alice.api.get(f"/test-sets/{made['id']}/export?format={file_format}")
    assert answer.headers["Content-Disposition"] == f"attachment; filename=uber-alles.{file_format}"
    assert answer.headers["Content-Type"] == media
    assert "Hello" in answer.text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"description": "x" * 2001}, "description"),
        ({"tests": [{"prompt": "fine"}, {"prompt": " "}]}, "tests.1.prompt"),
        ({"tests": [{"expected": "x"}]}, "tests.0.prompt"),
        ({"tests": [{"prompt": "x", "wrong": 1}]}, "tests.0.wrong"),
        ({"tests": {}}, "tests"),
        ({"metric_ids": [NOWHERE]}, "metric_ids"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(
    alice: Person, project: ProjectView, change: dict[str, Any], field: str
) -> None:
    body = {"project_id": str(project.id), "name": "Fine", "tests": TWO, **change}
    answer = alice.api.post("/test-sets", body)
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [field]
    assert alice.count(TestSet) == alice.count(Test) == alice.count(TestSetVersion) == 0


@pytest.mark.parametrize("query", ["format=xml", "version=0", "version=x", "nonsense=1"])
def test_an_export_nobody_offers_is_refused(alice: Person, project: ProjectView, query: str) -> None:
    made = make(alice, project, tests=TWO)
    assert alice.api.get(f"/test-sets/{made['id']}/export?{query}").status_code == 422


def test_strangers_get_404(alice: Person, charlie: Person, project: ProjectView) -> None:
    made = make(alice, project, tests=TWO)
    path = f"/test-sets/{made['id']}"
    for method, sub, body in (
        ("GET", "", None),
        ("PATCH", "", {"name": "x"}),
        ("DELETE", "", None),
        ("POST", "/restore", None),
        ("POST", "/tests", {"tests": [{"prompt": "x"}]}),
        ("PUT", "/tests", {"test_ids": []}),
        ("DELETE", f"/tests/{NOWHERE}", None),
        ("GET", "/versions", None),
        ("POST", "/versions", None),
        ("GET", "/export", None),
    ):
        assert charlie.api.call(method, path + sub, json=body).status_code == 404, (method, sub)
    assert charlie.api.get("/test-sets").json == []
    assert prompts(alice, made) == ["Hi", "Bye"]


def test_readers_read_and_change_nothing(alice: Person, bob: Person, project: ProjectView) -> None:
    path = f"/test-sets/{make(alice, project, tests=TWO)['id']}"
    assert bob.api.get(path).status_code == bob.api.get(f"{path}/versions").status_code == 200
    assert bob.api.get(f"{path}/export").status_code == 200
    for method, sub, body in (
        ("PATCH", "", {"name": "x"}),
        ("DELETE", "", None),
        ("POST", "/restore", None),
        ("POST", "/tests", {"tests": [{"prompt": "x"}]}),
        ("PUT", "/tests", {"test_ids": []}),
        ("DELETE", f"/tests/{NOWHERE}", None),
        ("POST", "/versions", None),
    ):
        assert bob.api.call(method, path + sub, json=body).status_code == 403, (method, sub)
    assert bob.api.post("/test-sets", {"project_id": str(project.id), "name": "x"}).status_code == 403


def test_every_change_is_in_the_audit_log(alice: Person, project: ProjectView) -> None:
    made = make(alice, project, tests=TWO)
    path = f"/test-sets/{made['id']}"
    alice.api.patch(path, {"name": "x"})
    alice.api.post(f"{path}/tests", {"tests": [{"prompt": "x"}]})
    ids = [item["id"] for item in alice.api.get(f"/tests?test_set_id={made['id']}").json]
    alice.api.put(f"{path}/tests", {"test_ids": ids})
    alice.api.delete(f"{path}/tests/{ids[0]}")
    alice.api.post(f"{path}/versions")
    alice.api.delete(path)
    alice.api.post(f"{path}/restore")
    for action in ("create", "update", "add_tests", "arrange", "remove_tests", "freeze", "archive", "restore"):
        assert alice.count(AuditEntry, action=f"test_set.{action}") == 1, action


def test_statements_stay_few(alice: Person, project: ProjectView, statements: Statements) -> None:
    make(alice, project, "Warm", tests=TWO)
    with statements() as writing:
        made = make(alice, project, tests=TWO * 30)
    with statements() as listing:
        alice.api.get("/test-sets?count=true")
    with statements() as reading:
        alice.api.get(f"/test-sets/{made['id']}")
    assert (len(writing) <= 10, len(listing) <= 6, len(reading) <= 4) == (True, True, True)
