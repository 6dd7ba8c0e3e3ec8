"""What may happen while runs are asked for, rung, cancelled and looked after."""

import signal
import threading
import time
from contextlib import suppress
from uuid import uuid4

import urllib3

from benchmarks.faults.drill import Drill, Fault
from benchmarks.faults.site import RUN_WORKERS, WORKERS, python

_SWEEPER_LOCK = 7265736974
_RUNS_OF_KEYS = (
    "SELECT idempotency_key, id::text, planned, (SELECT count(*) FROM work_item w WHERE w.run_id = r.id)"
    " + (SELECT count(*) FROM test_result t WHERE t.run_id = r.id) AS kept FROM test_run r WHERE idempotency_key = ANY(%(keys)s)"
)


def _web_killed(drill: Drill) -> None:
    """Each request is sent again under its key until it is answered, while the web's processes are killed under it."""
    drill.until(drill.has_ended, within_s=240)
    small = drill.tenant.small_world(drill.asked.url)
    keys = [f"key-{uuid4().hex}" for _ in range(int(drill.scale.pick(50, 6)))]
    told: dict[str, str] = {}
    failures = [0]

    def ask(key: str) -> None:
        while key not in told:
            try:
                answer = drill.try_start(key, small)
            except urllib3.exceptions.HTTPError:
                failures[0] += 1
                time.sleep(0.05)
                continue
            if answer.status == 202:
                told[key] = answer.json()["id"]

    for number, key in enumerate(keys):
        client = threading.Thread(target=ask, args=(key,), daemon=True)
        client.start()
        time.sleep(drill.dice.uniform(0.0, 0.06))
        drill.site.signal("web", signal.SIGKILL, only="all" if number % 10 == 9 else "forks")
        drill.until(lambda key=key: key in told, within_s=60)
        client.join(10)
    drill.over()
    rows = drill.site.eyes.ask(_RUNS_OF_KEYS, keys=keys)
    drill.need(
        {row["idempotency_key"]: row["id"] for row in rows} == told, "a key did not stand for the run it answered"
    )
    drill.need(len(rows) == len(keys), f"{len(rows)} runs for {len(keys)} keys")
    drill.need(all(row["kept"] == row["planned"] for row in rows), "a run was accepted in part")
    drill.need(failures[0] > 0, "no request was hit")
    done = "SELECT count(*) FROM test_run WHERE idempotency_key = ANY(%(keys)s) AND finished_at IS NULL"
    drill.until(lambda: drill.site.eyes.number(done, keys=keys) == 0, within_s=120)
    drill.elsewhere = sum(row["planned"] for row in rows)


def _rings(drill: Drill) -> None:
    drill.until_share(0.1)
    for slot in range(100):
        drill.tenant.ring(drill.run_id, slot)
    drill.over()


def _cancelled(drill: Drill) -> None:
    drill.until_share(0.5)
    answer = drill.site.call(
        "POST", f"/test-runs/{drill.run_id}/cancel", headers={"Authorization": drill.tenant.authorization}
    )
    answered = time.time()
    drill.need(answer.status == 200, f"cancelling was answered {answer.status}")
    drill.until(drill.has_ended, within_s=30)
    drill.pause(1.5)
    late_s = drill.asked.counts()["last_at"] - answered
    drill.need(late_s <= 1.0, f"the last call was {late_s:.2f} s after the cancellation")


def _sweepers(drill: Drill) -> None:
    """Two more sweepers while workers die; then none that may lead, while all that could drive the run die."""
    extra = ("sweeper-1", "sweeper-2")
    for name in extra:
        drill.site.add(name, python("-m", "rhesis_app.cli", "sweep"))
    drill.until_share(0.2)
    drill.site.signal(drill.dice.choice(RUN_WORKERS), signal.SIGKILL)
    drill.until_share(0.5)
    for name in extra:
        drill.site.drop(name)
    with drill.site.eyes.connect() as holding, holding.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", (_SWEEPER_LOCK,))
        for name in WORKERS:
            drill.site.signal(name, signal.SIGKILL)
        drill.pause(drill.scale.pick(20, 3))
        cursor.execute("SELECT pg_advisory_unlock(%s)", (_SWEEPER_LOCK,))
    with suppress(Exception):
        holding.close()
    drill.over()


ORDER_FAULTS = (
    Fault(
        name="web killed",
        says="the web's processes are killed under 50 requests for a run, each sent again under its key",
        strike=_web_killed,
    ),
    Fault(name="duplicate rings", says="the run is rung for a hundred times too often", strike=_rings),
    Fault(
        name="cancelled",
        says="the run is cancelled at half; what is left counts as cancelled, and no call is made more than 1 s later",
        strike=_cancelled,
        is_cut=True,
    ),
    Fault(
        name="sweepers",
        says="two more sweepers while a worker dies, then none for 20 s after all workers died",
        strike=_sweepers,
        recovers_in_s=20,
    ),
)
