"""How many statements the reading of runs takes: the same for a few rows and for many."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest

from rhesis_app.projects.queries import ProjectView
from rhesis_app.runs.actions.drive import drive_run
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.jobs.runs.world import make_world
from tests.people import Person
from tests.scripted_endpoint import ScriptedEndpoint, json_reply

Watch = Callable[[], AbstractContextManager[list[str]]]
METRICS = ("a", "b", "c")
OUTCOMES = ("passed", "failed", "error", "unscored")


def many(count: int, *, pending: int = 0) -> list[Given]:
    done = [Given(prompt=f"p{n}", requirement=f"R{n % 5}", outcome=OUTCOMES[n % 4]) for n in range(count)]
    return done + [Given(prompt="later", outcome="pending")] * pending


def run_of(alice: Person, project: ProjectView, results: list[Given], *, is_finished: bool = True) -> MadeRun:
    with alice.scope() as scope:
        return make_run(scope, RunPlan(project_id=project.id, metrics=METRICS, is_finished=is_finished), results)


def taken(statements: Watch, get: Callable[[], object]) -> int:
    get()  # the client's own credential is made at first use
    with statements() as seen:
        get()
    return len(seen)


@pytest.mark.parametrize("is_finished", [True, False])
def test_the_page_of_a_run_takes_at_most_eight(
    alice: Person, project: ProjectView, statements: Watch, is_finished: bool
) -> None:
    pending = 0 if is_finished else 3
    for count in (5, 500):
        run_of(alice, project, many(count, pending=pending), is_finished=is_finished)
    small, large = (
        taken(statements, lambda number=number: alice.web.get(f"/p/support-copilot/runs/{number}")) for number in (1, 2)
    )
    assert small == large <= 8


def test_a_poll_that_finds_nothing_new_takes_five(alice: Person, project: ProjectView, statements: Watch) -> None:
    run_of(alice, project, many(500, pending=3), is_finished=False)
    page = alice.web.get("/p/support-copilot/runs/1").text
    address = page.split('hx-get="')[1].split('"')[0].replace("&amp;", "&")
    with statements() as seen:
        assert alice.web.get(address).status_code == 204
    assert len(seen) <= 5


@pytest.mark.parametrize("query", ["", "?outcome=failed", "?q=p1", "?count=true&limit=200"])
def test_lists_of_results_take_at_most_six(alice: Person, project: ProjectView, statements: Watch, query: str) -> None:
    runs = [run_of(alice, project, many(count)) for count in (5, 500)]
    small, large = (
        taken(statements, lambda run=run: alice.api.get(f"/test-runs/{run.id}/results{query}")) for run in runs
    )
    assert small == large <= 6


def with_trials(count: int, *, pending: int = 0) -> list[Given]:
    done = [replace(one, more=(OUTCOMES[n % 3], one.outcome)) for n, one in enumerate(many(count))]
    return done + [Given(prompt="later", outcome="pending", more=("pending", "pending"))] * pending


@pytest.mark.parametrize("is_finished", [True, False])
def test_runs_with_several_trials_take_no_more(
    alice: Person, project: ProjectView, statements: Watch, is_finished: bool
) -> None:
    pending = 0 if is_finished else 3
    runs = [run_of(alice, project, with_trials(count, pending=pending), is_finished=is_finished) for count in (5, 500)]
    for address, most in (("", 5), ("/tests", 6), ("/tests?flaky=true&limit=200", 6), ("/tests?count=true&q=p1", 6)):
        small, large = (
            taken(statements, lambda run=run, at=address: alice.api.get(f"/test-runs/{run.id}{at}")) for run in runs
        )
        assert small == large <= most, address
    for query in ("", "?flaky=1", "?outcome=failed"):
        small, large = (
            taken(statements, lambda run=run, at=query: alice.web.get(f"/p/support-copilot/runs/{run.number}{at}"))
            for run in runs
        )
        assert small == large <= 8, query


def test_one_run_takes_four_and_one_result_four(alice: Person, project: ProjectView, statements: Watch) -> None:
    done = run_of(alice, project, many(50))
    going = run_of(alice, project, many(50, pending=2), is_finished=False)
    assert taken(statements, lambda: alice.api.get(f"/test-runs/{done.id}")) <= 4
    assert taken(statements, lambda: alice.api.get(f"/test-runs/{going.id}")) <= 4
    assert taken(statements, lambda: alice.api.get(f"/test-results/{done.result_ids[0]}")) <= 4


def test_lists_of_runs_take_the_same_for_few_and_many(alice: Person, project: ProjectView, statements: Watch) -> None:
    def counts() -> tuple[int, ...]:
        return (
            taken(statements, lambda: alice.api.get("/test-runs?count=true&limit=200")),
            taken(statements, lambda: alice.web.get("/p/support-copilot/runs")),
            taken(statements, lambda: alice.web.get("/p/support-copilot/")),
        )

    for _ in range(2):
        run_of(alice, project, many(2, pending=1), is_finished=False)
        run_of(alice, project, many(2))
    few = counts()
    for _ in range(30):
        run_of(alice, project, many(1))
        run_of(alice, project, many(1, pending=1), is_finished=False)
    assert counts() == few
    api, page, overview = few
    assert api <= 6
    assert page <= 8
    assert overview <= 8


def test_the_page_of_one_result_and_the_forms_take_at_most_eight(
    alice: Person, project: ProjectView, statements: Watch
) -> None:
    made = run_of(alice, project, many(50))
    for address in (
        f"runs/1/results/{made.result_ids[7]}",
        f"runs/new?test_set={made.test_set_id}",
        "runs/new",
        "quick-check",
    ):
        assert taken(statements, lambda address=address: alice.web.get(f"/p/support-copilot/{address}")) <= 8, address


def test_an_export_takes_one_for_every_batch(alice: Person, project: ProjectView, statements: Watch) -> None:
    small, large = (run_of(alice, project, many(count)) for count in (5, 1200))
    few = taken(statements, lambda: alice.api.get(f"/test-runs/{small.id}/export?format=json.run").data)
    lots = taken(statements, lambda: alice.api.get(f"/test-runs/{large.id}/export?format=json.run").data)
    assert lots - few == 2


@pytest.mark.parametrize("verb", ["rerun", "rescore"])
def test_starting_from_an_ended_run_takes_the_same_for_few_and_many(
    alice: Person, project: ProjectView, statements: Watch, verb: str
) -> None:
    small, large = (run_of(alice, project, many(count)) for count in (8, 800))
    few, lots = (
        taken(statements, lambda run=run: alice.api.post(f"/test-runs/{run.id}/{verb}", {})) for run in (small, large)
    )
    assert few == lots <= 22


@pytest.mark.parametrize("tests", [5, 60])
def test_asking_an_endpoint_in_health_writes_nothing_of_its_throttle(
    alice: Person, statements: Watch, tests: int
) -> None:
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"})) as server:
        world = make_world(alice, server.url, [(f"p{n}", "yes") for n in range(tests)], max_concurrency=64)
        run_id = world.start()
        with world.person.scope() as scope, statements() as seen:
            drive_run(scope, world.parts, run_id, stop=threading.Event())
        calls = len(server.calls)
    assert calls == tests
    assert any("FROM endpoint_throttle" in statement for statement in seen)
    assert not [one for one in seen if "UPDATE endpoint_throttle" in one or "SET retries" in one]


def test_recording_takes_one_more_statement_a_batch_and_reading_a_recording_one(
    alice: Person, statements: Watch
) -> None:
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"})) as server:
        world = make_world(alice, server.url, [(f"p{n}", "yes") for n in range(120)], max_concurrency=64)

        def of_a_slice(**choices: str) -> list[str]:
            run_id = world.start(**choices)
            with world.person.scope() as scope, statements() as seen:
                drive_run(scope, world.parts, run_id, stop=threading.Event())
            return seen

        live, record, replay = (of_a_slice(source=source) for source in ("live", "record", "replay-or-fail"))
        assert len(server.calls) == 240
    assert not [one for one in live if "recorded_exchange" in one]
    kept = [one for one in record if "recorded_exchange" in one]
    assert len(kept) == len([one for one in record if "INSERT INTO test_result" in one])
    assert all("INSERT INTO recorded_exchange" in one for one in kept)
    read = [one for one in replay if "recorded_exchange" in one]
    assert all("CROSS JOIN LATERAL" in one for one in read)
    claims = [one for one in replay if "UPDATE work_item w SET attempt" in one]
    assert len(read) <= len(claims) < 30
    assert not [one for one in replay if "endpoint_throttle" in one]


def test_a_run_with_many_children_takes_no_more(alice: Person, project: ProjectView, statements: Watch) -> None:
    parent = run_of(alice, project, many(20))
    alone = taken(statements, lambda: alice.web.get("/p/support-copilot/runs/1"))
    with alice.scope() as scope:
        for _ in range(30):
            plan = RunPlan(project_id=project.id, metrics=METRICS, kind="rescore", parent_run_id=parent.id)
            make_run(scope, plan, many(2))
    assert taken(statements, lambda: alice.web.get("/p/support-copilot/runs/1")) == alone <= 8
