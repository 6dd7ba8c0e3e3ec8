"""Metrics over the API."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from flask import Flask

from rhesis_app.authoring.models import Metric
from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.registry import Registry
from rhesis_app.projects.queries import ProjectView
from rhesis_app.tenancy.models import AuditEntry
from tests.people import Person

Statements = Callable[[], AbstractContextManager[list[str]]]


def make(person: Person, project: ProjectView, name: str = "Names the order", **more: Any) -> dict[str, Any]:
    body = {"project_id": str(project.id), "name": name, "evaluator": "text.contains", **more}
    answer = person.api.post("/metrics", body)
    assert answer.status_code == 201, answer.text
    return answer.json


def test_a_metric_is_made_as_the_public_shape_says_and_stored_resolved(alice: Person, project: ProjectView) -> None:
    answer = alice.api.post(
        "/metrics",
        {
            "project_id": str(project.id),
            "name": "Close to the reference",
            "evaluator": "text.similarity",
            "params": {},
            "rule": None,
            "required": True,
        },
    )
    assert answer.status_code == 201
    made = answer.json
    assert made["rule"] == {"at_least": 0.8}
    assert made["passes_when"] == "at least 0.8"
    assert made["params"] == {"text": "", "method": "characters", "case_sensitive": False, "ignore_spacing": True}
    assert made["scale"]["kind"] == "range"
    assert (made["needs"], made["problem"], made["required"]) == (["reference"], None, True)
    read = alice.api.get(answer.headers["Location"])
    assert read.json == made
    assert read.headers["ETag"] == made["etag"]


def test_a_text_in_the_params_ends_the_need_for_a_reference(alice: Person, project: ProjectView) -> None:
    assert make(alice, project, params={"text": "order"})["needs"] == []


def test_an_unknown_evaluator_says_how_to_list_them(alice: Person, project: ProjectView) -> None:
    answer = alice.api.post("/metrics", {"project_id": str(project.id), "name": "X", "evaluator": "text.nope"})
    assert answer.status_code == 422
    (sentence,) = answer.json["errors"]["evaluator"]
    assert "GET /api/v1/evaluators" in sentence


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"params": {"text": 7}}, {"params.text"}),
        ({"params": {"nonsense": 1, "text": None}}, {"params.nonsense", "params.text"}),
        ({"evaluator": "text.regex", "params": {}}, {"params.pattern"}),
        ({"evaluator": "text.regex", "params": {"pattern": "("}}, {"params.pattern"}),
        ({"evaluator": "text.similarity", "rule": {"at_least": 7}}, {"rule"}),
        ({"evaluator": "text.similarity", "rule": {"labels": ["x"]}}, {"rule"}),
        ({"evaluator": "text.similarity", "rule": {}, "params": {"method": "magic"}}, {"rule", "params.method"}),
        ({"params": []}, {"params"}),
        ({"rule": "strict"}, {"rule"}),
        ({"required": "perhaps"}, {"required"}),
        ({"name": " "}, {"name"}),
        ({"name": None}, {"name"}),
        ({"nonsense": 1}, {"nonsense"}),
    ],
)
def test_bad_input_is_named(alice: Person, project: ProjectView, body: dict[str, Any], fields: set[str]) -> None:
    sent = {"project_id": str(project.id), "name": "Fine", "evaluator": "text.contains", **body}
    answer = alice.api.post("/metrics", sent)
    assert answer.status_code == 422
    assert set(answer.json["errors"]) == fields
    assert alice.count(Metric) == 0


@pytest.mark.parametrize("huge", [10**18 * 1000, 10**400])
def test_a_number_that_could_not_be_answered_again_is_not_taken(alice: Person, project: ProjectView, huge: int) -> None:
    sent = {"project_id": str(project.id), "name": "Fine", "evaluator": "text.similarity"}
    assert alice.api.post("/metrics", {**sent, "rule": {"at_least": huge}}).status_code in {400, 422}
    schema = {"evaluator": "structure.json_schema", "params": {"schema": {"minimum": huge}}}
    assert alice.api.post("/metrics", {**sent, **schema}).status_code in {400, 422}
    typed = {"evaluator": "structure.json_schema", "name": "Fine", "params.schema": f'{{"minimum": {huge}}}'}
    assert alice.web.post(f"/p/{project.slug}/metrics", typed).status_code == 422
    assert alice.api.get("/metrics").json == []


def test_only_the_fields_sent_change(alice: Person, project: ProjectView) -> None:
    made = make(alice, project, evaluator="text.similarity", rule={"at_least": 0.6}, params={"text": "abc"})
    path = f"/metrics/{made['id']}"
    renamed = alice.api.patch(path, {"name": "Other", "required": False}).json
    assert (renamed["name"], renamed["required"]) == ("Other", False)
    assert (renamed["params"], renamed["rule"]) == (made["params"], made["rule"])
    assert alice.api.patch(path, {"params": {"text": "xyz"}}).json["rule"] == {"at_least": 0.6}
    assert alice.api.patch(path, {"rule": None}).json["rule"] == {"at_least": 0.8}
    assert alice.api.patch(path, {"rule": {"at_most": 0.5}}).json["params"]["text"] == "xyz"


def test_another_evaluator_starts_from_its_own_defaults(alice: Person, project: ProjectView) -> None:
    made = make(alice, project, evaluator="text.similarity", rule={"at_least": 0.6}, params={"method": "characters"})
    changed = alice.api.patch(f"/metrics/{made['id']}", {"evaluator": "timing.latency"}).json
    assert (changed["params"], changed["rule"]) == ({}, {"at_most": 5000})
    assert alice.api.patch(f"/metrics/{made['id']}", {"evaluator": "text.regex"}).status_code == 422


def test_a_stale_etag_is_refused(alice: Person, project: ProjectView) -> None:
    made = make(alice, project)
    path, stale = f"/metrics/{made['id']}", {"If-Match": made["etag"]}
    assert alice.api.patch(path, {"name": "One"}, headers=stale).status_code == 200
    assert alice.api.patch(path, {"name": "Two"}, headers=stale).status_code == 412


def test_a_taken_name_is_a_conflict_also_when_restored(alice: Person, project: ProjectView) -> None:
    made, other = make(alice, project), make(alice, project, "Other")
    assert alice.api.patch(f"/metrics/{other['id']}", {"name": made["name"]}).status_code == 409
    assert alice.api.delete(f"/metrics/{made['id']}").json["archived_at"]
    make(alice, project)
    answer = alice.api.post(f"/metrics/{made['id']}/restore")
    assert answer.status_code == 409
    assert "name" in answer.json["errors"]


def test_archiving_hides_and_restoring_brings_back(alice: Person, project: ProjectView) -> None:
    path = f"/metrics/{make(alice, project)['id']}"
    alice.api.delete(path)
    assert alice.api.get("/metrics").json == []
    assert len(alice.api.get("/metrics?archived=true").json) == 1
    assert alice.api.post(f"{path}/restore").json["archived_at"] is None
    assert len(alice.api.get("/metrics").json) == 1


def test_a_metric_whose_plugin_is_gone_is_listed_with_its_problem(
    alice: Person, project: ProjectView, host: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(alice, project)
    monkeypatch.setattr(host, "registry", Registry())
    (listed,) = alice.api.get("/metrics").json
    assert "text.contains" in listed["problem"]
    assert (listed["scale"], listed["evaluator_title"]) == (None, "text.contains")
    assert alice.api.patch(f"/metrics/{made['id']}", {"required": False}).json["required"] is False
    assert alice.api.patch(f"/metrics/{made['id']}", {"params": {}}).status_code == 422


def test_the_list_goes_by_evaluator_and_name_and_is_filtered(alice: Person, project: ProjectView) -> None:
    make(alice, project, "B")
    make(alice, project, "A")
    make(alice, project, "C", evaluator="structure.json_valid")
    first = alice.api.get("/metrics?limit=2&count=true")
    assert [item["name"] for item in first.json] == ["C", "A"]
    assert first.headers["X-Total-Count"] == "3"
    following = first.headers["Link"].split("<")[1].split(">")[0]
    assert [item["name"] for item in alice.api.get(following).json] == ["B"]
    assert [item["name"] for item in alice.api.get("/metrics?evaluator=structure.json_valid").json] == ["C"]
    assert [item["name"] for item in alice.api.get("/metrics?q=b").json] == ["B"]
    assert alice.api.get("/metrics?evaluator=%00").status_code == 422
    assert alice.api.get("/metrics?sort=name").status_code == 422


def test_without_a_credential_nothing_is_said(app: Flask) -> None:
    client = app.test_client()
    for path in ("metrics", "evaluators", "plugins"):
        assert client.get(f"/api/v1/{path}").status_code == 401
    assert client.post("/api/v1/metrics/try", json={}).status_code == 401


def test_a_viewer_reads_and_changes_nothing(alice: Person, bob: Person, project: ProjectView) -> None:
    path = f"/metrics/{make(alice, project)['id']}"
    body = {"project_id": str(project.id), "evaluator": "text.contains"}
    assert bob.api.get(path).status_code == bob.api.get("/evaluators").status_code == 200
    refused = [
        bob.api.post("/metrics", {**body, "name": "X"}),
        bob.api.post("/metrics/try", {**body, "sample": {"output": "x"}}),
        bob.api.patch(path, {"name": "X"}),
        bob.api.delete(path),
        bob.api.post(f"{path}/restore"),
    ]
    assert [answer.status_code for answer in refused] == [403] * 5


def test_to_a_stranger_there_is_nothing(alice: Person, charlie: Person, project: ProjectView) -> None:
    path = f"/metrics/{make(alice, project)['id']}"
    body = {"project_id": str(project.id), "name": "X", "evaluator": "text.contains"}
    answers = [
        charlie.api.get(path),
        charlie.api.patch(path, {"name": "X"}),
        charlie.api.delete(path),
        charlie.api.post(f"{path}/restore"),
        charlie.api.post("/metrics", body),
    ]
    assert [answer.status_code for answer in answers] == [404] * 5
    assert charlie.api.get(f"/metrics?project_id={project.id}").json == []


def test_every_change_is_audited(alice: Person, project: ProjectView) -> None:
    path = f"/metrics/{make(alice, project)['id']}"
    alice.api.patch(path, {"name": "Other"})
    alice.api.delete(path)
    alice.api.delete(path)
    alice.api.post(f"{path}/restore")
    for verb in ("create", "update", "archive", "restore"):
        assert alice.count(AuditEntry, action=f"metric.{verb}") == 1


@pytest.mark.parametrize("count", [2, 20])
def test_statements_do_not_grow_with_rows(
    alice: Person, project: ProjectView, statements: Statements, count: int
) -> None:
    made = [make(alice, project, f"Metric {number}") for number in range(count)]
    path = f"/metrics/{made[0]['id']}"
    for call, budget in (
        (lambda: alice.api.get(path), 4),
        (lambda: alice.api.get("/metrics?count=true"), 6),
        (lambda: alice.api.patch(path, {"name": "New", "params": {"text": "x"}}), 10),
        (lambda: make(alice, project, f"Another of {count}"), 10),
    ):
        with statements() as seen:
            call()
        assert len(seen) <= budget, seen
