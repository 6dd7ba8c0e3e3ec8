"""POST /test-runs/<id>/retry-errors, and how results say that they were replaced."""

from typing import Any
from uuid import UUID

import pytest

from rhesis_app.projects.queries import ProjectView
from rhesis_app.runs.models import TestRun, WorkItem
from rhesis_app.tenancy.models import AuditEntry
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.jobs.runs.test_driving import drive
from tests.jobs.runs.test_retrying_errors import TESTS, Recovering
from tests.jobs.runs.world import make_world
from tests.people import ApiClient, Person
from tests.scripted_endpoint import ScriptedEndpoint

RESULTS = [Given(prompt="p0"), Given(prompt="p1", outcome="error"), Given(prompt="p2", outcome="failed")]


@pytest.fixture
def made(alice: Person, project: ProjectView) -> MadeRun:
    """An ended run with one error."""
    with alice.scope() as scope:
        return make_run(scope, RunPlan(project_id=project.id), RESULTS)


def retry(person: Person, made: MadeRun, **options: Any) -> Any:
    return person.api.post(f"/test-runs/{made.id}/retry-errors", **options)


def test_a_retry_is_a_run_of_the_errors_alone(alice: Person, made: MadeRun) -> None:
    answer = retry(alice, made)
    assert answer.status_code == 202, answer.json
    run = answer.json
    assert answer.headers["Location"] == f"/api/v1/test-runs/{run['id']}"
    assert (run["kind"], run["parent"]["number"], run["chosen_by"], run["chosen_from"]) == ("retry", 1, "error", 1)
    assert (run["number"], run["status"], run["totals"]["planned"], run["totals"]["pending"]) == (2, "queued", 1, 1)
    assert [one["id"] for one in run["metrics"]] == [str(one) for one in made.metric_ids.values()]
    assert alice.count(WorkItem) == 1
    assert alice.count(AuditEntry, action="run.retry") == 1
    listed = alice.api.get(f"/test-runs?parent_run_id={made.id}").json
    assert [one["kind"] for one in listed] == ["retry"]


def test_a_second_retry_waits_for_the_first(alice: Person, made: MadeRun) -> None:
    headers = {"Idempotency-Key": "pipeline-7"}
    first = retry(alice, made, headers=headers)
    assert retry(alice, made, headers=headers).json["id"] == first.json["id"]
    refused = retry(alice, made)
    assert (refused.status_code, refused.json["detail"]) == (
        409,
        "#2 is retrying the errors of #1 already. Wait for its end, or cancel it.",
    )
    alice.api.post(f"/test-runs/{first.json['id']}/cancel")
    assert retry(alice, made).status_code == 202


def test_what_cannot_be_retried_says_why(alice: Person, project: ProjectView, made: MadeRun) -> None:
    with alice.scope() as scope:
        clean = make_run(scope, RunPlan(project_id=project.id), [Given()])
        going = make_run(
            scope, RunPlan(project_id=project.id, is_finished=False), [Given(outcome="error"), Given(outcome="pending")]
        )
    assert retry(alice, clean).json["detail"] == "No test ended in an error in #2, so there is nothing to retry."
    assert retry(alice, going).json["detail"] == "#3 is still going on. Wait for its end, or cancel it first."
    alice.api.delete(f"/endpoints/{made.endpoint_id}")
    archived = retry(alice, made)
    assert (archived.status_code, "is archived. Restore it, then retry." in archived.json["detail"]) == (409, True)
    assert alice.count(TestRun) == 3


def test_readers_and_strangers_start_nothing(alice: Person, bob: Person, charlie: Person, made: MadeRun) -> None:
    assert retry(bob, made).status_code == 403
    assert retry(charlie, made).status_code == 404
    assert ApiClient(alice.app, None).post(f"/test-runs/{made.id}/retry-errors").status_code == 401
    assert alice.count(TestRun) == 1


def test_every_reading_of_the_run_shows_the_answer_and_its_page_the_first_try(alice: Person) -> None:
    script = Recovering(1, 2)
    with ScriptedEndpoint(script) as server:
        world = make_world(alice, server.url, TESTS)
        run_id = world.start()
        drive(world, run_id)
        script.refused = {2}
        child = alice.api.post(f"/test-runs/{run_id}/retry-errors").json
        drive(world, UUID(child["id"]))
    run = alice.api.get(f"/test-runs/{run_id}").json
    assert (run["status"], run["totals"]["error"], run["pass_rate"]["passed"]) == ("partial", 1, 5)
    rows = {one["position"]: one for one in alice.api.get(f"/test-runs/{run_id}/results").json}
    replaced = next(one for one in rows.values() if one["retry_run_id"])
    assert (replaced["outcome"], replaced["output"], replaced["error_code"]) == ("passed", "yes to 1", None)
    assert [one["verdict"] for one in replaced["evaluations"]] == ["passed"]
    result = alice.api.get(f"/test-results/{replaced['id']}").json
    first = result["replaced"]
    assert (first["error_code"], first["attempts"], first["retry_number"]) == ("http_4xx", 1, 2)
    assert (result["stands_in"], result["can_review"], result["response"]["status"]) == (None, True, 200)
    answer = alice.api.get(f"/test-results/{first['answer_id']}").json
    assert answer["stands_in"] == {"run_number": 1, "result_id": replaced["id"]}
    assert (answer["replaced"], answer["can_review"]) == (None, False)
    refused = alice.api.post(f"/test-results/{first['answer_id']}/reviews", {"verdict": "failed"})
    assert (refused.status_code, "Review it there." in refused.json["detail"]) == (422, True)
    exported = alice.api.get(f"/test-runs/{run_id}/export?format=json.run").json
    assert exported["run"]["totals"]["error"] == 1
    assert "yes to 1" in alice.api.get(f"/test-runs/{run_id}/export?format=json.run").text
    # a retry certifies nothing of the whole set and stands in no trend
    assert not any(
        one["kind"] == "retry" for one in alice.api.get(f"/test-runs?project_id={world.project_id}").json[1:]
    )


def test_gates_decide_the_run_anew_when_its_retry_has_ended(alice: Person) -> None:
    script = Recovering(*range(9))
    with ScriptedEndpoint(script) as server:
        world = make_world(alice, server.url, [(f"Question {number}", "yes") for number in range(9)])
        rule = {"kind": "pass_rate", "at_least": 0.5}
        alice.api.post("/gates", {"project_id": str(world.project_id), "name": "Half", "rule": rule})
        run_id = world.start()
        drive(world, run_id)
        before = alice.api.get(f"/test-runs/{run_id}").json
        script.refused = set()
        child = UUID(alice.api.post(f"/test-runs/{run_id}/retry-errors").json["id"])
        drive(world, child)
    after = alice.api.get(f"/test-runs/{run_id}").json
    assert [run["status"] for run in (before, after)] == ["errored", "completed"]
    assert [run["outcome"] for run in (before, after)] == ["none", "passed"]
    assert [run["gates"][0]["decision"] for run in (before, after)] == ["undecided", "passed"]
    assert alice.api.get(f"/test-runs/{child}").json["gates"][0]["decision"] == "undecided"
    told = [one["title"] for one in alice.api.get("/notifications").json]
    assert len(told) == 2
    assert all("#1" in title for title in told), told
