"""What may happen to the queue and to the database."""

import signal
import time
from contextlib import suppress
from typing import Any

import psycopg2

from benchmarks.faults.drill import Drill, Fault


def _flush(drill: Drill) -> None:
    for _ in range(5):
        drill.pause(drill.dice.uniform(0.2, 1.0) * drill.scale.pick(3, 0.4))
        drill.site.redis().flushall()
    drill.over()


def _redis_down(drill: Drill) -> None:
    drill.until_share(0.2)
    drill.site.kept_down.add("valkey")
    drill.site.signal("valkey", signal.SIGKILL)
    drill.pause(drill.scale.pick(30, 1))
    drill.site.kept_down.discard("valkey")
    drill.over()


def _redis_frozen(drill: Drill) -> None:
    drill.until_share(0.2)
    drill.site.signal("valkey", signal.SIGSTOP)
    drill.pause(drill.scale.pick(30, 1))
    drill.site.signal("valkey", signal.SIGCONT)
    drill.over()


def _restarted(drill: Drill) -> None:
    for share in (0.2, 0.5):
        drill.until_share(share)
        drill.site.signal("postgres", signal.SIGQUIT, only="itself")
        drill.pause(drill.scale.pick(3, 1))
        drill.over()


def _database_frozen(drill: Drill) -> None:
    drill.until_share(0.3)
    drill.site.signal("postgres", signal.SIGSTOP)
    drill.pause(drill.scale.pick(10, 1), look=False)
    drill.site.signal("postgres", signal.SIGCONT)
    drill.over()


def _lock(drill: Drill) -> None:
    drill.until_share(0.3)
    holding = drill.site.eyes.connect()
    holding.autocommit = False
    with holding.cursor() as cursor:
        cursor.execute("LOCK TABLE work_item IN ACCESS EXCLUSIVE MODE")
        drill.pause(drill.scale.pick(10, 1), look=False)
    holding.rollback()
    holding.close()
    drill.over()


def _connections_taken(drill: Drill) -> None:
    """Somebody else takes every connection that there is, and those of the application are cut."""
    drill.until_share(0.3)
    eyes = drill.site.eyes
    held: list[Any] = []
    until = time.monotonic() + drill.scale.pick(15, 1)
    while time.monotonic() < until:
        # one that is cut makes itself a new one at once, unless its place is taken before
        with suppress(psycopg2.OperationalError):
            while True:
                held.append(eyes.connect())
        eyes.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rhesis_app'")
    drill.need(len(held) > 70, f"only {len(held)} connections could be taken")
    for connection in held:
        connection.close()
    drill.over()


SERVER_FAULTS = (
    Fault(name="FLUSHALL", says="Redis is emptied five times", strike=_flush),
    Fault(name="Redis down", says="Redis is killed and stays away for 30 s", strike=_redis_down, longer=2),
    Fault(name="Redis frozen", says="Redis stands still for 30 s", strike=_redis_frozen, longer=2),
    Fault(
        name="PostgreSQL restarted",
        says="PostgreSQL is shut down with `immediate` twice",
        strike=_restarted,
        most_calls=1,
    ),
    Fault(name="PostgreSQL frozen", says="PostgreSQL stands still for 10 s", strike=_database_frozen),
    Fault(name="table locked", says="an administrator holds `work_item` locked for 10 s", strike=_lock),
    Fault(
        name="connections taken",
        says="all of the application's connections are cut, and others hold every one that there is for 15 s",
        strike=_connections_taken,
    ),
)
