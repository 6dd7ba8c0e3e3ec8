"""A sweeper that is killed while it fires a schedule: the run is there whole or not at all, and there is one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from rhesis_app.infra.config import Settings
from rhesis_app.infra.runtime import Runtime
from rhesis_app.runs.actions.fire import fire_due
from tests.jobs.runs.world import World, make_world
from tests.jobs.schedules.test_firing import make_due, row_of, runs_of, schedule
from tests.people import Person

_WAITING = text(
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO run_metric%'"
)


@contextmanager
def a_sweep(settings: Settings) -> Iterator["subprocess.Popen[bytes]"]:
    """One round of `rhesis-app sweep`, in a process of its own."""
    environment = {
        **os.environ,
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": settings.secret_keys[0],
        "RHESIS_ENCRYPTION_KEYS": settings.encryption_keys[0],
    }
    command = [sys.executable, "-m", "rhesis_app.cli", "sweep", "--once"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 40
    while not holds():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)


@pytest.fixture
def world(alice: Person) -> World:
    return make_world(alice, "http://127.0.0.1:9", [("Question", "yes"), ("Other", "no")])


def test_a_sweeper_killed_while_it_plans_the_run_leaves_the_time_due(
    world: World, host: Runtime, settings: Settings, superuser: Engine
) -> None:
    made = schedule(world)
    due = make_due(world)
    holding = superuser.execution_options(isolation_level="READ COMMITTED")
    with holding.connect() as lock, superuser.connect() as look, a_sweep(settings) as sweeper:
        lock.execute(text("LOCK TABLE run_metric IN SHARE MODE"))
        until(lambda: look.execute(_WAITING).scalar_one() == 1)
        assert fire_due(host) == 0, "another sweeper passes by what is held"
        os.kill(sweeper.pid, signal.SIGKILL)
        sweeper.wait(10)
        lock.rollback()
    until(lambda: row_is_free(superuser, UUID(made["id"])))
    assert runs_of(world) == []
    assert row_of(world).next_at == due
    assert [fire_due(host), fire_due(host)] == [1, 0]
    assert len(runs_of(world)) == 1
    assert world.ask("SELECT count(*) FROM work_item")[0][0] == 2


def row_is_free(superuser: Engine, schedule_id: UUID) -> bool:
    """Whether the dead sweeper's transaction is over."""
    free = text("SELECT id FROM schedule WHERE id = :id FOR UPDATE SKIP LOCKED")
    with superuser.connect() as connection:
        return connection.execute(free, {"id": schedule_id}).one_or_none() is not None


def test_sweepers_in_processes_of_their_own_fire_a_due_schedule_once(world: World, settings: Settings) -> None:
    schedule(world)
    make_due(world)
    with a_sweep(settings) as first, a_sweep(settings) as second:
        assert (first.wait(60), second.wait(60)) == (0, 0)
    assert len(runs_of(world)) == 1
