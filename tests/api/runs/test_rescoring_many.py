"""POST /rescores: many runs scored again by one job, all of them or none."""

from typing import Any
from uuid import uuid4

import pytest

from rhesis_app.notifications.models import Job
from rhesis_app.projects.actions import create_project
from rhesis_app.projects.queries import ProjectView
from rhesis_app.runs.models import RescoreOrder, TestRun, WorkItem
from tests.background import do_jobs
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.people import ApiClient, Person


@pytest.fixture
def runs(alice: Person, project: ProjectView) -> list[MadeRun]:
    """Three ended runs."""
    with alice.scope() as scope:
        return [make_run(scope, RunPlan(project_id=project.id), [Given(prompt=f"p{n}"), Given()]) for n in range(3)]


def asked(person: Person, runs: list[MadeRun], status: int = 202, **more: Any) -> Any:
    headers = more.pop("headers", {})
    answer = person.api.post("/rescores", {"run_ids": [str(run.id) for run in runs], **more}, headers=headers)
    assert answer.status_code == status, answer.json
    return answer


def test_each_run_gets_a_child_and_the_job_says_when(alice: Person, runs: list[MadeRun]) -> None:
    metric = str(runs[0].metric_ids["Contains the answer"])
    answer = asked(alice, runs, metric_ids=[metric])
    assert answer.headers["Location"] == f"/api/v1/jobs/{answer.json['id']}"
    assert (answer.json["kind"], answer.json["title"], answer.json["status"]) == (
        "runs.rescore",
        "Re-scoring",
        "queued",
    )
    assert alice.count(TestRun) == 3
    assert do_jobs(alice, "runs.rescore") == 1
    assert alice.api.get(answer.headers["Location"]).json["status"] == "done"
    children = [alice.api.get(f"/test-runs?parent_run_id={run.id}").json for run in runs]
    assert [len(found) for found in children] == [1, 1, 1]
    assert {found[0]["kind"] for found in children} == {"rescore"}
    assert children[0][0]["started_by"] == "Alice"
    assert alice.count(WorkItem, endpoint_id=None) == 6


def test_one_that_cannot_be_scored_starts_none(alice: Person, project: ProjectView, runs: list[MadeRun]) -> None:
    with alice.scope() as scope:
        empty = make_run(scope, RunPlan(project_id=project.id), [Given(outcome="error")])
    job_id = asked(alice, [*runs, empty]).json["id"]
    do_jobs(alice, "runs.rescore")
    job = alice.api.get(f"/jobs/{job_id}").json
    assert (job["status"], job["error_detail"]) == (
        "errored",
        "#4 has no answers to score. Run its tests again instead.",
    )
    assert alice.count(TestRun) == 4


def test_the_same_key_asks_once(alice: Person, runs: list[MadeRun]) -> None:
    headers = {"Idempotency-Key": "nightly"}
    first, second = (asked(alice, runs, headers=headers).json["id"] for _ in range(2))
    assert first == second
    do_jobs(alice, "runs.rescore")
    assert asked(alice, runs, headers=headers).json["status"] == "done"
    asked(alice, runs[:1], 409, headers=headers)
    assert (alice.count(Job, kind="runs.rescore"), alice.count(TestRun)) == (1, 6)


def test_what_cannot_be_is_refused_at_once(alice: Person, project: ProjectView, runs: list[MadeRun]) -> None:
    with alice.scope() as scope:
        plan = RunPlan(project_id=project.id, is_finished=False)
        going_on = make_run(scope, plan, [Given(outcome="pending")])
        other = create_project(scope, "Another")
        elsewhere = make_run(scope, RunPlan(project_id=other.id), [Given()])
    assert "Still going on: #4" in asked(alice, [*runs, going_on], 409).json["detail"]
    assert "several projects" in asked(alice, [*runs, elsewhere], 422).json["errors"]["run_ids"][0]
    asked(alice, [], 422)
    asked(alice, runs, 422, metric_ids=[str(uuid4())])
    answer = alice.api.post("/rescores", {"run_ids": [str(uuid4())]})
    assert (answer.status_code, "There is no such run here" in answer.json["errors"]["run_ids"][0]) == (422, True)
    assert alice.api.post("/rescores", {"run_ids": [str(uuid4()) for _ in range(51)]}).status_code == 422
    assert alice.count(RescoreOrder) == 0


def test_readers_and_strangers_ask_for_nothing(
    alice: Person, bob: Person, charlie: Person, runs: list[MadeRun]
) -> None:
    asked(bob, runs, 403)
    assert "There is no such run here" in asked(charlie, runs, 422).json["errors"]["run_ids"][0]
    assert ApiClient(alice.app, None).post("/rescores", {}).status_code == 401
    assert alice.count(RescoreOrder) == 0
