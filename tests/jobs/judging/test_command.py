"""`rhesis-app judge attack` against a real server: what it says, what it costs, how it exits."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from werkzeug.serving import make_server

from rhesis_app.authoring.cli import judge
from rhesis_app.authoring.models import AttackSuite
from rhesis_app.projects.actions import create_project
from rhesis_app.projects.queries import ProjectView
from tests.background import do_jobs
from tests.judges import CRITERIA, JudgedProject, judged
from tests.people import Person


@pytest.fixture
def world(alice: Person, project: ProjectView) -> Iterator[JudgedProject]:
    with judged(alice, project) as made:
        yield made


@pytest.fixture
def server(app: Flask) -> Iterator[str]:
    """The application on a port of its own."""
    made = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    thread.join()


def attack(person: Person, server: str, *words: str, token: str | None = None) -> Result:
    credential = token or person.api._headers["Authorization"].removeprefix("Bearer ")
    return CliRunner().invoke(judge, ["attack", "--url", server, "--token", credential, *words])


def attack_with_worker(person: Person, server: str, *words: str) -> Result:
    """The same while a worker does what comes."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.2):
            if person.count(AttackSuite):
                do_jobs(person)

    worker = threading.Thread(target=work, daemon=True)
    # only a main thread may hear signals, and what the worker would hear nobody sends
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("signal.signal", lambda *_: None)
        worker.start()
        try:
            return attack(person, server, *words)
        finally:
            over.set()
            worker.join()


def test_it_announces_the_calls_waits_and_tells(world: JudgedProject, server: str) -> None:
    world.metric()
    found = attack_with_worker(world.person, server, "--metric", "names the days", "--yes")
    assert found.exit_code == 0, found.output
    assert "calls of the project's default model, at its price" in found.stderr
    last = found.stdout.splitlines()[-1]
    assert last.startswith("held ")
    assert "scripted · $0.0" in last


def test_a_judge_that_gives_in_is_named_and_exits_with_one(world: JudgedProject, server: str) -> None:
    metric = world.metric()
    suite: dict[str, Any] = world.person.api.post(f"/metrics/{metric}/attacks", {}).json
    do_jobs(world.person)
    found = dict(world.person.api.get(f"/metrics/{metric}/attacks/{suite['id']}").json)
    from rhesis_app.authoring.cli import Exit, _tell

    first, second, *rest = found["attacks"]
    for outcome, code in (
        ("gave_in", Exit.NOT_HELD),
        ("exposed", Exit.NOT_HELD),
        ("undecided", Exit.UNDECIDED),
        ("held", Exit.HELD),
    ):
        assert _tell({**found, "attacks": [{**first, "outcome": outcome}, second, *rest]}) is code


def test_a_metric_that_passes_the_bad_answer_is_undecided(world: JudgedProject, server: str) -> None:
    world.metric(params={"criteria": "Anything goes."})
    found = attack_with_worker(world.person, server, "--metric", "Names the days", "--yes")
    assert (found.exit_code, "passes the bad answer" in found.stderr) == (3, True)


def test_without_agreement_nothing_is_called(world: JudgedProject, server: str) -> None:
    world.metric()
    found = attack(world.person, server, "--metric", "Names the days")
    assert (found.exit_code, "--yes" in found.stderr) == (2, True)
    assert world.person.count(AttackSuite) == 0
    assert world.model.calls == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--metric", "Nope"), "Metrics that judge: Names the days."),
        (("--metric", "Names the days", "--project", "elsewhere"), "Metrics that judge: none."),
        (("--metric", "Plain"), "asks no judge"),
    ],
)
def test_what_cannot_be_attacked_is_a_wrong_call(
    world: JudgedProject, server: str, words: tuple[str, ...], says: str
) -> None:
    world.metric()
    world.metric("text.contains", params={"text": "x"}, name="Plain")
    found = attack(world.person, server, *words, "--yes")
    assert (found.exit_code, says in found.stderr) == (2, True)


def test_a_name_in_two_projects_asks_which(world: JudgedProject, server: str, alice: Person) -> None:
    first = world.metric()
    with alice.scope() as scope:
        other = create_project(scope, "Warehouse")
    body = {"project_id": str(other.id), "name": "Names the days", "evaluator": "judge.rubric", "params": CRITERIA}
    alice.api.post("/metrics", body)
    found = attack(alice, server, "--metric", "Names the days", "--yes")
    assert (found.exit_code, "support-copilot, warehouse" in found.stderr) == (2, True)
    assert attack_with_worker(alice, server, "--metric", first, "--yes").exit_code == 0


def test_a_wrong_token_is_refused(world: JudgedProject, server: str) -> None:
    refused = attack(world.person, server, "--metric", "x", "--yes", token="rhx_wrong")
    assert (refused.exit_code, "refused:" in refused.stderr) == (2, True)


def test_time_that_is_over_is_said(world: JudgedProject, server: str) -> None:
    world.metric()
    found = attack(world.person, server, "--metric", "Names the days", "--yes", "--timeout", "1")
    assert (found.exit_code, "could not run" in found.stderr) == (4, True)
