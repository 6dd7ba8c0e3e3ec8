"""What may happen to the processes that drive a run."""

import signal

from benchmarks.faults.deadly import DEADLY, poisoned
from benchmarks.faults.drill import Drill, Fault, Verdict, right
from benchmarks.faults.site import RUN_WORKERS, WORKERS, python


def _kill_at_random(drill: Drill) -> None:
    for _ in range(int(drill.scale.pick(8, 2))):
        drill.pause(drill.dice.uniform(0.2, 1.0) * drill.scale.pick(2, 0.6))
        drill.site.signal(
            drill.dice.choice(RUN_WORKERS), signal.SIGKILL, only=drill.dice.choice(["all", "itself", "forks"])
        )
    drill.over()


def _both_dead(drill: Drill) -> None:
    drill.until_share(0.3)
    drill.site.kept_down |= set(RUN_WORKERS)
    for name in RUN_WORKERS:
        drill.site.signal(name, signal.SIGKILL)
    drill.pause(drill.scale.pick(20, 1))
    drill.site.kept_down -= set(RUN_WORKERS)
    drill.over()


def _deploy(drill: Drill) -> None:
    drill.until_share(0.3)
    everybody = ("web", *WORKERS)
    drill.site.kept_down |= set(everybody)
    for name in everybody:
        drill.site.signal(name, signal.SIGTERM, only="itself")
    drill.until(lambda: not any(drill.site.runs(name) for name in everybody), within_s=40)
    open_leases = "SELECT count(*) FROM work_item WHERE lease_owner IS NOT NULL"
    drill.need(drill.site.eyes.number(open_leases) == 0, "a worker that was told to stop kept items")
    drill.site.kept_down -= set(everybody)
    drill.over()


_KNOWN_STILL_S = 4.0
_LOST = "SELECT count(*) FROM work_item WHERE lease_until < now()"


def _lose_leases(drill: Drill) -> bool:
    drill.site.eyes.ask("UPDATE work_item SET lease_until = now() - interval '1 s' WHERE lease_owner IS NOT NULL")
    return True


def _frozen(drill: Drill) -> None:
    """Longer than its lease, so that others have done its work when it wakes; short: the lease is made to run out.

    Never shorter than the moment after which a worker knows, when it wakes, that it stood still.
    """
    drill.until_share(0.2)
    victim = drill.driving()
    drill.site.signal(victim, signal.SIGSTOP)
    if drill.scale.is_full:
        drill.pause(75)
    else:
        drill.pause(_KNOWN_STILL_S)
        drill.until(lambda: _lose_leases(drill), within_s=30)
        drill.until(lambda: drill.site.eyes.number(_LOST) == 0, within_s=30)
        drill.until_share(0.4)
    drill.site.signal(victim, signal.SIGCONT)
    drill.over()


def _poison(drill: Drill) -> None:
    drill.until_share(0.01)


def _poisoned(number: int, items: int) -> frozenset[Verdict]:
    return frozenset({("error", "worker_lost")}) if number in poisoned(items) else right(number)


def _wrong_clock(drill: Drill) -> None:
    """One worker's clock is an hour fast, the other's an hour slow."""
    names = []
    for number, hours in enumerate((1, -1), start=1):
        name = f"hour-off-{number}"
        drill.site.add(
            name, python("-m", "benchmarks.faults.wrong_clock", str(hours * 3600), "worker", "--queue", "runs")
        )
        names.append(name)
    drill.site.kept_down |= set(RUN_WORKERS)
    for name in RUN_WORKERS:
        drill.site.signal(name, signal.SIGKILL)
    drill.until(drill.has_ended, within_s=240)
    for name in names:
        drill.site.drop(name)
    drill.site.kept_down -= set(RUN_WORKERS)


WORKER_FAULTS = (
    Fault(
        name="worker killed",
        says="a worker, its slice or both are killed at random times",
        strike=_kill_at_random,
    ),
    Fault(name="both workers dead", says="no worker for 20 s", strike=_both_dead, recovers_in_s=20, most_calls=2),
    Fault(
        name="deploy", says="SIGTERM to web and all workers in the middle, then new ones", strike=_deploy, most_calls=1
    ),
    Fault(
        name="frozen worker",
        says="a worker stands still for longer than its lease (75 s) and then goes on",
        strike=_frozen,
        longer=1.5,
    ),
    Fault(
        name="poison",
        says="five tests kill the process that judges them, each in its own way",
        strike=_poison,
        metric="faults.deadly",
        verdicts=_poisoned,
        expected=lambda number, items: DEADLY if number in poisoned(items) else "",
    ),
    Fault(
        name="wrong clock", says="the only two workers' clocks are an hour fast and an hour slow", strike=_wrong_clock
    ),
)
