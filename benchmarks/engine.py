"""The run engine beside a plain loop, promptfoo and Inspect AI: the same tests, the same server, whole processes."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.endpoint import endpoint
from benchmarks.figures import Figure, at_least, at_most, middle, shown
from benchmarks.instance import Instance, instance
from benchmarks.peers import Peer, Peers
from benchmarks.processes import cpu_s, watching

AT_ONCE = 50
WALL = "wall s"
CPU = "CPU ms per test"
PEAK = "peak MB"
HOW = {
    WALL: "from accepted (the engine) or from the start of the process (all others) until the last answer is kept",
    CPU: "user and system time of every process that works for it, divided by the tests: for the engine the run worker,"
    " PostgreSQL and Valkey; for the plain loop its process and PostgreSQL; for the others their processes. The server that is asked is nobody's",
    PEAK: "the largest sum of PSS of its own processes, PostgreSQL left out, looked at every 0.2 s",
}


@dataclass(frozen=True, slots=True)
class Spent:
    """One round of asking."""

    wall_s: float
    cpu_s: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Case:
    """How many tests, how long an answer takes, how often our own ways are tried, and whether the peers are."""

    tests: int
    delay_ms: int
    repeats: int
    with_peers: bool = True

    @property
    def title(self) -> str:
        return f"{self.tests:,} tests, {self.delay_ms} ms answers, {AT_ONCE} at a time"

    @property
    def bound_s(self) -> float:
        """What the answers alone take."""
        return self.tests * self.delay_ms / 1000 / AT_ONCE


CASES = (Case(1000, 0, 3), Case(1000, 50, 3), Case(5000, 0, 3), Case(5000, 50, 3), Case(1000, 500, 2, with_peers=False))
QUICK = (Case(1000, 0, 1), Case(1000, 50, 1))


def measure(folder: Path, peers: Peers, *, quick: bool) -> Iterator[Figure]:
    """All ways in all cases."""
    cases = QUICK if quick else CASES
    with instance(folder / "engine", workers=1, counted=True) as running:
        metric_ids = running.make_metrics()
        sets = {tests: running.import_tests(tests)[0] for tests in dict.fromkeys(case.tests for case in cases)}
        counts: dict[int, tuple[float, float]] = {}
        engine: dict[Case, Spent] = {}
        promptfoo: dict[Case, Spent] = {}
        for case in cases:
            with endpoint(case.delay_ms) as url:
                endpoint_id = running.make_endpoint(url, AT_ONCE)

                def once(case: Case = case, endpoint_id: str = endpoint_id) -> Spent:
                    return _engine(running, (sets[case.tests], endpoint_id, metric_ids), case, counts)

                engine[case] = _typical(once, case.repeats)
                yield from _row(case, "this engine", engine[case])
                plain = _typical(lambda case=case, url=url: _plain(running, url, case.tests), case.repeats)  # type: ignore[misc]
                yield from _row(case, "plain loop, one INSERT per answer", plain)
                for peer in peers.all() if case.with_peers else ():
                    spent = _peer(peer, url, case.tests, folder)
                    yield from _row(case, peer.title, spent, peer.missing)
                    if spent and peer.name == "promptfoo":
                        promptfoo[case] = spent
        yield from _targets(engine, promptfoo)
        yield from _statements(counts)


def _typical(once: Callable[[], Spent], repeats: int) -> Spent:
    rounds = [once() for _ in range(repeats)]
    return Spent(
        middle(one.wall_s for one in rounds),
        middle(one.cpu_s for one in rounds),
        middle(one.peak_mb for one in rounds),
    )


def _row(case: Case, who: str, spent: Spent | None, missing: str = "") -> Iterator[Figure]:
    cells = (
        {WALL: None, CPU: None, PEAK: None}
        if spent is None
        else {
            WALL: spent.wall_s,
            CPU: spent.cpu_s * 1000 / case.tests,
            PEAK: spent.peak_mb,
        }
    )
    said = f"not installed: {missing}" if missing else ""
    for what, value in cells.items():
        yield shown(f"engine/{case.title}/{who}/{what}", value, said or HOW[what])


def _engine(
    running: Instance, what: tuple[str, str, Sequence[str]], case: Case, counts: dict[int, tuple[float, float]]
) -> Spent:
    """A run by the worker process that `up` has started; PostgreSQL's counters tell what it was asked."""
    workers = running.run_workers()
    roots = [*workers, *running.servers()]
    statements, commits = _counted(running)
    cpu = cpu_s(roots)
    with watching(workers) as peak:
        run_id = running.start(*what)
        began = time.perf_counter()
        looks = running.await_end(run_id)
        wall = time.perf_counter() - began
        spent = cpu_s(roots) - cpu
    after, committed = _counted(running)
    totals = running.totals(run_id)
    if totals["passed"] != case.tests:
        raise RuntimeError(f"not all tests passed: {totals}")
    if case.delay_ms == 50:
        counts[case.tests] = (after - statements, committed - commits - looks)
    return Spent(wall, spent, peak.mb)


def _counted(running: Instance) -> tuple[float, float]:
    """Statements of the application so far, and commits in its database."""
    (statements,) = running.sql(
        "SELECT COALESCE(sum(calls), 0) FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid WHERE r.rolname = 'rhesis_app'"
    )[0]
    running.sql("SELECT pg_stat_clear_snapshot()")
    (commits,) = running.sql("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")[0]
    return float(statements), float(commits)


def _plain(running: Instance, url: str, tests: int) -> Spent:
    running.sql("CREATE TABLE IF NOT EXISTS bench_answer (number int, body jsonb, passed boolean)")
    running.sql("TRUNCATE bench_answer")
    servers = running.servers()
    before = cpu_s(servers)
    host = (
        json.loads((running.data / "servers.json").read_text())["database_url"].partition("host=")[2].partition("&")[0]
    )
    spent = _process([sys.executable, "-m", "benchmarks.plain_loop", url, str(tests), str(AT_ONCE), host])
    if running.sql("SELECT count(*) FROM bench_answer WHERE passed")[0][0] != tests:
        raise RuntimeError("the plain loop lost answers")
    return Spent(spent.wall_s, spent.cpu_s + cpu_s(servers) - before, spent.peak_mb)


def _peer(peer: Peer, url: str, tests: int, folder: Path) -> Spent | None:
    if peer.missing:
        return None
    place = folder / peer.name / f"{tests}"
    place.mkdir(parents=True, exist_ok=True)
    spent = _process(peer.command(place, url, tests, AT_ONCE), peer.environment(place), place)
    passed = peer.passed(place)
    if passed != tests:
        raise RuntimeError(f"{peer.title} passed {passed} of {tests} tests; {place / 'said.txt'} says why")
    return spent


def _process(command: Sequence[str], environment: dict[str, str] | None = None, place: Path | None = None) -> Spent:
    """A whole process from its start to its end; the time of its children is the kernel's own account."""
    import os
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    with (place / "said.txt" if place else Path(os.devnull)).open("w") as file:
        process = subprocess.Popen(command, env=environment, cwd=place, stdout=file, stderr=subprocess.STDOUT)
        with watching([process.pid]) as peak:
            process.wait()
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Spent(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, peak.mb)


def _targets(engine: dict[Case, Spent], promptfoo: dict[Case, Spent]) -> Iterator[Figure]:
    for case, spent in engine.items():
        if case.delay_ms == 0:
            how = "tests divided by wall time, one worker process"
            yield at_least(
                f"engine/{case.tests:,} tests at 0 ms: tests per second", case.tests / spent.wall_s, 1000, how
            )
        elif case.delay_ms == 500 or case.tests >= 5000:
            name = f"engine/{case.tests:,} tests at {case.delay_ms} ms: wall as a multiple of the latency-bound time"
            how = f"wall divided by tests × delay ÷ {AT_ONCE} ({case.bound_s:g} s), from accepted to completed"
            yield at_most(name, spent.wall_s / case.bound_s, 1.05 if case.delay_ms == 500 else 1.15, how)
        if case in promptfoo:
            name = f"engine/{case.tests:,} tests at {case.delay_ms} ms: CPU per test as a share of promptfoo's"
            yield at_most(name, spent.cpu_s / promptfoo[case].cpu_s, 0.2, "both from the table above")


def _statements(counts: dict[int, tuple[float, float]]) -> Iterator[Figure]:
    if len(counts) < 2:
        return
    few, many = sorted(counts)
    names = ("statements", "commits")
    for place, name in enumerate(names):
        value = (counts[many][place] - counts[few][place]) / (many - few)
        how = (
            f"PostgreSQL's own counters (pg_stat_statements, pg_stat_database) at {many:,} tests less those at {few:,}, divided by the"
            f" difference in tests; 50 ms answers. The constant part is {counts[few][place] - value * few:.0f}"
        )
        yield at_most(f"engine/{name} per test", value, 0.1, how)
