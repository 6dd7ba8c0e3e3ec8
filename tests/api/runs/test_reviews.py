"""Reviews over the API: the effective outcome follows at once, in the result, the run, its breakdown and its exports."""

import csv
import io

import pytest

from rhesis_app.projects.queries import ProjectView
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.people import Person

METRICS = ("Contains the answer", "Polite")
RESULTS = (
    Given(prompt="one", requirement="Tone", verdicts=dict.fromkeys(METRICS, "passed")),
    Given(
        prompt="two",
        outcome="failed",
        requirement="Tone",
        verdicts={"Contains the answer": "failed", "Polite": "passed"},
    ),
    Given(
        prompt="three",
        outcome="unscored",
        requirement="Facts",
        verdicts={"Contains the answer": "unscored", "Polite": "passed"},
    ),
    Given(prompt="four", outcome="error", requirement="Facts"),
)


@pytest.fixture
def made(alice: Person, project: ProjectView) -> MadeRun:
    with alice.scope() as scope:
        return make_run(scope, RunPlan(project_id=project.id, metrics=METRICS), RESULTS)


def review(person: Person, made: MadeRun, which: int, status: int = 201, **body: object) -> dict:  # type: ignore[type-arg]
    answer = person.api.post(f"/test-results/{made.result_ids[which]}/reviews", json=body)
    assert answer.status_code == status, answer.json
    return answer.json  # type: ignore[no-any-return]


def evaluation_id(alice: Person, made: MadeRun, which: int, metric: str) -> str:
    found = alice.api.get(f"/test-results/{made.result_ids[which]}").json["evaluations"]
    return next(one["id"] for one in found if one["metric"] == metric)


def counts(alice: Person, made: MadeRun) -> tuple[int, int, int, int]:
    totals = alice.api.get(f"/test-runs/{made.id}").json["totals"]
    return totals["passed"], totals["failed"], totals["error"], totals["unscored"]


def test_a_review_of_a_result_decides_it_and_keeps_what_the_metrics_found(alice: Person, made: MadeRun) -> None:
    shown = review(alice, made, 1, verdict="passed", comment="Right in other words.")
    assert (shown["outcome"], shown["automated_outcome"], shown["is_reviewed"]) == ("passed", "failed", True)
    (said,) = shown["reviews"]
    assert (said["verdict"], said["comment"], said["author"], said["is_current"]) == (
        "passed",
        "Right in other words.",
        "Alice",
        True,
    )


def test_the_runs_numbers_follow_at_once_everywhere(alice: Person, made: MadeRun) -> None:
    assert counts(alice, made) == (1, 1, 1, 1)
    review(alice, made, 1, verdict="passed")
    assert counts(alice, made) == (2, 0, 1, 1)
    run = alice.api.get(f"/test-runs/{made.id}").json
    assert (run["outcome"], run["pass_rate"]["passed"], run["pass_rate"]["n"]) == ("passed", 2, 2)
    tone = next(
        one for one in alice.api.get(f"/test-runs/{made.id}/breakdown").json["requirements"] if one["name"] == "Tone"
    )
    assert (tone["rate"]["passed"], tone["rate"]["n"]) == (2, 2)
    assert alice.api.get(f"/test-runs/{made.id}/results?outcome=failed").json == []
    exported = alice.api.get(f"/test-runs/{made.id}/export?format=csv.results").text
    assert [row["outcome"] for row in csv.DictReader(io.StringIO(exported))] == [
        "passed",
        "passed",
        "unscored",
        "error",
    ]


def test_a_review_of_an_evaluation_decides_the_result_anew(alice: Person, made: MadeRun) -> None:
    review(alice, made, 1, verdict="passed", evaluation_id=evaluation_id(alice, made, 1, "Contains the answer"))
    assert counts(alice, made) == (2, 0, 1, 1)
    review(alice, made, 0, verdict="failed", evaluation_id=evaluation_id(alice, made, 0, "Polite"))
    assert counts(alice, made) == (1, 1, 1, 1)
    metric = next(
        one for one in alice.api.get(f"/test-runs/{made.id}/breakdown").json["metrics"] if one["name"] == "Polite"
    )
    assert (metric["rate"]["passed"], metric["rate"]["n"]) == (2, 3)


def test_a_review_of_the_whole_wins_over_reviews_of_its_parts(alice: Person, made: MadeRun) -> None:
    review(alice, made, 1, verdict="failed")
    review(alice, made, 1, verdict="passed", evaluation_id=evaluation_id(alice, made, 1, "Contains the answer"))
    assert counts(alice, made) == (1, 1, 1, 1)


def test_a_reviewed_unscored_result_is_decided(alice: Person, made: MadeRun) -> None:
    review(alice, made, 2, verdict="failed")
    assert counts(alice, made) == (1, 2, 1, 0)


def test_a_newer_review_supersedes_and_the_older_stays_to_be_read(alice: Person, made: MadeRun) -> None:
    review(alice, made, 1, verdict="passed")
    review(alice, made, 1, verdict="failed")
    said = alice.api.get(f"/test-results/{made.result_ids[1]}/reviews").json
    assert [(one["verdict"], one["is_current"]) for one in said] == [("failed", True), ("passed", False)]


def test_withdrawing_brings_the_metrics_word_back(alice: Person, made: MadeRun) -> None:
    (said,) = review(alice, made, 1, verdict="passed")["reviews"]
    answer = alice.api.delete(f"/reviews/{said['id']}")
    assert (answer.status_code, answer.json["outcome"], answer.json["is_reviewed"]) == (200, "failed", False)
    assert counts(alice, made) == (1, 1, 1, 1)


def test_a_result_without_an_answer_cannot_be_reviewed(alice: Person, made: MadeRun) -> None:
    assert "no answer" in review(alice, made, 3, 422, verdict="passed")["detail"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"verdict": "unscored"}, "verdict"),
        ({}, "verdict"),
        ({"verdict": "passed", "comment": "x" * 4_001}, "comment"),
        ({"verdict": "passed", "evaluation_id": "0190b6f0-0000-7000-8000-000000000000"}, "evaluation_id"),
    ],
)
def test_bad_input_is_said_at_its_field(alice: Person, made: MadeRun, body: dict[str, object], field: str) -> None:
    assert field in review(alice, made, 1, 422, **body)["errors"]


def test_viewers_may_read_reviews_and_write_none(alice: Person, bob: Person, made: MadeRun) -> None:
    review(alice, made, 1, verdict="passed")
    assert len(bob.api.get(f"/test-results/{made.result_ids[1]}/reviews").json) == 1
    review(bob, made, 1, 403, verdict="failed")
    assert bob.api.get(f"/test-results/{made.result_ids[1]}").json["can_review"] is False


def test_strangers_find_nothing(charlie: Person, alice: Person, made: MadeRun) -> None:
    (said,) = review(alice, made, 1, verdict="passed")["reviews"]
    review(charlie, made, 1, 404, verdict="failed")
    assert charlie.api.get(f"/test-results/{made.result_ids[1]}/reviews").status_code == 404
    assert charlie.api.delete(f"/reviews/{said['id']}").status_code == 404
