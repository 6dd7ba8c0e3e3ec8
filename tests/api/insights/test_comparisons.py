"""GET /comparisons: matched by test, counted, said in a sentence; noise is not called a regression."""

from collections.abc import Sequence

import pytest

from rhesis_app.projects.queries import ProjectView
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.people import Person

P, F, E, U = "passed", "failed", "error", "unscored"


def runs_of(
    person: Person, project: ProjectView, pairs: Sequence[tuple[str | None, str | None]], **second: object
) -> tuple[MadeRun, MadeRun]:
    """Two runs of the same tests: a pair has a test's outcome in both, None where it is not part of that run."""

    def given(side: int) -> list[Given]:
        return [
            Given(
                prompt=f"p{index:03}",
                outcome=pair[side] or "",
                requirement="Tone" if index % 2 else "Facts",
                output=f"answer {side} of {index}",
            )
            for index, pair in enumerate(pairs)
            if pair[side]
        ]

    with person.scope() as scope:
        before = make_run(scope, RunPlan(project_id=project.id), given(0))
        after = make_run(scope, RunPlan(project_id=project.id, same_tests=True, **second), given(1))  # type: ignore[arg-type]
    return before, after


def compared(person: Person, runs: tuple[MadeRun, MadeRun], status: int = 200) -> dict:  # type: ignore[type-arg]
    answer = person.api.get(f"/comparisons?baseline={runs[0].id}&candidate={runs[1].id}")
    assert answer.status_code == status, answer.json
    return answer.json  # type: ignore[no-any-return]


def test_a_regression_is_called_one(alice: Person, project: ProjectView) -> None:
    found = compared(alice, runs_of(alice, project, [(P, F)] * 9 + [(F, P)] + [(P, P)] * 30))
    assert found["sentence"].startswith("#2 is 20.0 points below #1 [")
    assert found["sentence"].endswith("on 40 matched tests: 9 broken, 1 fixed, exact p = 0.021. That is a regression.")
    assert (found["matched"], found["broken"], found["fixed"], found["direction"]) == (40, 9, 1, "worse")
    assert found["difference"]["value"] == pytest.approx(-0.2)
    assert found["difference"]["low"] < -0.2 < found["difference"]["high"] < 0


def test_noise_is_not_called_a_regression(alice: Person, project: ProjectView) -> None:
    found = compared(alice, runs_of(alice, project, [(P, F)] * 4 + [(F, P)] * 3 + [(P, P)] * 20))
    assert "not distinguishable from noise" in found["sentence"]
    assert (found["direction"], found["p_value"]) == ("unclear", 1.0)


def test_fewer_than_six_changes_have_no_p_value(alice: Person, project: ProjectView) -> None:
    found = compared(alice, runs_of(alice, project, [(P, F)] * 5 + [(P, P)] * 20))
    assert found["p_value"] is None
    assert "Fewer than six tests changed" in found["sentence"]
    assert found["direction"] == "unclear"


def test_the_same_is_said_to_be_the_same(alice: Person, project: ProjectView) -> None:
    found = compared(alice, runs_of(alice, project, [(P, P)] * 3 + [(F, F)]))
    assert found["sentence"] == "#2 does as #1 did: all 4 matched tests came out the same."
    assert found["direction"] == "same"


def test_only_like_is_compared_and_the_rest_is_said(alice: Person, project: ProjectView) -> None:
    pairs = [(P, P), (P, E), (U, F), (P, None), (None, F), (F, P)]
    found = compared(alice, runs_of(alice, project, pairs))
    assert (found["matched"], found["fixed"], found["broken"]) == (2, 1, 0)
    comparable = found["comparable"]
    assert (comparable["undecided"], comparable["only_baseline"], comparable["only_candidate"]) == (2, 1, 1)
    assert found["left_out"] == (
        "Left out: 2 with an error or without a verdict in one of the two runs,"
        " 1 only in the baseline, 1 only in the candidate."
    )


def test_broken_tests_come_first_with_both_answers(alice: Person, project: ProjectView) -> None:
    runs = runs_of(alice, project, [(F, P), (P, P), (P, F)])
    tests = compared(alice, runs)["tests"]
    assert [(one["change"], one["prompt"]) for one in tests] == [("broken", "p002"), ("fixed", "p000")]
    assert (tests[0]["baseline_output"], tests[0]["candidate_output"]) == ("answer 0 of 2", "answer 1 of 2")
    assert (tests[0]["baseline_result_id"], tests[0]["candidate_result_id"]) == (
        str(runs[0].result_ids[2]),
        str(runs[1].result_ids[2]),
    )


def test_requirements_are_told_apart_and_their_p_values_held_together(alice: Person, project: ProjectView) -> None:
    pairs = [(P, P) if index % 2 else (P, F) for index in range(20)]
    parts = compared(alice, runs_of(alice, project, pairs))["by_requirement"]
    assert [(one["name"], one["broken"], one["direction"]) for one in parts] == [
        ("Facts", 10, "worse"),
        ("Tone", 0, "same"),
    ]
    assert parts[0]["p_value"] == pytest.approx(2 * 0.5**10)  # one family of one: Tone has nothing to test


def test_what_stands_out_is_said_although_the_whole_does_not_move(alice: Person, project: ProjectView) -> None:
    pairs = [(F, P) if index % 2 else (P, F) for index in range(16)]
    found = compared(alice, runs_of(alice, project, pairs))
    assert found["direction"] == "unclear"
    assert found["standouts"] == [
        "“Facts” is a regression: 8 broken, 0 fixed of 8, adjusted p = 0.016.",
        "“Tone” is an improvement: 0 broken, 8 fixed of 8, adjusted p = 0.016.",
    ]
    assert [part["sentence"] for part in found["by_requirement"]] == found["standouts"]
    assert found["standouts"][0] in alice.web.get("/p/support-copilot/compare?baseline=1&candidate=2").text
    assert found["standouts"][0] in alice.web.get("/p/support-copilot/runs/2/against").text


def test_what_chance_explains_does_not_stand_out(alice: Person, project: ProjectView) -> None:
    pairs = [(P, F) if index % 2 == 0 and index < 10 else (P, P) for index in range(40)]
    found = compared(alice, runs_of(alice, project, pairs))
    assert (found["broken"], found["standouts"]) == (5, [])


def test_by_metric_counts_verdicts(alice: Person, project: ProjectView) -> None:
    (part,) = compared(alice, runs_of(alice, project, [(P, F), (F, P), (P, P)]))["by_metric"]
    assert (part["name"], part["matched"], part["fixed"], part["broken"]) == ("Contains the answer", 3, 1, 1)


def test_runs_under_different_metrics_are_not_compared(alice: Person, project: ProjectView) -> None:
    found = compared(alice, runs_of(alice, project, [(P, F)] * 8, metrics=("Polite",)))
    assert (found["comparable"]["ok"], found["difference"], found["p_value"]) == (False, None, None)
    assert "judged by different metrics (Contains the answer, Polite)" in found["sentence"]


def test_a_review_changes_the_comparison(alice: Person, project: ProjectView) -> None:
    runs = runs_of(alice, project, [(P, F), (P, P)])
    alice.api.post(f"/test-results/{runs[1].result_ids[0]}/reviews", json={"verdict": "passed"})
    assert compared(alice, runs)["broken"] == 0


def test_tests_go_page_by_page(alice: Person, project: ProjectView) -> None:
    runs = runs_of(alice, project, [(P, F)] * 3 + [(P, P)] * 4)
    address = f"/comparisons/tests?baseline={runs[0].id}&candidate={runs[1].id}&change=still_passed&limit=3"
    first = alice.api.get(address)
    assert [one["prompt"] for one in first.json] == ["p003", "p004", "p005"]
    following = first.headers["Link"].split(";")[0].strip("<>")
    assert [one["prompt"] for one in alice.api.get(following).json] == ["p006"]


def test_what_cannot_be_compared_is_refused_at_its_field(alice: Person, project: ProjectView) -> None:
    before, _ = runs_of(alice, project, [(P, P)])
    assert "candidate" in compared(alice, (before, before), 422)["errors"]
    with alice.scope() as scope:
        going = make_run(scope, RunPlan(project_id=project.id, is_finished=False), [Given(outcome="pending")])
    assert "still going on" in compared(alice, (before, going), 422)["errors"]["candidate"][0]
    assert "baseline" in alice.api.get(f"/comparisons?candidate={before.id}").json["errors"]


def test_viewers_may_compare_and_strangers_find_nothing(
    alice: Person, bob: Person, charlie: Person, project: ProjectView
) -> None:
    runs = runs_of(alice, project, [(P, P)])
    assert compared(bob, runs)["matched"] == 1
    compared(charlie, runs, 404)
