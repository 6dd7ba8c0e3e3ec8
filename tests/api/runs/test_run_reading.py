"""GET /test-runs and /test-runs/<id>: the shape scripts rely on, and who may see it."""

from uuid import uuid4

import pytest

from rhesis_app.projects.queries import ProjectView
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.people import ApiClient, Person

MIXED = (
    Given(prompt="one", requirement="Tone"),
    Given(prompt="two", outcome="failed", requirement="Tone"),
    Given(prompt="three", outcome="error", requirement="Facts"),
    Given(prompt="four", outcome="unscored", verdicts={"Contains the answer": "unscored"}),
    Given(prompt="five", requirement="Facts"),
)


def run_of(person: Person, project: ProjectView, *results: Given, **plan: object) -> MadeRun:
    with person.scope() as scope:
        return make_run(scope, RunPlan(project_id=project.id, **plan), results or MIXED)  # type: ignore[arg-type]


def test_a_finished_run_has_the_shape_that_scripts_rely_on(alice: Person, project: ProjectView) -> None:
    made = run_of(alice, project)
    answer = alice.api.get(f"/test-runs/{made.id}")
    assert answer.status_code == 200
    run = answer.json
    assert run["id"] == str(made.id)
    assert (run["number"], run["kind"], run["status"], run["outcome"]) == (1, "run", "partial", "failed")
    assert run["totals"] == {
        "planned": 5,
        "passed": 2,
        "failed": 1,
        "error": 1,
        "unscored": 1,
        "pending": 0,
        "cancelled": 0,
    }
    rate = run["pass_rate"]
    assert (rate["passed"], rate["n"], rate["excluded"], rate["final"]) == (2, 3, 2, True)
    assert rate["low"] < rate["value"] < rate["high"]
    assert run["test_set"] == {"id": str(made.test_set_id), "name": "Release regression", "version": 1}
    assert run["endpoint"] == {"id": str(made.endpoint_id), "name": "copilot-staging"}
    assert [metric["name"] for metric in run["metrics"]] == ["Contains the answer"]
    assert run["started_by"] == "Alice"
    assert run["duration_ms"] == pytest.approx(60_000)
    assert (run["can_cancel"], run["can_execute"]) == (False, True)


def test_a_running_one_is_counted_and_says_that_its_rate_is_not_final(alice: Person, project: ProjectView) -> None:
    made = run_of(alice, project, *MIXED, Given(outcome="pending"), is_finished=False)
    run = alice.api.get(f"/test-runs/{made.id}").json
    assert (run["status"], run["outcome"], run["finished_at"]) == ("running", "none", None)
    assert run["totals"]["planned"] == sum(run["totals"].values()) - run["totals"]["planned"] == 6
    assert run["totals"]["pending"] == 1
    assert run["pass_rate"]["final"] is False
    assert run["can_cancel"] is True


def test_a_run_that_decided_nothing_has_no_rate(alice: Person, project: ProjectView) -> None:
    made = run_of(alice, project, Given(outcome="error"))
    run = alice.api.get(f"/test-runs/{made.id}").json
    assert run["status"] == "errored"
    assert run["pass_rate"] == {
        "value": None,
        "low": None,
        "high": None,
        "passed": 0,
        "n": 0,
        "excluded": 1,
        "final": True,
    }


def test_waiting_for_a_finished_run_answers_at_once(alice: Person, project: ProjectView) -> None:
    made = run_of(alice, project)
    assert alice.api.get(f"/test-runs/{made.id}?wait=30").json["status"] == "partial"


def test_waiting_ends_when_the_time_is_over(alice: Person, project: ProjectView) -> None:
    made = run_of(alice, project, Given(outcome="pending"), is_finished=False)
    assert alice.api.get(f"/test-runs/{made.id}?wait=1").json["status"] == "running"


@pytest.mark.parametrize("query", ["wait=61", "wait=-1", "wait=soon", "wait=1&wait=2", "fast=1"])
def test_a_strange_wait_is_refused(alice: Person, project: ProjectView, query: str) -> None:
    assert alice.api.get(f"/test-runs/{run_of(alice, project).id}?{query}").status_code == 422


def test_the_list_is_newest_first_and_goes_page_by_page(alice: Person, project: ProjectView) -> None:
    for _ in range(3):
        run_of(alice, project)
    first = alice.api.get("/test-runs?limit=2&count=true")
    assert [run["number"] for run in first.json] == [3, 2]
    assert first.headers["X-Total-Count"] == "3"
    link = first.headers["Link"].split(">")[0][1:]
    assert [run["number"] for run in alice.api.get(link).json] == [1]


def test_the_list_filters(alice: Person, project: ProjectView) -> None:
    done = run_of(alice, project, test_set="One", endpoint="prod")
    going = run_of(alice, project, Given(outcome="pending"), is_finished=False, test_set="Two")

    def numbers(query: str) -> list[int]:
        return [run["number"] for run in alice.api.get(f"/test-runs?{query}").json]

    assert numbers("status=running") == [going.number]
    assert numbers("status=partial") == [done.number]
    assert numbers(f"test_set_id={going.test_set_id}") == [going.number]
    assert numbers(f"endpoint_id={done.endpoint_id}") == [done.number]
    assert numbers(f"project_id={project.id}") == [going.number, done.number]
    assert alice.api.get("/test-runs?status=over").status_code == 422


def test_a_list_counts_what_runs(alice: Person, project: ProjectView) -> None:
    run_of(alice, project, Given(), Given(outcome="pending"), is_finished=False)
    (run,) = alice.api.get("/test-runs").json
    assert (run["totals"]["passed"], run["totals"]["pending"]) == (1, 1)


def test_rates_by_requirement_and_metric(alice: Person, project: ProjectView) -> None:
    made = run_of(alice, project)
    found = alice.api.get(f"/test-runs/{made.id}/breakdown").json
    assert [
        (one["name"], one["rate"]["passed"], one["rate"]["n"], one["rate"]["excluded"]) for one in found["requirements"]
    ] == [
        ("Tone", 1, 2, 0),
        ("Facts", 1, 1, 1),
        (None, 0, 0, 1),
    ]
    (metric,) = found["metrics"]
    assert (metric["name"], metric["rate"]["passed"], metric["rate"]["n"], metric["unscored"]) == (
        "Contains the answer",
        2,
        3,
        1,
    )


def test_a_metric_that_does_not_apply_is_no_part_of_its_rate(alice: Person, project: ProjectView) -> None:
    made = run_of(
        alice, project, Given(), Given(outcome="unscored", verdicts={"Contains the answer": "not_applicable"})
    )
    (metric,) = alice.api.get(f"/test-runs/{made.id}/breakdown").json["metrics"]
    assert (metric["rate"]["n"], metric["rate"]["excluded"], metric["not_applicable"]) == (1, 0, 1)


def test_a_metric_that_has_judged_nothing_is_there(alice: Person, project: ProjectView) -> None:
    made = run_of(alice, project, Given(outcome="pending"), is_finished=False)
    (metric,) = alice.api.get(f"/test-runs/{made.id}/breakdown").json["metrics"]
    assert (metric["name"], metric["rate"]["value"]) == ("Contains the answer", None)


def test_what_is_told_of_a_run_is_of_that_run_alone(alice: Person, project: ProjectView) -> None:
    first = run_of(alice, project, Given(requirement="Tone"), Given(outcome="failed", requirement="Tone"))
    run_of(alice, project, *[Given(requirement="Tone")] * 5, is_finished=False)
    found = alice.api.get(f"/test-runs/{first.id}/breakdown").json
    assert [one["rate"]["n"] for one in (*found["requirements"], *found["metrics"])] == [2, 2]
    assert len(alice.api.get(f"/test-runs/{first.id}/results").json) == 2
    assert len(alice.api.get(f"/test-runs/{first.id}/export?format=json.run").get_json(force=True)["results"]) == 2
    assert [run["totals"]["passed"] for run in alice.api.get("/test-runs").json] == [5, 1]


def addresses(made: MadeRun) -> list[str]:
    run = f"/test-runs/{made.id}"
    return [
        run,
        f"{run}/results",
        f"{run}/breakdown",
        f"{run}/export?format=csv.results",
        f"/test-results/{made.result_ids[0]}",
    ]


def test_readers_may_read_everything(alice: Person, bob: Person, project: ProjectView) -> None:
    for address in addresses(run_of(alice, project)):
        assert bob.api.get(address).status_code == 200, address


def test_a_viewer_is_told_what_not_to_offer(alice: Person, bob: Person, project: ProjectView) -> None:
    made = run_of(alice, project, Given(outcome="pending"), is_finished=False)
    run = bob.api.get(f"/test-runs/{made.id}").json
    assert (run["can_cancel"], run["can_execute"]) == (False, False)


def test_strangers_get_404_and_see_no_list(alice: Person, charlie: Person, project: ProjectView) -> None:
    for address in addresses(run_of(alice, project)):
        assert charlie.api.get(address).status_code == 404, address
    assert charlie.api.get("/test-runs").json == []
    assert charlie.api.get(f"/test-runs?project_id={project.id}").json == []


def test_nobody_reads_without_a_credential(alice: Person, project: ProjectView) -> None:
    for address in addresses(run_of(alice, project)):
        assert ApiClient(alice.app, None).get(address).status_code == 401, address


def test_an_unknown_run_is_404(alice: Person) -> None:
    for address in (f"/test-runs/{uuid4()}", f"/test-runs/{uuid4()}/results", f"/test-runs/{uuid4()}/breakdown"):
        assert alice.api.get(address).status_code == 404, address
    assert alice.api.get("/test-runs/seven").status_code == 404
