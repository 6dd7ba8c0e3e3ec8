"""POST /test-runs/<id>/pause and /resume."""

from typing import Any

import pytest

from rhesis_app.projects.queries import ProjectView
from rhesis_app.tenancy.models import AuditEntry
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.people import ApiClient, Person

GOING = [Given(), Given(outcome="pending"), Given(outcome="pending")]


@pytest.fixture
def made(alice: Person, project: ProjectView) -> MadeRun:
    """A run that goes on with two tests open."""
    with alice.scope() as scope:
        return make_run(scope, RunPlan(project_id=project.id, is_finished=False), GOING)


def change(person: Person, made: MadeRun, verb: str) -> Any:
    return person.api.post(f"/test-runs/{made.id}/{verb}")


def test_a_paused_run_says_so_everywhere_until_it_goes_on(alice: Person, made: MadeRun) -> None:
    first, second = (change(alice, made, "pause") for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json["paused_at"] is not None
    assert first.json["paused_at"] == second.json["paused_at"]
    assert (first.json["status"], first.json["can_pause"], first.json["can_resume"]) == ("running", False, True)
    waiting = alice.api.get(f"/test-runs/{made.id}").json["waiting_for"]
    name = first.json["paused_by"]
    assert waiting == f"Paused by {name}, a moment ago: 2 tests are left."
    resumed = [change(alice, made, "resume") for _ in range(2)]
    assert [(one.status_code, one.json["paused_at"], one.json["paused_by"]) for one in resumed] == [
        (200, None, None)
    ] * 2
    assert (resumed[0].json["can_pause"], resumed[0].json["can_resume"]) == (True, False)
    assert [alice.count(AuditEntry, action=f"run.{verb}") for verb in ("pause", "resume")] == [1, 1]


def test_an_ended_run_is_neither_paused_nor_resumed(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        made = make_run(scope, RunPlan(project_id=project.id), [Given()])
    for verb in ("pause", "resume"):
        refused = change(alice, made, verb)
        assert (refused.status_code, refused.json["detail"]) == (
            409,
            f"#1 has ended, so there is nothing to {verb}. Run its tests again instead.",
        )


def test_a_paused_run_is_cancelled_at_once(alice: Person, made: MadeRun) -> None:
    change(alice, made, "pause")
    cancelled = change(alice, made, "cancel").json
    assert (cancelled["status"], cancelled["paused_at"], cancelled["totals"]["cancelled"]) == ("cancelled", None, 2)


def test_readers_and_strangers_change_nothing(alice: Person, bob: Person, charlie: Person, made: MadeRun) -> None:
    for verb in ("pause", "resume"):
        assert change(bob, made, verb).status_code == 403
        assert change(charlie, made, verb).status_code == 404
        assert ApiClient(alice.app, None).post(f"/test-runs/{made.id}/{verb}").status_code == 401
    assert alice.api.get(f"/test-runs/{made.id}").json["paused_at"] is None
