"""POST /test-edits: one change to many tests, at once or by a job, all of them or none."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import insert

from rhesis_app.authoring.actions.freeze import freeze_test_set
from rhesis_app.authoring.actions.tests import content_of
from rhesis_app.authoring.models import Requirement, Test, TestEdit
from rhesis_app.authoring.rules.tests import TestContent, content_hash
from rhesis_app.kernel.ids import new_id
from rhesis_app.notifications.actions.background import cancel_job
from rhesis_app.projects.actions import create_project
from rhesis_app.projects.queries import ProjectView
from rhesis_app.tenancy.models import AuditEntry
from tests.background import do_jobs
from tests.people import ApiClient, Person


def made_tests(person: Person, project: ProjectView, count: int = 3, **metadata: Any) -> list[str]:
    made = [
        person.api.post("/tests", {"project_id": str(project.id), "prompt": f"p{n}", "metadata": metadata}).json["id"]
        for n in range(count)
    ]
    return [str(one) for one in made]


def many(person: Person, project: ProjectView, count: int) -> None:
    fixed = {"organization_id": person.actor.organization_id, "project_id": project.id, "kind": "single_turn"}
    rows = [
        {**fixed, "id": new_id(), "prompt": f"p{n}", "content_hash": content_hash(TestContent(prompt=f"p{n}"), None)}
        for n in range(count)
    ]
    with person.scope() as scope, scope.atomic() as session:
        session.execute(insert(Test), rows)


def edited(person: Person, project: ProjectView, status: int = 202, **body: Any) -> Any:
    headers = body.pop("headers", {})
    answer = person.api.post("/test-edits", {"project_id": str(project.id), **body}, headers=headers)
    assert answer.status_code == status, answer.json
    return answer.json


def test_a_few_are_changed_at_once(alice: Person, project: ProjectView) -> None:
    ids = made_tests(alice, project, tags=["old"], team="a")
    changes = {"requirement": "Tone", "add_tags": ["new"], "remove_tags": ["old"], "metadata": {"team": None, "n": 1}}
    found = edited(alice, project, test_ids=ids[:2], changes=changes)
    assert (found["status"], found["matched"], found["changed"], found["job_id"]) == ("done", 2, 2, None)
    tests = [alice.api.get(f"/tests/{test_id}").json for test_id in ids]
    assert [one["requirement"] for one in tests] == ["Tone", "Tone", None]
    assert tests[0]["metadata"] == {"tags": ["new"], "n": 1}
    assert tests[2]["metadata"] == {"tags": ["old"], "team": "a"}
    assert alice.count(Requirement, name="Tone") == 1
    assert alice.count(AuditEntry, action="test.edit_many") == 1
    again = edited(alice, project, test_ids=ids[:2], changes=changes)
    assert (again["matched"], again["changed"]) == (2, 0)


def test_the_hash_is_that_of_the_same_test_made_by_hand(alice: Person, project: ProjectView) -> None:
    """Otherwise a run after the change would freeze the old content."""
    (one,) = made_tests(alice, project, 1)
    edited(alice, project, test_ids=[one], changes={"add_tags": ["x"], "requirement": "Tone"})
    with alice.scope() as scope:
        row = scope.session.scalars(scope.select(Test)).one()
        content = TestContent(prompt="p0", metadata={"tags": ["x"]})
        assert row.content_hash == content_hash(content, row.requirement_id)


def test_a_test_that_takes_its_text_from_a_prompt_still_does(alice: Person, project: ProjectView) -> None:
    prompt = {"project_id": str(project.id), "name": "Greeting", "template": "Hello {{ name }}"}
    prompt_id = alice.api.post("/prompts", prompt).json["id"]
    body = {"project_id": str(project.id), "prompt_id": prompt_id, "values": {"name": "Ada"}}
    made = alice.api.post("/tests", body)
    assert made.status_code == 201, made.json
    edited(alice, project, test_ids=[made.json["id"]], changes={"add_tags": ["x"]})
    with alice.scope() as scope:
        row = scope.session.scalars(scope.select(Test)).one()
        assert (row.prompt, row.prompt_values, row.facts) == ("Hello Ada", {"name": "Ada"}, {"tags": ["x"]})
        assert row.prompt_version_id is not None
        assert row.content_hash == content_hash(content_of(row), row.requirement_id)


def test_a_filter_means_what_the_list_shows(alice: Person, project: ProjectView) -> None:
    made_tests(alice, project, 4)
    made = alice.api.post("/test-sets", {"project_id": str(project.id), "name": "Set", "tests": [{"prompt": "in it"}]})
    found = edited(alice, project, filter={"q": "p1"}, changes={"add_tags": ["x"]})
    assert found["matched"] == 1
    found = edited(alice, project, filter={"test_set_id": made.json["id"]}, changes={"requirement": "Tone"})
    assert (found["matched"], found["changed"]) == (1, 1)
    assert edited(alice, project, filter={}, changes={"add_tags": ["y"]})["matched"] == 5
    with alice.scope() as scope, scope.atomic():
        assert freeze_test_set(scope, made.json["id"]).number == 2  # version 1 was saved before the change


def test_archiving_leaves_them_out_of_lists(alice: Person, project: ProjectView) -> None:
    ids = made_tests(alice, project)
    assert edited(alice, project, test_ids=ids[:2], changes={"archive": True})["changed"] == 2
    assert [one["id"] for one in alice.api.get("/tests").json] == ids[2:]
    refused = edited(alice, project, 422, test_ids=ids, changes={"add_tags": ["x"]})
    assert "Not live tests of this project" in refused["errors"]["test_ids"][0]


def test_many_are_changed_by_a_job_all_or_none(alice: Person, project: ProjectView) -> None:
    many(alice, project, 1_100)
    found = edited(alice, project, filter={}, changes={"add_tags": ["x"], "requirement": "Tone"})
    assert (found["status"], found["matched"], found["changed"]) == ("queued", 1_100, None)
    assert do_jobs(alice, "tests.edit") == 1
    done = alice.api.get(f"/test-edits/{found['id']}?wait=1").json
    assert (done["status"], done["changed"], done["progress"]) == ("done", 1_100, 100)
    assert alice.count(Test, facts={"tags": ["x"]}) == 1_100


def test_one_test_that_does_not_fit_leaves_all_as_they_were(alice: Person, project: ProjectView) -> None:
    many(alice, project, 600)
    alice.api.post("/tests", {"project_id": str(project.id), "prompt": "full", "metadata": {"long": "x" * 19_900}})
    found = edited(alice, project, filter={}, changes={"metadata": {"more": "y" * 200}})
    do_jobs(alice, "tests.edit")
    done = alice.api.get(f"/test-edits/{found['id']}").json
    assert (done["status"], done["changed"]) == ("errored", None)
    assert done["error_detail"].startswith("“full” cannot be changed like this. Use at most 20,000 characters")
    assert alice.count(Test, facts={}) == 600


def test_a_cancelled_change_changes_nothing(alice: Person, project: ProjectView) -> None:
    many(alice, project, 600)
    found = edited(alice, project, filter={}, changes={"add_tags": ["x"]})
    with alice.scope() as scope:
        cancel_job(scope, alice.host.jobs, found["job_id"])
    assert do_jobs(alice, "tests.edit") == 0
    assert alice.api.get(f"/test-edits/{found['id']}").json["status"] == "cancelled"


def test_the_same_key_changes_once(alice: Person, project: ProjectView) -> None:
    ids, headers = made_tests(alice, project), {"Idempotency-Key": "once"}
    first = edited(alice, project, test_ids=ids, changes={"add_tags": ["x"]}, headers=headers)
    assert edited(alice, project, test_ids=ids, changes={"add_tags": ["x"]}, headers=headers) == first
    edited(alice, project, 409, test_ids=ids, changes={"add_tags": ["y"]}, headers=headers)
    assert alice.count(TestEdit) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"changes": {"add_tags": ["x"]}},
        {"filter": {}, "test_ids": [], "changes": {"add_tags": ["x"]}},
        {"filter": {}, "changes": {}},
        {"filter": {}, "changes": {"prompt": "x"}},
        {"filter": {"q": "nothing like it"}, "changes": {"archive": True}},
        {"filter": {}, "changes": {"metadata": {"n": 1e300}}},
        {"test_ids": [str(uuid4())], "changes": {"archive": True}},
        {"filter": {}, "changes": {"requirement": "x" * 500}},
    ],
)
def test_bad_input_is_refused_and_nothing_written(alice: Person, project: ProjectView, wrong: dict[str, Any]) -> None:
    made_tests(alice, project, 1)
    edited(alice, project, 422, **wrong)
    assert alice.count(TestEdit) == 0


def test_readers_and_strangers_change_nothing(
    alice: Person, bob: Person, charlie: Person, project: ProjectView
) -> None:
    ids = made_tests(alice, project)
    body = {"test_ids": ids, "changes": {"archive": True}}
    edited(bob, project, 403, **body)
    edited(charlie, project, 404, **body)
    with charlie.scope() as scope:
        theirs = create_project(scope, "Theirs")
    edited(charlie, theirs, 422, **body)
    assert ApiClient(alice.app, None).post("/test-edits", {}).status_code == 401
    assert alice.count(Test, archived_at=None) == 3
