"""/metrics/<id>/attacks: asked for, done in the background with real calls, kept with the metric."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest

from rhesis_app.authoring.models import AttackSuite
from rhesis_app.authoring.queries.attacks import latest_attack_suite, list_attack_suites, view_attack_suite
from rhesis_app.kernel.errors import Forbidden
from rhesis_app.kernel.paging import PageRequest
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.queries import ProjectView
from rhesis_app.scoring.attack_suite import CONTROLS
from tests.background import do_jobs
from tests.judges import JudgedProject, judged
from tests.people import Person


@pytest.fixture
def world(alice: Person, project: ProjectView) -> Iterator[JudgedProject]:
    with judged(alice, project) as made:
        yield made


def test_a_fenced_judge_holds_against_every_attack(world: JudgedProject) -> None:
    alice, metric = world.person, world.metric()
    asked = alice.api.post(f"/metrics/{metric}/attacks", {})
    assert asked.status_code == 202
    suite = asked.json
    assert asked.headers["Location"] == f"/api/v1/metrics/{metric}/attacks/{suite['id']}"
    assert (suite["status"], suite["attacks"], suite["held"]) == ("queued", [], None)
    assert suite["calls"] == CONTROLS + suite["planned"]
    assert world.model.calls == []
    do_jobs(alice)
    found = alice.api.get(f"/metrics/{metric}/attacks/{suite['id']}?wait=5").json
    assert (found["status"], found["held"], found["planned"]) == ("done", suite["planned"], suite["planned"])
    assert {one["outcome"] for one in found["attacks"]} == {"held"}
    assert found["planned"] >= 25
    assert len(world.model.calls) == found["calls"]
    assert (found["control"]["verdict"], found["control"]["problem"]) == ("failed", "")
    assert (found["model"], found["is_current"]) == ("scripted", True)
    assert float(found["cost"]) == pytest.approx((found["tokens_in"] * 2.5 + found["tokens_out"] * 10) / 1_000_000)
    listed = alice.api.get(f"/metrics/{metric}/attacks").json
    assert [(one["id"], one["held"]) for one in listed] == [(suite["id"], found["held"])]
    assert "attacks" not in listed[0]


@pytest.mark.parametrize(
    ("evaluator", "params", "per_attack"),
    [
        ("judge.labels", {"criteria": "Says “30 days”.", "labels": ["good", "bad"]}, 1),
        ("judge.binary", {"criteria": "Says “30 days”."}, 1),
        ("judge.pairwise", {}, 2),
    ],
)
def test_every_judge_is_attacked(
    world: JudgedProject, evaluator: str, params: dict[str, object], per_attack: int
) -> None:
    metric = world.metric(evaluator, params=params)
    suite = world.person.api.post(f"/metrics/{metric}/attacks", {}).json
    assert suite["calls"] == per_attack * (CONTROLS + suite["planned"])
    do_jobs(world.person)
    found = world.person.api.get(f"/metrics/{metric}/attacks/{suite['id']}").json
    assert (found["status"], found["held"]) == ("done", found["planned"])


def test_a_changed_metric_says_that_it_was_attacked_as_another(world: JudgedProject) -> None:
    alice, metric = world.person, world.metric()
    alice.api.post(f"/metrics/{metric}/attacks", {})
    do_jobs(alice)
    alice.api.patch(f"/metrics/{metric}", {"name": "Renamed"})
    assert alice.api.get(f"/metrics/{metric}/attacks").json[0]["is_current"]
    alice.api.patch(f"/metrics/{metric}", {"params": {"criteria": "The answer says “60 days”."}})
    assert not alice.api.get(f"/metrics/{metric}/attacks").json[0]["is_current"]


def test_one_suite_at_a_time(world: JudgedProject) -> None:
    alice, metric = world.person, world.metric()
    assert alice.api.post(f"/metrics/{metric}/attacks", {}).status_code == 202
    again = alice.api.post(f"/metrics/{metric}/attacks", {})
    assert (again.status_code, "already" in again.json["detail"]) == (409, True)
    do_jobs(alice)
    assert alice.api.post(f"/metrics/{metric}/attacks", {}).status_code == 202


def test_a_bad_answer_of_ones_own_is_used(world: JudgedProject) -> None:
    alice, metric = world.person, world.metric()
    sample = {"prompt": "How long?", "output": "For ever.", "context": ["Returns: 30 days."]}
    suite = alice.api.post(f"/metrics/{metric}/attacks", {"sample": sample}).json
    assert suite["sample"]["output"] == "For ever."
    do_jobs(alice)
    assert "For ever." in str(world.model.calls[0].body)
    assert "botanically" not in str([call.body for call in world.model.calls])


def test_an_answer_that_passes_is_no_bad_answer_and_costs_no_attacks(world: JudgedProject) -> None:
    alice, metric = world.person, world.metric()
    sample = {"output": "You have 30 days."}
    suite = alice.api.post(f"/metrics/{metric}/attacks", {"sample": sample}).json
    do_jobs(alice)
    found = alice.api.get(f"/metrics/{metric}/attacks/{suite['id']}").json
    assert (found["status"], found["held"], found["attacks"]) == ("done", None, [])
    assert "passes the bad answer" in found["control"]["problem"]
    assert len(world.model.calls) == CONTROLS


@pytest.mark.parametrize("output", ["", "   ", "x" * 20_001])
def test_a_bad_answer_that_cannot_be_taken_is_refused_at_its_field(world: JudgedProject, output: str) -> None:
    answer = world.person.api.post(f"/metrics/{world.metric()}/attacks", {"sample": {"output": output}})
    assert answer.status_code == 422
    assert "sample.output" in answer.json["errors"]
    assert world.person.count(AttackSuite) == 0


def test_a_metric_without_a_judge_cannot_be_attacked(world: JudgedProject) -> None:
    metric = world.metric("text.contains", params={"text": "x"})
    answer = world.person.api.post(f"/metrics/{metric}/attacks", {})
    assert (answer.status_code, "asks no judge" in answer.json["detail"]) == (409, True)


def test_without_a_model_nothing_is_begun(alice: Person, project: ProjectView) -> None:
    body = {"project_id": str(project.id), "name": "M", "evaluator": "judge.binary", "params": {"criteria": "c"}}
    metric = alice.api.post("/metrics", body).json["id"]
    answer = alice.api.post(f"/metrics/{metric}/attacks", {})
    assert (answer.status_code, "No model is connected" in answer.json["detail"]) == (409, True)
    assert alice.count(AttackSuite) == 0


def test_an_archived_metric_is_not_attacked(world: JudgedProject) -> None:
    metric = world.metric()
    world.person.api.delete(f"/metrics/{metric}")
    assert world.person.api.post(f"/metrics/{metric}/attacks", {}).status_code == 409


def test_a_model_that_is_down_proves_nothing(alice: Person, project: ProjectView) -> None:
    with judged(alice, project, fault="down") as world:
        metric = world.metric()
        suite = alice.api.post(f"/metrics/{metric}/attacks", {}).json
        do_jobs(alice)
        found = alice.api.get(f"/metrics/{metric}/attacks/{suite['id']}").json
        assert (found["status"], found["held"]) == ("done", None)
        assert "gave no verdict" in found["control"]["problem"]


def test_a_viewer_reads_and_attacks_nothing(world: JudgedProject, bob: Person, charlie: Person) -> None:
    metric = world.metric()
    suite = world.person.api.post(f"/metrics/{metric}/attacks", {}).json["id"]
    assert bob.api.post(f"/metrics/{metric}/attacks", {}).status_code == 403
    assert bob.api.get(f"/metrics/{metric}/attacks/{suite}").status_code == 200
    for path in (f"/metrics/{metric}/attacks", f"/metrics/{metric}/attacks/{suite}"):
        assert charlie.api.get(path).status_code == 404
    assert charlie.api.post(f"/metrics/{metric}/attacks", {}).status_code == 404


def test_who_sees_the_project_but_not_its_metrics_reads_no_attacks(world: JudgedProject, bob: Person) -> None:
    metric = UUID(world.metric())
    suite = UUID(world.person.api.post(f"/metrics/{metric}/attacks", {}).json["id"])
    guest = replace(bob.actor, permissions=frozenset({Permission.PROJECT_READ}))
    with bob.host.open_scope(guest) as scope:
        for read in (
            lambda: view_attack_suite(scope, metric, suite),
            lambda: latest_attack_suite(scope, metric),
            lambda: list_attack_suites(scope, metric, PageRequest()),
        ):
            with pytest.raises(Forbidden):
                read()


def test_attacking_is_written_to_the_audit_log(world: JudgedProject) -> None:
    metric = world.metric()
    world.person.api.post(f"/metrics/{metric}/attacks", {})
    with world.person.scope() as scope:
        from sqlalchemy import text

        row = scope.session.execute(text("SELECT facts FROM audit_entry WHERE action = 'metric.attack'")).one()
    assert row.facts["calls"] > 25
