"""Everything at once, for as long as a large run takes."""

import signal
import time

import psycopg2

from benchmarks.faults.drill import Drill, Fault
from benchmarks.faults.site import RUN_WORKERS


def _is_nearly_over(drill: Drill) -> bool:
    try:
        return drill.results() >= 0.9 * drill.scale.items
    except psycopg2.Error:
        return False  # a database that is told to stop may answer once more before it goes


def _everything(drill: Drill) -> None:
    """Kills and FLUSHALL all the time; a worker frozen for longer than its lease; the database restarted in the middle of that."""
    drill.until_share(0.02)
    frozen = drill.driving()
    killed = next(name for name in RUN_WORKERS if name != frozen)
    drill.site.signal(frozen, signal.SIGSTOP)
    thaw_at = time.monotonic() + drill.scale.pick(75, 6)
    restart_at = time.monotonic() + drill.scale.pick(35, 3)
    while not _is_nearly_over(drill):
        drill.pause(drill.dice.uniform(0.5, 1.0) * drill.scale.pick(8, 1))
        now = time.monotonic()
        if thaw_at and now > thaw_at:
            drill.site.signal(frozen, signal.SIGCONT)
            thaw_at = 0.0
        if restart_at and now > restart_at:
            drill.site.signal("postgres", signal.SIGQUIT, only="itself")
            restart_at = 0.0
            drill.until(lambda: drill.results() > 0, within_s=60)
        drill.site.redis().flushall()
        victim = killed if thaw_at else drill.dice.choice(RUN_WORKERS)
        drill.site.signal(victim, signal.SIGKILL, only=drill.dice.choice(["all", "itself", "forks"]))
    drill.need(not thaw_at, "the run was over before the frozen worker woke")
    drill.need(not restart_at, "the run was over before the database was restarted")
    drill.site.signal(frozen, signal.SIGCONT)
    drill.over()


SOAK = Fault(
    name="soak",
    says="worker kills and FLUSHALL all the time, a 429 storm, a worker frozen for 75 s, and a restart of the database",
    strike=_everything,
    behaviour="storm-without-years",
    longer=1.2,
    kills_at_random=True,
    recovers_in_s=20,
)
