"""GET /test-runs/<id>/tests, and what a run says of tests that were asked several times."""

from typing import Any

import pytest

from rhesis_app.projects.queries import ProjectView
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.people import Person

P, F, E = "passed", "failed", "error"
GIVEN = (
    Given(prompt="steady", outcome=P, more=(P, P), requirement="Facts"),
    Given(prompt="flaky", outcome=P, more=(F, P), requirement="Tone"),
    Given(prompt="wrong", outcome=F, more=(F, F), requirement="Tone", output="Never."),
    Given(prompt="away", outcome=P, more=(E, F), requirement="Facts"),
)


@pytest.fixture
def made(alice: Person, project: ProjectView) -> MadeRun:
    return run_of(alice, project)


def run_of(person: Person, project: ProjectView, *given: Given, **plan: Any) -> MadeRun:
    with person.scope() as scope:
        return make_run(scope, RunPlan(project_id=project.id, **plan), given or GIVEN)


def listed(person: Person, made: MadeRun, query: str = "", status: int = 200) -> list[dict[str, Any]]:
    answer = person.api.get(f"/test-runs/{made.id}/tests{query}")
    assert answer.status_code == status, answer.json
    return answer.json  # type: ignore[no-any-return]


def test_every_test_is_one_row_with_its_trials(alice: Person, made: MadeRun) -> None:
    rows = {row["prompt"]: row for row in listed(alice, made)}
    assert list(rows) == ["steady", "flaky", "wrong", "away"]
    flaky = rows["flaky"]
    assert (flaky["trials"], flaky["passed"], flaky["outcome"], flaky["consistent"]) == ([P, F, P], 2, P, False)
    assert (flaky["k"], flaky["pass_hat_k"], flaky["pass_at_k"], flaky["mean"]) == (3, 0.0, 1.0, pytest.approx(2 / 3))
    assert flaky["result_ids"] == [str(one) for one in made.result_ids[3:6]]
    assert (rows["steady"]["pass_hat_k"], rows["steady"]["consistent"]) == (1.0, True)
    away = rows["away"]
    assert (away["outcome"], away["pass_hat_k"], away["result_id"]) == (E, None, str(made.result_ids[10]))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?flaky=true", ["flaky", "away"]),
        ("?outcome=failed", ["wrong"]),
        ("?q=never", ["wrong"]),
        ("?q=nothing", []),
    ],
)
def test_the_list_is_narrowed(alice: Person, made: MadeRun, query: str, found: list[str]) -> None:
    assert [row["prompt"] for row in listed(alice, made, query)] == found


def test_it_is_narrowed_to_a_requirement_and_to_a_metric(alice: Person, made: MadeRun) -> None:
    of = f"?requirement_id={made.requirement_ids['Tone']}"
    assert [row["prompt"] for row in listed(alice, made, of)] == ["flaky", "wrong"]
    failed = f"?metric_id={made.metric_ids['Contains the answer']}"
    assert [row["prompt"] for row in listed(alice, made, failed)] == ["flaky", "wrong", "away"]


@pytest.mark.parametrize("query", ["", "&flaky=false&q=a"])
def test_pages_go_forth_and_back(alice: Person, made: MadeRun, query: str) -> None:
    first = alice.api.get(f"/test-runs/{made.id}/tests?limit=3&count=true{query}")
    assert (len(first.json), first.headers["X-Total-Count"]) == (3, "4")
    following = alice.api.get(first.headers["Link"].split(">")[0].removeprefix("<").partition("/api/v1")[2])
    assert [row["prompt"] for row in following.json] == ["away"]
    back = next(part for part in following.headers["Link"].split(",") if 'rel="prev"' in part)
    again = alice.api.get(back.split(">")[0].strip().removeprefix("<").partition("/api/v1")[2])
    assert again.json == first.json


def test_a_run_of_one_trial_lists_its_tests_as_well(alice: Person, project: ProjectView) -> None:
    made = run_of(alice, project, Given(prompt="a"), Given(prompt="b", outcome=F))
    rows = listed(alice, made)
    assert [(row["trials"], row["passed"], row["k"], row["pass_hat_k"]) for row in rows] == [
        ([P], 1, 1, 1.0),
        ([F], 0, 1, 0.0),
    ]
    run = alice.api.get(f"/test-runs/{made.id}").json
    assert (run["trials"], run["reducer"], run["consistency"]) == (1, None, None)
    assert run["test_totals"] == run["totals"]


def test_a_run_says_what_its_tests_came_to(alice: Person, made: MadeRun) -> None:
    run = alice.api.get(f"/test-runs/{made.id}").json
    assert (run["trials"], run["reducer"]) == (3, {"name": "majority", "k": None})
    assert (run["totals"]["planned"], run["totals"]["passed"], run["test_totals"]["planned"]) == (12, 6, 4)
    assert (run["pass_rate"]["passed"], run["pass_rate"]["n"], run["pass_rate"]["excluded"]) == (2, 3, 1)
    steady = run["consistency"]
    assert (steady["tests"], steady["alike"], steady["flaky"], steady["of_k"]) == (4, 2, 2, 3)


def test_while_it_goes_on_what_is_decided_counts(alice: Person, project: ProjectView) -> None:
    made = run_of(
        alice,
        project,
        Given(prompt="decided", outcome=P, more=(P, "pending")),
        Given(prompt="open", outcome=P, more=("pending", "pending")),
        is_finished=False,
    )
    run = alice.api.get(f"/test-runs/{made.id}").json
    assert (run["totals"]["pending"], run["test_totals"]["passed"], run["test_totals"]["pending"]) == (3, 1, 1)
    assert [(row["outcome"], row["trials"]) for row in listed(alice, made)] == [
        (P, [P, P, "pending"]),
        ("pending", [P, "pending", "pending"]),
    ]
    listed_run = alice.api.get("/test-runs").json[0]
    assert listed_run["test_totals"] == run["test_totals"]


def test_requirements_count_tests_and_metrics_know_that_trials_resemble_each_other(
    alice: Person, project: ProjectView
) -> None:
    alike = [Given(prompt=f"p{n}", outcome=P if n % 2 else F, more=(P if n % 2 else F,) * 9) for n in range(20)]
    made = run_of(alice, project, *alike)
    found = alice.api.get(f"/test-runs/{made.id}/breakdown").json
    assert (found["requirements"][0]["rate"]["n"], found["metrics"][0]["rate"]["n"]) == (20, 200)
    by_test, by_trial = found["requirements"][0]["rate"], found["metrics"][0]["rate"]
    # ten answers that always agree are worth one
    assert by_trial["high"] - by_trial["low"] == pytest.approx(by_test["high"] - by_test["low"], rel=0.05)


def test_viewers_read_and_strangers_do_not(bob: Person, charlie: Person, made: MadeRun) -> None:
    assert len(listed(bob, made)) == 4
    listed(charlie, made, status=404)


def test_a_filter_that_there_is_not_is_refused(alice: Person, made: MadeRun) -> None:
    listed(alice, made, "?flakey=true", status=422)


def test_one_result_names_its_trial_and_the_others(alice: Person, made: MadeRun) -> None:
    result = alice.api.get(f"/test-results/{made.result_ids[4]}").json
    assert result["trial"] == 2
    assert [(one["trial"], one["outcome"]) for one in result["trials"]] == [(1, P), (2, F), (3, P)]
    assert result["trials"][1]["result_id"] == result["id"]


def test_results_of_flaky_tests_are_listed(alice: Person, made: MadeRun) -> None:
    rows = alice.api.get(f"/test-runs/{made.id}/results?flaky=true").json
    assert sorted((row["prompt"], row["trial"]) for row in rows) == [
        (prompt, trial) for prompt in ("away", "flaky") for trial in (1, 2, 3)
    ]
