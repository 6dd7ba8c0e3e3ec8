"""POST /test-sets/<id>/runs and POST /test-runs/<id>/cancel."""

from uuid import UUID, uuid4

import pytest

from rhesis_app.projects.queries import ProjectView
from rhesis_app.runs.models import TestRun, WorkItem
from rhesis_app.tenancy.models import AuditEntry
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.people import ApiClient, Person


@pytest.fixture
def made(alice: Person, project: ProjectView) -> MadeRun:
    """A test set of three tests, an endpoint and a metric; the run that came with them is over."""
    with alice.scope() as scope:
        return make_run(scope, RunPlan(project_id=project.id), [Given(prompt=f"p{n}") for n in range(3)])


def body(made: MadeRun) -> dict[str, object]:
    return {"endpoint_id": str(made.endpoint_id), "metric_ids": [str(one) for one in made.metric_ids.values()]}


def address(made: MadeRun) -> str:
    return f"/test-sets/{made.test_set_id}/runs"


def test_a_run_is_accepted_and_says_where_it_is(alice: Person, made: MadeRun) -> None:
    answer = alice.api.post(address(made), body(made))
    assert answer.status_code == 202, answer.json
    assert answer.headers["Location"] == f"/api/v1/test-runs/{answer.json['id']}"
    assert (answer.json["number"], answer.json["status"], answer.json["totals"]["pending"]) == (2, "queued", 3)
    assert answer.json["metrics"][0]["rule"] == {"at_least": 1}
    assert alice.count(WorkItem, run_id=UUID(answer.json["id"])) == 3
    assert alice.count(AuditEntry, action="run.start") == 1


def test_the_same_key_gives_the_same_run(alice: Person, made: MadeRun) -> None:
    headers = {"Idempotency-Key": "pipeline-7"}
    first, second = (alice.api.post(address(made), body(made), headers=headers) for _ in range(2))
    assert first.json["id"] == second.json["id"]
    other = alice.api.post(address(made), {**body(made), "metric_ids": []}, headers=headers)
    assert other.status_code == 409
    assert alice.count(TestRun) == 2


def test_a_run_that_nothing_would_judge_is_refused(alice: Person, made: MadeRun) -> None:
    answer = alice.api.post(address(made), {"endpoint_id": str(made.endpoint_id)})
    assert answer.status_code == 422
    assert "metric_ids" in answer.json["errors"]


@pytest.mark.parametrize(
    "wrong",
    [
        *({}, {"endpoint_id": "none"}, {"endpoint_id": None}, {"metric_ids": "all"}, {"metric_ids": ["x"]}),
        *({"trials": 0}, {"trials": 101}, {"trials": 2.5}, {"repeats": 2}),
        *({"reducer": "all"}, {"reducer": {"name": "best"}}, {"trials": 2, "reducer": {"name": "at_least", "k": 3}}),
    ],
)
def test_bad_input_is_refused(alice: Person, made: MadeRun, wrong: dict[str, object]) -> None:
    sent = {**body(made), **wrong} if wrong else {}
    assert alice.api.post(address(made), sent).status_code == 422


def test_unknown_ids_are_not_found(alice: Person, made: MadeRun) -> None:
    assert alice.api.post(f"/test-sets/{uuid4()}/runs", body(made)).status_code == 404
    assert alice.api.post(address(made), {**body(made), "endpoint_id": str(uuid4())}).status_code == 404
    assert alice.api.post(address(made), {**body(made), "metric_ids": [str(uuid4())]}).status_code == 422


def test_readers_and_strangers_start_nothing(alice: Person, bob: Person, charlie: Person, made: MadeRun) -> None:
    assert bob.api.post(address(made), body(made)).status_code == 403
    assert charlie.api.post(address(made), body(made)).status_code == 404
    assert ApiClient(alice.app, None).post(address(made), body(made)).status_code == 401
    assert alice.count(TestRun) == 1


def test_cancelling_ends_a_run_that_nothing_is_asked_of(alice: Person, made: MadeRun) -> None:
    run = alice.api.post(address(made), body(made)).json
    answer = alice.api.post(f"/test-runs/{run['id']}/cancel")
    assert answer.status_code == 200
    assert (answer.json["status"], answer.json["totals"]["cancelled"]) == ("cancelled", 3)
    assert (answer.json["can_cancel"], answer.json["pass_rate"]["value"]) == (False, None)
    assert alice.count(AuditEntry, action="run.cancel") == 1
    again = alice.api.post(f"/test-runs/{run['id']}/cancel")
    assert (again.status_code, again.json["finished_at"]) == (200, answer.json["finished_at"])


def test_readers_and_strangers_cancel_nothing(alice: Person, bob: Person, charlie: Person, made: MadeRun) -> None:
    run = alice.api.post(address(made), body(made)).json
    assert bob.api.post(f"/test-runs/{run['id']}/cancel").status_code == 403
    assert charlie.api.post(f"/test-runs/{run['id']}/cancel").status_code == 404
    assert alice.api.get(f"/test-runs/{run['id']}").json["status"] == "queued"
