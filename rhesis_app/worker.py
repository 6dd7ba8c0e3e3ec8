"""The worker: the one function RQ ever calls, and the process that calls it."""

import logging
import os
import random
import signal
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.serializers import JSONSerializer
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from rhesis_app.infra.config import Settings
from rhesis_app.infra.db import private_engine
from rhesis_app.infra.embedded.leash import die_with_parent
from rhesis_app.infra.rq_queue import RqQueue, connect_redis
from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.actor import Actor
from rhesis_app.retention.actions.keep import erase_what_is_old
from rhesis_app.runs.actions.sweep import release_dead, sweep

_SWEEP_S = 10.0
_CALLED_S = 0.5
_ERASE_S = 3600.0
_SWEEPER_LOCK = 7265736974
_log = logging.getLogger(__name__)
_held: list[Runtime] = []


def perform(name: str, organization_id: str, ids: Mapping[str, str]) -> None:
    """Run a registered job for an organization, with the permissions the job declares in code; Redis is not trusted."""
    host = _held[0]
    spec = host.jobs[name]
    die_with_parent()
    host.after_fork()
    actor = Actor.system(UUID(organization_id), spec.permissions)
    with host.open_scope(actor) as scope:
        spec.perform(host, scope, dict(ids))


class SlimWorker(Worker):
    """RQ's worker without the parts that would run anything but our one function."""

    asked_to_stop = False
    # RQ's own minute would keep everything waiting long after Redis is back
    max_connection_wait_time = 2.0

    def __init__(self, *arguments: Any, horse_ended: threading.Event, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._horse_ended = horse_ended

    def monitor_work_horse(self, job, queue, execution):  # type: ignore[no-untyped-def]
        """Call the sweeper when the process that did the work has ended: if it died, what it held goes back at once."""
        try:
            super().monitor_work_horse(job, queue, execution)
        finally:
            self._horse_ended.set()

    def request_stop(self, signum, frame):  # type: ignore[no-untyped-def]
        """Pass a deploy's SIGTERM on: RQ itself would let the slice run to its end without telling it."""
        self.asked_to_stop = True
        if self.horse_pid:
            with suppress(ProcessLookupError):
                os.kill(self.horse_pid, signal.SIGTERM)
        super().request_stop(signum, frame)

    def execute_job(self, job, queue):  # type: ignore[no-untyped-def]
        """Refuse what is not ours before it is imported."""
        if job.func_name != "rhesis_app.worker.perform" or not job.args or job.args[0] not in _held[0].jobs:
            _log.error("a job of an unknown name was dropped")
            job.delete()
            return
        super().execute_job(job, queue)


def work(host: Runtime, queue_name: str, *, burst: bool = False) -> None:
    """Perform the jobs of one queue until told to stop; a thread beside it sweeps."""
    _held[:] = [host]
    host.engine.dispose()
    horse_ended = threading.Event()
    if not burst:
        sweeping = {"called": horse_ended}
        threading.Thread(
            target=sweep_for_ever, args=(host.settings, host), kwargs=sweeping, name="sweeper", daemon=True
        ).start()
    worker: SlimWorker | None = None
    while worker is None or not worker.asked_to_stop:
        try:
            patient = Redis.from_url(host.settings.redis_url)  # waiting for a job takes longer than a page may wait
            queue = Queue(queue_name, connection=patient, serializer=JSONSerializer)
            worker = SlimWorker(
                [queue], connection=patient, serializer=JSONSerializer, worker_ttl=60, horse_ended=horse_ended
            )
            worker.work(burst=burst, with_scheduler=False, logging_level="WARNING")
        except RedisError:
            _log.warning("Redis is away; trying again in two seconds")
            time.sleep(2)
        else:
            return


def sweep_for_ever(
    settings: Settings,
    host: Runtime,
    stop: threading.Event | None = None,
    *,
    called: threading.Event | None = None,
) -> None:
    """Sweep every ten seconds while this process is the leader; connections of its own, so that forks share none.

    Set, `called` says that a process has ended: what it held is looked after at once. Nothing that goes wrong ends the sweeping.
    """
    ended, called = stop or threading.Event(), called or threading.Event()
    engine = private_engine(settings)
    mine = replace(host, engine=engine, queue=RqQueue(connect_redis(settings.redis_url), host.jobs))
    is_call, erase_at = False, 0.0
    while not ended.is_set():
        try:
            leads = _sweep_once(mine, engine, is_call=is_call)
            if leads and time.monotonic() >= erase_at and not erase_what_is_old(mine).is_more:
                erase_at = time.monotonic() + _ERASE_S
        except SQLAlchemyError:
            _log.warning("the sweeper could not reach the database; trying again")
        except Exception:  # noqa: BLE001 without its sweeper a worker's machine forgets what its dead held
            _log.exception("the sweeper failed; trying again")
        is_call = _await_round(ended, called)


def _sweep_once(mine: Runtime, engine: Engine, *, is_call: bool) -> bool:
    """One round: alone among the sweepers, but beside another one where a dead process's work has just come back.

    True where this process was the leader.
    """
    released = release_dead(mine)
    if is_call:
        if released:
            sweep(mine)
        return False
    with engine.connect() as connection:
        if connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _SWEEPER_LOCK}).scalar_one():
            sweep(mine)
            return True
    return False


def _await_round(ended: threading.Event, called: threading.Event) -> bool:
    """Wait for the next round; True when it was called for. Sweepers that started together do not stay together."""
    due = time.monotonic() + _SWEEP_S * random.uniform(0.5, 1.0)  # noqa: S311 - nothing is to be kept secret
    while not ended.wait(_CALLED_S) and time.monotonic() < due:
        if called.is_set():
            called.clear()
            return True
    return False
