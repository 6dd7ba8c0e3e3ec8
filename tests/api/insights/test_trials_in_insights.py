"""Comparisons and gates of runs with several trials: the test is the unit, because its trials are not independent."""

from typing import Any

import pytest

from rhesis_app.projects.queries import ProjectView
from tests.api.insights.test_gates import RATE, decisions, gate
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.people import Person

P, F, E = "passed", "failed", "error"


def run_of(person: Person, project: ProjectView, outcomes: list[tuple[str, ...]], **plan: Any) -> MadeRun:
    given = [Given(prompt=f"p{index:03}", outcome=one[0], more=one[1:]) for index, one in enumerate(outcomes)]
    with person.scope() as scope:
        return make_run(scope, RunPlan(project_id=project.id, same_tests=True, **plan), given)


def compared(person: Person, before: MadeRun, after: MadeRun) -> dict[str, Any]:
    answer = person.api.get(f"/comparisons?baseline={before.id}&candidate={after.id}")
    assert answer.status_code == 200, answer.json
    return answer.json  # type: ignore[no-any-return]


def test_two_runs_are_matched_by_test(alice: Person, project: ProjectView) -> None:
    before = run_of(alice, project, [(P, P, F)] * 10 + [(F, F, P)] + [(P, P, P)] * 9)
    after = run_of(alice, project, [(F, F, P)] * 10 + [(P, F, P)] + [(P, P, E)] * 8 + [(P, E, E)])
    found = compared(alice, before, after)
    assert (found["matched"], found["broken"], found["fixed"], found["still_passed"]) == (19, 10, 1, 8)
    assert (found["comparable"]["undecided"], found["direction"]) == (1, "worse")
    assert "on 19 matched tests" in found["sentence"]
    assert [one["name"] for one in found["by_metric"]] == ["Contains the answer"]
    assert found["by_metric"][0]["matched"] == 20
    broken = found["tests"][0]
    assert (broken["change"], broken["baseline_outcome"], broken["candidate_outcome"]) == ("broken", P, F)
    # the answers shown are of trials that came out as their tests did
    assert broken["baseline_result_id"] == str(before.result_ids[0])
    assert broken["candidate_result_id"] == str(after.result_ids[0])


@pytest.mark.parametrize(
    ("outcomes", "plan", "said"),
    [
        (
            [(P,)] * 3,
            {},
            "In #1 a test is asked 3 times and passes when more than half of its trials pass; in #2 a test is asked once.",
        ),
        ([(P, P, P)] * 3, {"config": {"reducer": {"name": "all"}}}, "passes when all of its trials pass."),
    ],
)
def test_what_passing_means_must_be_the_same(
    alice: Person, project: ProjectView, outcomes: list[tuple[str, ...]], plan: dict[str, Any], said: str
) -> None:
    before = run_of(alice, project, [(P, P, F)] * 3)
    gate(alice, project, {"kind": "no_regression"})
    after = run_of(alice, project, outcomes, **plan)
    found = compared(alice, before, after)
    assert (found["comparable"]["ok"], found["comparable"]["same_trials"], found["difference"]) == (False, False, None)
    assert said in found["sentence"]
    assert alice.api.post(f"/test-runs/{after.id}/gates").status_code == 200
    (decided,) = decisions(alice, after)
    assert (decided["decision"], said in decided["sentence"]) == ("undecided", True)


def test_a_gate_claims_a_rate_of_tests(alice: Person, project: ProjectView) -> None:
    """27 answers that passed certify 90 % only as 27 tests, never as three times nine."""
    few = run_of(alice, project, [(P, P, P)] * 9 + [(F, F, F)])
    many = run_of(alice, project, [(P, P, F)] * 29)
    gate(alice, project, RATE)
    alice.api.post(f"/test-runs/{few.id}/gates")
    assert decisions(alice, few)[0]["decision"] == "undecided"
    assert decisions(alice, few)[0]["numbers"]["planned"] == 10
    (decided,) = decisions(alice, many)
    assert (decided["decision"], decided["numbers"]["passed"], decided["numbers"]["n"]) == ("passed", 29, 29)


def test_a_gate_without_failed_tags_looks_at_tests(alice: Person, project: ProjectView) -> None:
    given = [Given(prompt="a", outcome=P, more=(F, P), metadata={"tags": ["safety"]})]
    with alice.scope() as scope:
        run = make_run(scope, RunPlan(project_id=project.id), given)
    gate(alice, project, {"kind": "no_failed_tag", "tag": "safety"})
    assert decisions(alice, run)[0]["decision"] == "passed"


def test_a_rerun_of_flaky_tests_certifies_nothing(alice: Person, project: ProjectView) -> None:
    parent = run_of(alice, project, [(P, F, P)] * 3)
    run = run_of(
        alice,
        project,
        [(P, P, P)] * 3,
        kind="rerun",
        parent_run_id=parent.id,
        chosen_by="flaky",
        config={"chosen_from": 1},
    )
    gate(alice, project, RATE)
    alice.api.post(f"/test-runs/{run.id}/gates")
    (decided,) = decisions(alice, run)
    assert (decided["decision"], "the tests that had trials that disagreed in #1" in decided["sentence"]) == (
        "undecided",
        True,
    )
