"""A drill: one run of known answers under one fault, and what was seen of it."""

import json
import random
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self
from uuid import UUID, uuid4

import psycopg2
import urllib3

from benchmarks.faults.database import broken
from benchmarks.faults.endpoint import MOST_CALLS, is_yes
from benchmarks.faults.people import Tenant
from benchmarks.faults.site import RUN_WORKERS, Site, python
from tests.jobs.runs.world import World

Verdict = tuple[str, str | None]
"""Outcome and error code of a result."""
_BEAT_S = 0.05
_LOOK_S = 1.0


def right(number: int) -> frozenset[Verdict]:
    """The one verdict of a question that is answered."""
    return frozenset({("passed" if is_yes(number) else "failed", None)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How large a drill is: tests, seconds that they would take without a fault, and calls at a time.

    `is_full` chooses the outages of the promise; otherwise they are short ones.
    """

    items: int
    lasts_s: float
    limit: int
    is_full: bool

    def pick(self, full: float, short: float) -> float:
        """The full figure or the short one."""
        return full if self.is_full else short


SHORT = Scale(items=200, lasts_s=1.5, limit=8, is_full=False)


def full_scale(items: int) -> Scale:
    """What `make faults` drills with: a hundred answers a second, and never less than 20 s."""
    return Scale(items=items, lasts_s=max(20.0, items / 100), limit=16, is_full=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault: `strike` does it while the run is under way.

    `verdicts` says which results are right for a question (of so many); `behaviour` is the endpoint's. `recovers_in_s` is
    the longest time from the end of the fault to the next answer, besides what a start takes on this machine. `longer`
    stretches the run, so that the fault falls into it; a fault that `is_alone` gets a site of its own. One that `kills_at_random`
    may hit all three calls of a test: that is then rightly an error `worker_lost`, if the endpoint saw all three.
    """

    name: str
    says: str
    strike: "Callable[[Drill], None]"
    behaviour: str = "plain"
    verdicts: Callable[[int, int], frozenset[Verdict]] = lambda number, _items: right(number)
    expected: Callable[[int, int], str] = lambda _number, _items: ""
    metric: str = "text.contains"
    recovers_in_s: float = 15.0
    most_calls: int = MOST_CALLS
    kills_at_random: bool = False
    longer: float = 1.0
    is_cut: bool = False
    site: Callable[[Path], Site] = Site
    is_alone: bool = False


@dataclass(slots=True, kw_only=True)
class Figures:
    """What a drill showed. `recovery_s` is None where the fault lasted as long as the run."""

    fault: str
    seed: int
    items: int
    results: int = 0
    duplicates: int = 0
    wrong: int = 0
    lost: int = 0
    calls: int = 0
    extra_calls: int = 0
    most_per_test: int = 0
    in_flight: int = 0
    limit: int = 0
    recovery_s: float | None = None
    recovers_in_s: float = 0.0
    to_end_s: float = 0.0
    wall_s: float = 0.0
    broken: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    logs: str = ""

    @property
    def ok(self) -> bool:
        """Whether all of it held."""
        return not self.problems

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "ok": self.ok}


class Asked:
    """The endpoint of a drill, in its own process."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self._process = subprocess.Popen(
            python("-m", "benchmarks.faults.endpoint", json.dumps(plan)), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self.port}/chat"

    def counts(self) -> dict[str, Any]:
        """What it counted."""
        found: dict[str, Any] = urllib3.request("GET", f"http://127.0.0.1:{self.port}/counts", timeout=10.0).json()
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


class Drill:
    """A run under a fault; what a fault's `strike` is handed."""

    def __init__(self, site: Site, tenant: Tenant, fault: Fault, scale: Scale, seed: int) -> None:
        self.site, self.tenant, self.fault, self.scale = site, tenant, fault, scale
        self.dice = random.Random(f"{fault.name}/{seed}")
        self.figures = Figures(
            fault=fault.name,
            seed=seed,
            items=scale.items,
            limit=scale.limit,
            recovers_in_s=round(fault.recovers_in_s + site.start_s, 1),
        )
        self.marks: list[float] = []
        self.elsewhere = 0
        self._looked = 0.0
        self._broken: dict[str, int] = {}
        self._seed = seed

    def perform(self) -> Figures:
        """Start the run, strike, wait for its end, and read what came of it."""
        scale, fault = self.scale, self.fault
        delay_s = scale.lasts_s * fault.longer * scale.limit / scale.items
        plan = {"behaviour": fault.behaviour, "seed": self._seed, "delay_s": delay_s, "lasts_s": scale.pick(15, 2)}
        started = time.monotonic()
        with Asked(plan) as self.asked:
            self.world = self.tenant.world(self.asked.url, fault, scale)
            self.run_id = self.start_run()
            fault.strike(self)
            self.until(self.has_ended, within_s=120 + 6 * scale.lasts_s * fault.longer)
            self._read(started)
        return self.figures

    # --- for faults ---------------------------------------------------------------------------------------------------

    def start_run(self, key: str | None = None) -> UUID:
        """Accept a run over the API."""
        return UUID(self.try_start(key or uuid4().hex).json()["id"])

    def try_start(self, key: str, world: World | None = None) -> urllib3.BaseHTTPResponse:
        """One request for a run of the drill's tests, or of another world's."""
        asked = world or self.world
        body = {"endpoint_id": str(asked.endpoint_id), "metric_ids": [str(asked.metric_id)]}
        return self.site.call(
            "POST",
            f"/test-sets/{asked.test_set_id}/runs",
            json=body,
            headers={"Authorization": self.tenant.authorization, "Idempotency-Key": key},
        )

    def pause(self, seconds: float, *, look: bool = True) -> None:
        """Let time pass, with everything that died coming back; with `look` False the database is not asked meanwhile."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._beat(look=look)
            time.sleep(min(_BEAT_S, left))

    def until(self, holds: Callable[[], bool], *, within_s: float) -> None:
        """Wait for something; AssertionError when it does not come."""
        deadline = time.monotonic() + within_s
        while not self._try(holds):
            if time.monotonic() > deadline:
                raise AssertionError(f"after {within_s:.0f} s: {self.results()} of {self.scale.items} results")
            self._beat(look=True)
            time.sleep(_BEAT_S)

    def until_share(self, share: float) -> None:
        """Wait until so much of the run is answered."""
        self.until(lambda: self.results() >= share * self.scale.items, within_s=180)

    def driving(self) -> str:
        """A worker that is at work on a run now."""
        found: list[str] = []

        def is_there() -> bool:
            found[:] = [name for name in RUN_WORKERS if self.site.forks(name)]
            return bool(found)

        self.until(is_there, within_s=60)
        return self.dice.choice(found)

    def over(self) -> None:
        """The fault ends now: what follows is recovery."""
        self.marks.append(time.time())

    def results(self) -> int:
        """How many results the run has."""
        return self.site.eyes.number("SELECT count(*) FROM test_result WHERE run_id = %(run)s", run=str(self.run_id))

    def has_ended(self) -> bool:
        """Whether the run has ended."""
        return bool(self._run()["finished_at"])

    def need(self, holds: object, sentence: str) -> None:
        """Note a problem unless something holds."""
        if not holds:
            self.figures.problems.append(sentence)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _run(self) -> dict[str, Any]:
        return self.site.eyes.ask("SELECT * FROM test_run WHERE id = %(run)s", run=str(self.run_id))[0]

    def _try(self, holds: Callable[[], bool]) -> bool:
        try:
            return holds()
        except psycopg2.Error:
            return False

    def _beat(self, *, look: bool) -> None:
        self.site.tend()
        if not look or time.monotonic() - self._looked < _LOOK_S:
            return
        self._looked = time.monotonic()
        try:
            for name in broken(self.site.eyes):
                self._broken[name] = self._broken.get(name, 0) + 1
        except psycopg2.Error:
            return

    def _read(self, started: float) -> None:
        figures, eyes = self.figures, self.site.eyes
        rows = eyes.ask(_RESULTS, run=str(self.run_id))
        run = self._run()
        figures.wall_s = round(time.monotonic() - started, 1)
        figures.results = len(rows)
        figures.duplicates = len(rows) - len({(row["test_id"], row["trial"]) for row in rows})
        allowed = [self.fault.verdicts(int(row["prompt"].split()[1]), self.scale.items) for row in rows]
        wrong = [
            row for row, all_of in zip(rows, allowed, strict=True) if (row["outcome"], row["error_code"]) not in all_of
        ]
        figures.lost = sum(self._was_killed_thrice(row) for row in wrong)
        figures.wrong = len(wrong) - figures.lost
        self._read_calls()
        self._read_recovery([row["at"] for row in rows], run["finished_at"].timestamp())
        for name in broken(eyes):
            self._broken[name] = self._broken.get(name, 0) + 1
        figures.broken = sorted(self._broken)
        self._judge(rows, run)

    def _was_killed_thrice(self, row: Mapping[str, Any]) -> bool:
        said = row["error_code"] == "worker_lost" and row["attempts"] >= MOST_CALLS
        number = int(row["prompt"].split()[1])
        return self.fault.kills_at_random and said and number in self.asked.counts()["took_three"]

    def _read_calls(self) -> None:
        figures, counts = self.figures, self.asked.counts()
        figures.calls, figures.in_flight = counts["calls"], counts["most_in_flight"]
        asked_for = figures.results if self.fault.is_cut else self.scale.items
        figures.extra_calls = counts["calls"] - asked_for - self.elsewhere
        figures.most_per_test = counts["most_per_test"]
        if self.fault.behaviour.startswith("storm"):
            self.marks.append(counts["trouble_until"])

    def _read_recovery(self, times: list[float], ended: float) -> None:
        if not self.marks:
            return
        waits = [min((at - mark for at in times if at > mark), default=None) for mark in self.marks]
        known = [wait for wait in waits if wait is not None]
        self.figures.recovery_s = round(max(known), 2) if known else None
        self.figures.to_end_s = round(max(0.0, ended - self.marks[-1]), 1)

    def _judge(self, rows: list[dict[str, Any]], run: Mapping[str, Any]) -> None:
        figures, fault = self.figures, self.fault
        cancelled = int(run["totals"]["cancelled"])
        self.need(
            figures.results + cancelled == figures.items and (fault.is_cut or not cancelled),
            f"{figures.results} results and {cancelled} cancelled of {figures.items}",
        )
        self.need(figures.duplicates == 0, f"{figures.duplicates} duplicates")
        seen = {(row["outcome"], row["error_code"]) for row in rows}
        self.need(figures.wrong == 0, f"{figures.wrong} wrong verdicts; there were {sorted(seen, key=str)}")
        self.need(figures.in_flight <= figures.limit, f"{figures.in_flight} in flight, {figures.limit} allowed")
        self.need(
            figures.most_per_test <= fault.most_calls,
            f"one test took {figures.most_per_test} calls, {fault.most_calls} are allowed",
        )
        late = figures.recovery_s is not None and figures.recovery_s > figures.recovers_in_s
        self.need(not late, f"recovery took {figures.recovery_s} s, {figures.recovers_in_s:.0f} are allowed")
        figures.problems += [f"did not hold: {name}" for name in figures.broken]


_RESULTS = """
SELECT r.test_id, r.trial, r.outcome, r.error_code, r.attempts, extract(epoch FROM r.created_at)::float8 AS at, t.prompt
  FROM test_result r JOIN test t ON t.id = r.test_id WHERE r.run_id = %(run)s
"""
