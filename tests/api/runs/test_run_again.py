"""POST /test-runs/<id>/rerun and /rescore."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from rhesis_app.projects.queries import ProjectView
from rhesis_app.runs.models import TestRun, WorkItem
from rhesis_app.tenancy.models import AuditEntry
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.people import ApiClient, Person

RESULTS = [
    Given(prompt="p0"),
    Given(prompt="p1", outcome="failed"),
    Given(prompt="p2", outcome="failed"),
    Given(prompt="p3", outcome="error"),
]


@pytest.fixture
def made(alice: Person, project: ProjectView) -> MadeRun:
    """An ended run: one passed, two failed, one error."""
    with alice.scope() as scope:
        return make_run(scope, RunPlan(project_id=project.id), RESULTS)


def again(person: Person, made: MadeRun, verb: str, body: Any = None, **options: Any) -> Any:
    return person.api.post(f"/test-runs/{made.id}/{verb}", {} if body is None else body, **options)


def prompts(alice: Person, run: Any) -> list[str]:
    with alice.scope() as scope:
        found = scope.select(WorkItem.position).where(WorkItem.run_id == UUID(run["id"])).order_by(WorkItem.position)
        return [f"p{position - 1}" for position in scope.session.scalars(found)]


def test_a_rerun_asks_every_test_again(alice: Person, made: MadeRun) -> None:
    answer = again(alice, made, "rerun")
    assert answer.status_code == 202, answer.json
    run = answer.json
    assert answer.headers["Location"] == f"/api/v1/test-runs/{run['id']}"
    assert (run["kind"], run["parent"], run["chosen_by"]) == ("rerun", {"id": str(made.id), "number": 1}, None)
    assert (run["number"], run["status"], run["test_set"]["version"], run["totals"]["pending"]) == (2, "queued", 1, 4)
    assert [one["id"] for one in run["metrics"]] == [str(one) for one in made.metric_ids.values()]
    assert alice.count(WorkItem, endpoint_id=made.endpoint_id) == 4
    assert alice.count(AuditEntry, action="run.rerun") == 1


@pytest.mark.parametrize(("only", "asked"), [("failed", ["p1", "p2"]), ("error", ["p3"])])
def test_a_rerun_may_ask_only_what_went_wrong(alice: Person, made: MadeRun, only: str, asked: list[str]) -> None:
    run = again(alice, made, "rerun", {"only": only}).json
    assert (run["chosen_by"], run["chosen_from"], run["totals"]["planned"]) == (only, 1, len(asked))
    assert prompts(alice, run) == asked


def test_what_people_said_decides_which_tests_failed(alice: Person, made: MadeRun) -> None:
    assert alice.api.post(f"/test-results/{made.result_ids[1]}/reviews", {"verdict": "passed"}).status_code == 201
    assert prompts(alice, again(alice, made, "rerun", {"only": "failed"}).json) == ["p2"]


def test_a_rerun_of_chosen_tests_keeps_to_them(alice: Person, project: ProjectView, made: MadeRun) -> None:
    part = again(alice, made, "rerun", {"only": "failed"}).json
    alice.api.post(f"/test-runs/{part['id']}/cancel")
    refused = alice.api.post(f"/test-runs/{part['id']}/rerun", {})
    assert (refused.status_code, refused.json["errors"]["only"]) == (
        422,
        ["No test ran in #2, so there is nothing to run again."],
    )


def test_a_rerun_of_nothing_is_refused_with_the_reason(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        made = make_run(scope, RunPlan(project_id=project.id), [Given()])
    answer = again(alice, made, "rerun", {"only": "failed"})
    assert (answer.status_code, answer.json["errors"]) == (
        422,
        {"only": ["No test failed in #1, so there is nothing to run again."]},
    )
    assert alice.count(TestRun) == 1


def test_a_rescore_says_what_it_scores_and_by_what(alice: Person, made: MadeRun) -> None:
    answer = again(alice, made, "rescore", {"metric_ids": [str(one) for one in made.metric_ids.values()]})
    assert answer.status_code == 202, answer.json
    run = answer.json
    assert answer.headers["Location"] == f"/api/v1/test-runs/{run['id']}"
    assert (run["kind"], run["parent"]["number"], run["totals"]["pending"]) == ("rescore", 1, 4)
    assert alice.count(WorkItem, endpoint_id=None) == 4
    assert alice.count(AuditEntry, action="run.rescore") == 1
    children = alice.api.get(f"/test-runs?parent_run_id={made.id}").json
    assert [one["id"] for one in children] == [run["id"]]


def test_an_archived_endpoint_or_metric_is_said(alice: Person, made: MadeRun) -> None:
    alice.api.delete(f"/metrics/{made.metric_ids['Contains the answer']}")
    answer = again(alice, made, "rerun")
    assert answer.status_code == 422
    assert "Archived: “Contains the answer”" in answer.json["errors"]["metric_ids"][0]
    alice.api.delete(f"/endpoints/{made.endpoint_id}")
    assert again(alice, made, "rerun").status_code == 409
    assert alice.count(TestRun) == 1


@pytest.mark.parametrize("verb", ["rerun", "rescore"])
def test_the_same_key_gives_the_same_run(alice: Person, made: MadeRun, verb: str) -> None:
    headers = {"Idempotency-Key": "pipeline-7"}
    first, second = (again(alice, made, verb, headers=headers) for _ in range(2))
    assert first.json["id"] == second.json["id"]
    other = {"only": "failed"} if verb == "rerun" else {"metric_ids": [str(one) for one in made.metric_ids.values()]}
    assert again(alice, made, verb, other, headers=headers).status_code == 409
    assert alice.count(TestRun) == 2


@pytest.mark.parametrize(
    ("verb", "wrong"),
    [
        ("rerun", {"only": "passed"}),
        ("rerun", {"only": 1}),
        ("rerun", {"metric_ids": []}),
        ("rescore", {"metric_ids": "all"}),
        ("rescore", {"metric_ids": ["x"]}),
        ("rescore", {"metric_ids": [str(uuid4())]}),
        ("rescore", {"only": "failed"}),
    ],
)
def test_bad_input_is_refused(alice: Person, made: MadeRun, verb: str, wrong: dict[str, Any]) -> None:
    assert again(alice, made, verb, wrong).status_code == 422
    assert alice.count(TestRun) == 1


@pytest.mark.parametrize("verb", ["rerun", "rescore"])
def test_readers_and_strangers_start_nothing(
    alice: Person, bob: Person, charlie: Person, made: MadeRun, verb: str
) -> None:
    assert again(bob, made, verb).status_code == 403
    assert again(charlie, made, verb).status_code == 404
    assert ApiClient(alice.app, None).post(f"/test-runs/{made.id}/{verb}", {}).status_code == 401
    assert alice.count(TestRun) == 1


@pytest.mark.parametrize("verb", ["rerun", "rescore"])
def test_a_run_that_goes_on_is_refused(alice: Person, project: ProjectView, verb: str) -> None:
    with alice.scope() as scope:
        made = make_run(scope, RunPlan(project_id=project.id, is_finished=False), [Given(), Given(outcome="pending")])
    answer = again(alice, made, verb)
    assert answer.status_code == 409
    assert "#1 is still going on" in answer.json["detail"]
