"""Gates: three-valued claims, decided when a run ends and whenever its numbers change."""

from typing import Any

import pytest

from rhesis_app.projects.queries import ProjectView
from rhesis_app.runs.actions.finalise import finalise_run
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.people import Person

RATE = {"kind": "pass_rate", "at_least": 0.9, "confidence": 0.95, "max_error_rate": 0.02}


def run_with(person: Person, project: ProjectView, passed: int = 0, failed: int = 0, error: int = 0) -> MadeRun:
    given = [Given(prompt=f"p{i}") for i in range(passed)]
    given += [Given(prompt=f"f{i}", outcome="failed") for i in range(failed)]
    given += [Given(prompt=f"e{i}", outcome="error") for i in range(error)]
    with person.scope() as scope:
        return make_run(scope, RunPlan(project_id=project.id, same_tests=True), given)


def gate(person: Person, project: ProjectView, rule: Any, status: int = 201, name: str = "Release") -> dict[str, Any]:
    answer = person.api.post("/gates", json={"project_id": str(project.id), "name": name, "rule": rule})
    assert answer.status_code == status, answer.json
    return answer.json  # type: ignore[no-any-return]


def decisions(person: Person, run: MadeRun) -> list[dict[str, Any]]:
    return person.api.get(f"/test-runs/{run.id}").json["gates"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("passed", "failed", "error", "decision", "said"),
    [
        (19, 1, 0, "undecided", "between 78.4 %"),
        (29, 0, 0, "passed", "which clears 90 %"),
        (15, 0, 0, "undecided", "Needs about 14 more"),
        (10, 10, 0, "failed", "which is below 90 %"),
        (90, 0, 10, "undecided", "10 of 100 tests have no verdict"),
        (0, 90, 10, "undecided", "run them again"),
    ],
)
def test_a_pass_rate_is_certified_refuted_or_undecided(
    alice: Person, project: ProjectView, passed: int, failed: int, error: int, decision: str, said: str
) -> None:
    run = run_with(alice, project, passed, failed, error)
    gate(alice, project, RATE)
    (found,) = decisions(alice, run)
    assert (found["name"], found["decision"]) == ("Release", decision)
    assert said in found["sentence"]
    assert (found["numbers"]["passed"], found["numbers"]["planned"]) == (passed, passed + failed + error)


def test_a_run_is_decided_in_the_transaction_that_ends_it(alice: Person, project: ProjectView) -> None:
    gate(alice, project, {"kind": "error_rate"})
    with alice.scope() as scope:
        plan = RunPlan(project_id=project.id, is_finished=False, is_cancelled=True)
        run = make_run(scope, plan, [Given(), Given(outcome="cancelled")])
        assert finalise_run(scope, run.id)
    (found,) = decisions(alice, run)
    assert (found["decision"], found["numbers"]["left_out"]) == ("failed", 1)


def test_a_review_makes_the_gates_decide_again(alice: Person, project: ProjectView) -> None:
    run = run_with(alice, project, 29, 1)
    gate(alice, project, RATE)
    assert decisions(alice, run)[0]["decision"] == "undecided"
    alice.api.post(f"/test-results/{run.result_ids[29]}/reviews", json={"verdict": "passed"})
    assert decisions(alice, run)[0]["decision"] == "passed"


def test_no_regression_fails_on_more_than_chance_and_is_undecided_on_noise(alice: Person, project: ProjectView) -> None:
    gate(alice, project, {"kind": "no_regression"})

    def run_of(broken: int) -> dict[str, Any]:
        given = [Given(prompt=f"p{i}", outcome="failed" if i < broken else "passed") for i in range(60)]
        with alice.scope() as scope:
            run = make_run(scope, RunPlan(project_id=project.id, same_tests=True), given)
        alice.api.post(f"/test-runs/{run.id}/gates")
        return decisions(alice, run)[0]

    first = run_of(0)
    assert (first["decision"], first["sentence"]) == (
        "undecided",
        "There is no earlier run of this test set to compare with.",
    )
    assert run_of(1)["decision"] == "undecided"
    worse = run_of(20)
    assert worse["decision"] == "failed"
    assert "A regression against #2" in worse["sentence"]
    assert worse["numbers"]["broken"] == 19


def test_no_regression_passes_when_a_loss_of_the_margin_is_ruled_out(alice: Person, project: ProjectView) -> None:
    gate(alice, project, {"kind": "no_regression", "margin": 0.05})
    given = [Given(prompt=f"p{i}") for i in range(120)]
    with alice.scope() as scope:
        make_run(scope, RunPlan(project_id=project.id), given)
        run = make_run(scope, RunPlan(project_id=project.id, same_tests=True), given)
    (found,) = alice.api.post(f"/test-runs/{run.id}/gates").json
    assert found["decision"] == "passed", found


@pytest.mark.parametrize(
    ("outcomes", "decision"),
    [
        (("passed", "passed", "failed"), "passed"),
        (("failed", "passed", "passed"), "failed"),
        (("passed", "error", "passed"), "undecided"),
    ],
)
def test_no_failed_test_with_a_tag(
    alice: Person, project: ProjectView, outcomes: tuple[str, ...], decision: str
) -> None:
    marks: list[dict[str, Any]] = [{"tags": ["safety", "x"]}, {"tag": "safety"}, {}]
    given = [Given(prompt=o + str(i), outcome=o, metadata=marks[i]) for i, o in enumerate(outcomes)]
    given += [Given(prompt=f"more {i}") for i in range(97)]
    with alice.scope() as scope:
        run = make_run(scope, RunPlan(project_id=project.id), given)
    gate(alice, project, {"kind": "no_failed_tag", "tag": "safety"})
    assert decisions(alice, run)[0]["decision"] == decision


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"kind": "vibes"}, "Choose a kind"),
        ({}, "Choose a kind"),
        ({"kind": "pass_rate", "at_least": 90}, "at_least is a share"),
        ({"kind": "pass_rate", "at_least": True}, "at_least is a share"),
        ({"kind": "pass_rate", "confidence": 1}, "confidence is a share"),
        ({"kind": "pass_rate", "margin": 0.1}, "pass_rate has no margin"),
        ({"kind": "no_failed_tag"}, "tag is the tag"),
        ({"kind": "no_regression", "baseline": "last week"}, "baseline is"),
        ({"kind": "no_regression", "baseline": "0190b6f0-0000-7000-8000-000000000000"}, "no run of this project"),
    ],
)
def test_a_bad_rule_is_said_at_its_field(alice: Person, project: ProjectView, rule: Any, said: str) -> None:
    assert said in gate(alice, project, rule, 422)["errors"]["rule"][0]


def test_gates_are_edited_archived_and_restored(alice: Person, project: ProjectView) -> None:
    made = gate(alice, project, {"kind": "pass_rate"})
    assert made["rule"] == RATE
    assert made["words"] == "≥ 90 % at 95 %"
    gate(alice, project, RATE, 409)
    changed = alice.api.patch(f"/gates/{made['id']}", json={"rule": {"kind": "pass_rate", "at_least": 0.8}})
    assert changed.json["words"] == "≥ 80 % at 95 %"
    assert alice.api.delete(f"/gates/{made['id']}").json["archived_at"]
    assert alice.api.get(f"/gates?project_id={project.id}").json == []
    assert alice.api.post(f"/gates/{made['id']}/restore").json["archived_at"] is None
    assert len(alice.api.get("/gates").json) == 1


def test_an_old_decision_keeps_its_rule(alice: Person, project: ProjectView) -> None:
    run = run_with(alice, project, 29)
    made = gate(alice, project, RATE)
    run_with(alice, project, 5)
    alice.api.patch(f"/gates/{made['id']}", json={"rule": {"kind": "pass_rate", "at_least": 0.99}})
    assert decisions(alice, run)[0]["words"] == "≥ 90 % at 95 %"


def test_viewers_read_and_change_nothing_and_strangers_find_nothing(
    alice: Person, bob: Person, charlie: Person, project: ProjectView
) -> None:
    run = run_with(alice, project, 5)
    made = gate(alice, project, RATE)
    assert len(bob.api.get("/gates").json) == 1
    assert bob.api.get(f"/test-runs/{run.id}/gates").json[0]["decision"] == "undecided"
    gate(bob, project, RATE, 403, name="Mine")
    assert bob.api.delete(f"/gates/{made['id']}").status_code == 403
    assert bob.api.post(f"/test-runs/{run.id}/gates").status_code == 403
    assert charlie.api.get(f"/gates/{made['id']}").status_code == 404
    assert charlie.api.get(f"/test-runs/{run.id}/gates").status_code == 404
    gate(charlie, project, RATE, 404)
