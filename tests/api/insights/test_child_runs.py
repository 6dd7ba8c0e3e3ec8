"""What gates, comparisons and the trend make of runs that came of other runs."""

from collections.abc import Sequence
from typing import Any

import pytest

from rhesis_app.projects.queries import ProjectView
from rhesis_app.runs.queries.overview import trend_of
from rhesis_app.runs.queries.runs import latest_runs
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.people import Person

P, F, E = "passed", "failed", "error"


def run_of(person: Person, project: ProjectView, outcomes: Sequence[str], **plan: Any) -> MadeRun:
    given = [Given(prompt=f"p{place}", outcome=outcome) for place, outcome in enumerate(outcomes)]
    with person.scope() as scope:
        return make_run(scope, RunPlan(project_id=project.id, same_tests=True, **plan), given)


def part_of(
    person: Person, project: ProjectView, parent: MadeRun, outcomes: Sequence[str], by: str = "failed"
) -> MadeRun:
    """The parent's tests that went wrong, asked again."""
    chosen = {"chosen_by": by, "config": {"chosen_from": parent.number}}
    return run_of(person, project, outcomes, kind="rerun", parent_run_id=parent.id, **chosen)


def score_of(person: Person, project: ProjectView, parent: MadeRun, outcomes: Sequence[str]) -> MadeRun:
    return run_of(
        person, project, outcomes, kind="rescore", parent_run_id=parent.id, config={"answers_of": parent.number}
    )


def gate(person: Person, project: ProjectView, **rule: Any) -> None:
    body = {"project_id": str(project.id), "name": f"Gate {rule['kind']}", "rule": rule}
    assert person.api.post("/gates", body).status_code == 201


def decided(person: Person, run: MadeRun) -> Any:
    (found,) = person.api.post(f"/test-runs/{run.id}/gates").json
    return found


@pytest.mark.parametrize(
    "rule", [{"kind": "pass_rate", "at_least": 0.5}, {"kind": "error_rate"}, {"kind": "no_regression"}]
)
def test_tests_chosen_by_an_outcome_certify_nothing(alice: Person, project: ProjectView, rule: dict[str, Any]) -> None:
    parent = run_of(alice, project, [F] * 29 + [P] * 31)
    gate(alice, project, **rule)
    found = decided(alice, part_of(alice, project, parent, [P] * 29))
    assert found["decision"] == "undecided"
    assert found["sentence"] == "#2 asked only the tests that failed in #1: that says nothing of all of them."


def test_a_tagged_test_that_fails_again_is_still_a_failure(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        tagged = Given(outcome=F, metadata={"tags": ["safety"]})
        parent = make_run(scope, RunPlan(project_id=project.id), [tagged])
        plan = RunPlan(
            project_id=project.id,
            same_tests=True,
            kind="rerun",
            parent_run_id=parent.id,
            chosen_by="failed",
            config={"chosen_from": 1},
        )
        again = make_run(scope, plan, [tagged])
    gate(alice, project, kind="no_failed_tag", tag="safety")
    assert decided(alice, again)["decision"] == "failed"


def test_the_run_before_is_one_that_asked_the_whole_set(alice: Person, project: ProjectView) -> None:
    gate(alice, project, kind="no_regression")
    first = run_of(alice, project, [P] * 30 + [F] * 10)
    part_of(alice, project, first, [P] * 10)
    score_of(alice, project, first, [F] * 40)
    assert decided(alice, run_of(alice, project, [P] * 40))["numbers"]["baseline"] == 1
    whole = run_of(alice, project, [P] * 40, kind="rerun", parent_run_id=first.id)
    assert decided(alice, whole)["numbers"]["baseline"] == 4
    assert decided(alice, run_of(alice, project, [P] * 40))["numbers"]["baseline"] == 5


def test_before_a_score_stands_what_came_before_its_answers(alice: Person, project: ProjectView) -> None:
    gate(alice, project, kind="no_regression")
    run_of(alice, project, [P] * 40)
    second = run_of(alice, project, [P] * 40)
    run_of(alice, project, [P] * 40)
    assert decided(alice, score_of(alice, project, second, [P] * 40))["numbers"]["baseline"] == 1


def test_a_run_of_chosen_tests_is_no_baseline(alice: Person, project: ProjectView) -> None:
    first = run_of(alice, project, [P] * 30 + [F] * 10)
    part = part_of(alice, project, first, [P] * 10)
    gate(alice, project, kind="no_regression", baseline=str(part.id))
    found = decided(alice, run_of(alice, project, [P] * 40))
    assert (found["decision"], found["sentence"]) == (
        "undecided",
        "#2 asked only the tests that failed in #1, so it is no baseline for this run.",
    )


def test_a_new_gate_decides_the_latest_run_that_counts(alice: Person, project: ProjectView) -> None:
    first = run_of(alice, project, [P] * 30 + [F] * 10)
    part = part_of(alice, project, first, [P] * 10)
    gate(alice, project, kind="error_rate")
    assert [len(alice.api.get(f"/test-runs/{run.id}").json["gates"]) for run in (first, part)] == [1, 0]


def test_chosen_tests_are_shown_beside_their_parent_and_no_difference_is_tested(
    alice: Person, project: ProjectView
) -> None:
    parent = run_of(alice, project, [F] * 10 + [P] * 30)
    part = part_of(alice, project, parent, [P] * 7 + [F] * 3)
    found = alice.api.get(f"/comparisons?baseline={parent.id}&candidate={part.id}").json
    assert (found["fixed"], found["broken"], found["difference"], found["p_value"]) == (7, 0, None, None)
    assert (found["comparable"]["ok"], found["comparable"]["chosen_tests"]) == (False, True)
    assert (found["by_requirement"], found["by_metric"], found["direction"]) == ([], [], "unclear")
    assert found["sentence"].startswith(
        "#2 asked only the tests that failed in #1. Of 10 with a verdict in both runs 7 were fixed and 0 broke."
    )
    page = alice.web.get("/p/support-copilot/compare?baseline=1&candidate=2").text
    assert "tests chosen by an outcome" in page


def test_two_runs_of_the_same_choice_compare(alice: Person, project: ProjectView) -> None:
    parent = run_of(alice, project, [F] * 20 + [P] * 5)
    one = part_of(alice, project, parent, [P] * 10 + [F] * 10)
    other = part_of(alice, project, parent, [F] * 20)
    found = alice.api.get(f"/comparisons?baseline={one.id}&candidate={other.id}").json
    assert (found["comparable"]["ok"], found["broken"], found["direction"]) == (True, 10, "worse")


def test_trend_and_overview_leave_out_what_did_not_ask_the_whole_set(alice: Person, project: ProjectView) -> None:
    first = run_of(alice, project, [P, F, F])
    run_of(alice, project, [P, P, F])
    part_of(alice, project, first, [F, F])
    score_of(alice, project, first, [F, F, F])
    with alice.scope() as scope:
        latest = latest_runs(scope, project.id)
        assert [run.number for run in latest] == [4, 3, 2, 1]
        assert [run.number for run in trend_of(latest)] == [1, 2]
    page = alice.web.get("/p/support-copilot/").text
    assert 'Now, run <a href="/p/support-copilot/runs/2">#2</a>' in page
    assert "re-score of #1" in page


def test_compare_offers_the_latest_two_that_count(alice: Person, project: ProjectView) -> None:
    first = run_of(alice, project, [P, F, F])
    run_of(alice, project, [P, P, F])
    part_of(alice, project, first, [F, F])
    page = alice.web.get("/p/support-copilot/compare").text
    assert "Compare run #1 with run #2" in page
