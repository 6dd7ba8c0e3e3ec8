"""Real workers, real signals: whatever dies, every planned test ends in exactly one result."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, text

from rhesis_app.infra.config import Settings
from rhesis_app.runs.actions.sweep import sweep
from tests.jobs.runs.world import World, make_world
from tests.people import Person
from tests.scripted_endpoint import ScriptedEndpoint, json_reply

ITEMS = 200


@contextmanager
def workers(settings: Settings, count: int = 2) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """`rhesis-app worker` processes on the tests' own servers."""
    environment = {
        **os.environ,
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": settings.secret_keys[0],
        "RHESIS_ENCRYPTION_KEYS": settings.encryption_keys[0],
        "RHESIS_ALLOW_LOCAL_TARGETS": "1",
    }
    command = [sys.executable, "-m", "rhesis_app.cli", "worker", "--queue", "runs"]
    started = [subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) for _ in range(count)]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


def _until(holds: Callable[[], bool], timeout_s: float = 40.0) -> None:
    until = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.05)


def _kill_with_children(pid: int) -> None:
    """The worker and the slice it forked, at once: neither can tell the other."""
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    for victim in (pid, *map(int, children)):
        os.kill(victim, signal.SIGKILL)


def _results(world: World) -> int:
    return int(world.ask("SELECT count(*) FROM test_result")[0][0])


def _let_leases_run_out(superuser: Engine, world: World) -> None:
    with superuser.connect() as connection:
        connection.execute(
            text("UPDATE work_item SET lease_until = now() - interval '1 second' WHERE lease_owner IS NOT NULL")
        )
    sweep(world.person.host)


@pytest.fixture
def world(alice: Person) -> Iterator[World]:
    """A run's worth of tests whose right verdict is known from the prompt."""

    def script(call: object) -> object:
        return json_reply({"reply": "yes" if call.json["message"].endswith("7") else "no"}, delay_s=0.03)  # type: ignore[attr-defined]

    with ScriptedEndpoint(script, keep_calls=False) as server:  # type: ignore[arg-type]
        yield make_world(alice, server.url, [(f"Question {number:03d}", "yes") for number in range(ITEMS)])


def test_killing_the_workers_twice_and_emptying_redis_loses_and_doubles_nothing(
    world: World, settings: Settings, superuser: Engine
) -> None:
    run_id = world.start()
    for share in (0.25, 0.6):
        with workers(settings) as started:
            _until(lambda share=share: _results(world) >= ITEMS * share)
            for process in started:
                _kill_with_children(process.pid)
        world.person.host.queue.redis.flushall()
        _let_leases_run_out(superuser, world)
    with workers(settings, 1):
        _until(lambda: world.ask("SELECT finished_at FROM test_run")[0].finished_at is not None)
    assert _results(world) == ITEMS
    assert world.ask("SELECT count(DISTINCT test_id) FROM test_result")[0][0] == ITEMS
    assert world.ask("SELECT count(*) FROM evaluation")[0][0] == ITEMS
    assert world.ask("SELECT count(*) FROM work_item")[0][0] == 0
    wrong = "SELECT count(*) FROM test_result r JOIN test t ON t.id = r.test_id WHERE (r.outcome = 'passed') <> (t.prompt LIKE '%7')"
    assert world.ask(wrong)[0][0] == 0
    assert world.ask("SELECT status FROM test_run WHERE id = :run", run=run_id)[0].status == "completed"


def test_another_worker_goes_on_at_once_when_one_is_killed(world: World, settings: Settings) -> None:
    """Nobody shortens the leases here: the next worker on this machine sees that their holders are dead."""
    world.start()
    with workers(settings) as started:
        _until(lambda: _results(world) >= ITEMS * 0.3)
        for process in started:
            _kill_with_children(process.pid)
    assert world.ask("SELECT count(*) FROM work_item WHERE lease_until > now() + interval '20 seconds'")[0][0] > 0
    with workers(settings, 1):
        _until(lambda: world.ask("SELECT finished_at FROM test_run")[0].finished_at is not None, timeout_s=20.0)
    assert _results(world) == ITEMS
    assert world.ask("SELECT count(*) FROM test_result WHERE outcome = 'error'")[0][0] == 0
    assert world.ask("SELECT max(attempts) FROM test_result")[0][0] == 2


def test_a_deploy_in_the_middle_gives_everything_back_and_costs_no_attempt(world: World, settings: Settings) -> None:
    world.start()
    with workers(settings) as started:
        _until(lambda: _results(world) >= ITEMS * 0.2)
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            # one that was still starting has nothing to give back and simply ends
            assert process.wait(30) in {0, -signal.SIGTERM}
    assert world.ask("SELECT count(*) FROM work_item WHERE lease_owner IS NOT NULL")[0][0] == 0
    with workers(settings, 1):
        sweep(world.person.host)
        _until(lambda: world.ask("SELECT finished_at FROM test_run")[0].finished_at is not None)
    assert _results(world) == ITEMS
    assert world.ask("SELECT max(attempts) FROM test_result")[0][0] == 1
