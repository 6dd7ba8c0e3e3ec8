"""The attack suite as background work: cancelled in the middle, lost with its worker, and never holding the database."""

import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from rhesis_app.authoring.actions.attacks import ATTACK, AttackParts, attack_metric
from rhesis_app.infra.llm.judges import Judges
from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.ports import ModelAnswer, ModelFailure, ModelSpent
from rhesis_app.notifications.actions.background import Held, perform, sweep_jobs
from rhesis_app.projects.queries import ProjectView
from tests.judges import JudgedProject, judged
from tests.people import Person


class Door:
    """A way to models that tells the test of each call before it answers."""

    def __init__(self, on_call: Any = lambda _number: None) -> None:
        self.on_call, self.calls, self.lock = on_call, 0, threading.Lock()

    def ask(self, model: Any, question: Any) -> ModelAnswer:
        with self.lock:
            self.calls += 1
            number = self.calls
        self.on_call(number)
        if number == 10:
            raise ModelFailure("timeout", "The model did not answer.")
        answer = {"reason": "no", "quote": "", "verdict": 1}
        return ModelAnswer(answer=answer, spent=ModelSpent(model="fake", tokens_in=10, tokens_out=1), request={})


@pytest.fixture
def world(alice: Person, project: ProjectView) -> Iterator[JudgedProject]:
    with judged(alice, project) as made:
        yield made


@pytest.fixture
def asked(world: JudgedProject) -> dict[str, Any]:
    """A suite that waits."""
    answer = world.person.api.post(f"/metrics/{world.metric()}/attacks", {})
    assert answer.status_code == 202
    found: dict[str, Any] = answer.json
    return found


def do(host: Runtime, person: Person, asked: dict[str, Any], door: Door, stop: threading.Event | None = None) -> None:
    parts = AttackParts(registry=host.registry, judges=Judges(door=door, secrets=host.secrets))
    spec = host.jobs[ATTACK]

    def work(scope: Any, held: Held) -> None:
        attack_metric(scope, held, parts)

    with host.open_scope(Actor.system(person.actor.organization_id, spec.permissions)) as scope:
        perform(host, scope, UUID(asked["job_id"]), work, stop or threading.Event())


def read(person: Person, asked: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = person.api.get(f"/metrics/{asked['metric_id']}/attacks/{asked['id']}").json
    return found


def test_a_call_that_fails_leaves_its_attack_undecided(
    host: Runtime, world: JudgedProject, asked: dict[str, Any]
) -> None:
    door = Door()
    do(host, world.person, asked, door)
    found = read(world.person, asked)
    outcomes = [one["outcome"] for one in found["attacks"]]
    assert (outcomes.count("undecided"), outcomes.count("held")) == (1, found["planned"] - 1)
    assert (found["status"], found["held"]) == ("done", found["planned"] - 1)
    assert found["model"] == "fake"
    assert found["tokens_in"] == 10 * (door.calls - 1)


def test_no_transaction_is_open_while_the_model_thinks(
    host: Runtime, world: JudgedProject, asked: dict[str, Any], superuser: Engine
) -> None:
    waiting: list[int] = []
    query = text("SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'")

    def count() -> int:
        with superuser.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def look(number: int) -> None:
        if number in {1, 5}:
            # beside other attacks the turns are dealt anew: such a transaction ends while the model still thinks
            looks = (count() for _ in range(200))
            waiting.append(next((0 for seen in looks if seen == 0), 1))

    do(host, world.person, asked, Door(look))
    assert waiting == [0, 0]


def test_a_cancelled_suite_begins_no_more_attacks(host: Runtime, world: JudgedProject, asked: dict[str, Any]) -> None:
    slowly = threading.Event()

    def cancel(number: int) -> None:
        if number == 6:
            world.person.api.post(f"/jobs/{asked['job_id']}/cancel")
        if number >= 6:
            slowly.wait(0.5)  # so that the worker looks before the last attack has begun

    door = Door(cancel)
    do(host, world.person, asked, door)
    found = read(world.person, asked)
    assert (found["status"], found["held"], found["attacks"]) == ("cancelled", None, [])
    assert door.calls < found["calls"]


def test_a_deploy_gives_it_back_and_another_worker_does_it(
    host: Runtime, world: JudgedProject, asked: dict[str, Any]
) -> None:
    stop = threading.Event()

    def told_to_stop(number: int) -> None:
        if number == 5:
            stop.set()

    do(host, world.person, asked, Door(told_to_stop), stop)
    assert read(world.person, asked)["status"] == "queued"
    do(host, world.person, asked, Door())
    assert read(world.person, asked)["status"] == "done"


def test_with_its_worker_lost_it_ends_and_is_not_paid_for_again(
    host: Runtime, world: JudgedProject, asked: dict[str, Any], superuser: Engine
) -> None:
    with superuser.connect() as connection:
        connection.execute(
            text(
                "UPDATE job SET status = 'running', attempt = 1, lease_owner = 'x', lease_until = now() - interval '1 s'"
                " WHERE id = :id"
            ),
            {"id": asked["job_id"]},
        )
    assert sweep_jobs(host).ended == 1
    found = read(world.person, asked)
    assert (found["status"], found["ended_at"]) == ("errored", None)
    assert "stopped while doing this" in found["error_detail"]
    again = world.person.api.post(f"/metrics/{asked['metric_id']}/attacks", {})
    assert again.status_code == 202
