"""The run engine beside a plain loop that keeps nothing: wall time, CPU per test, peak memory, statements per test."""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3

SERVER = (
    "import sys, time; sys.path.insert(0, '.'); from tests.scripted_endpoint import ScriptedEndpoint, json_reply\n"
    "s = ScriptedEndpoint(lambda c: json_reply({'reply': 'yes ' + c.json['message']}, delay_s=%f), keep_calls=False).__enter__()\n"
    "print(s.url, flush=True); time.sleep(3600)"
)
AT_ONCE = 50


@dataclass(frozen=True)
class Figure:
    """One way of asking the same tests. CPU is the asking process's alone; PostgreSQL's is not in it."""

    name: str
    wall_s: float
    cpu_ms: float
    peak_mb: float
    statements: float | None = None


@contextmanager
def endpoint(delay_s: float) -> Iterator[str]:
    """A scripted endpoint in a process of its own, so that its work is nobody's figure."""
    process = subprocess.Popen([sys.executable, "-c", SERVER % delay_s], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def plain_loop(url: str, tests: int) -> Figure:
    """Threads over one pool, one line of JSON per answer: the least that asking can cost."""
    pool = urllib3.PoolManager(maxsize=AT_ONCE, block=True)
    started, cpu = time.perf_counter(), time.process_time()

    def ask(number: int) -> bytes:
        return pool.request("POST", url, body=json.dumps({"message": f"Question {number}"}).encode()).data

    with ThreadPoolExecutor(AT_ONCE) as threads, tempfile.TemporaryFile("wb") as file:
        for answer in threads.map(ask, range(tests)):
            file.write((b"yes" in answer and answer + b"\n") or b"\n")
    return _figure("plain loop, nothing kept", started, cpu, tests)


def engine(url: str, tests: int) -> Figure:
    """One slice after another in this process, on embedded servers with durability on."""
    import threading

    from cryptography.fernet import Fernet
    from sqlalchemy import event

    from rhesis_app.app import create_app
    from rhesis_app.infra.config import Settings
    from rhesis_app.infra.embedded.servers import EmbeddedServers
    from rhesis_app.infra.migrate import migrate
    from rhesis_app.runs.actions.drive import drive_run
    from tests.jobs.runs.world import make_world
    from tests.people import make_people

    with tempfile.TemporaryDirectory() as folder, EmbeddedServers(Path(folder) / "data") as servers:
        migrate(servers.addresses.database_owner_url)
        settings = Settings(
            database_url=servers.addresses.database_url,
            redis_url=servers.addresses.redis_url,
            secret_keys=("0123456789abcdef0123456789abcdef",),
            encryption_keys=(Fernet.generate_key().decode(),),
            allow_local_targets=True,
            log_level="ERROR",
        )
        app = create_app(settings)
        host = app.extensions["rhesis"]
        world = make_world(
            make_people(app, host)["alice"],
            url,
            [(f"Question {n}", "yes") for n in range(tests)],
            max_concurrency=AT_ONCE,
        )
        run_id = world.start()
        sent: list[int] = []
        event.listen(host.engine, "before_cursor_execute", lambda *_: sent.append(1))
        started, cpu = time.perf_counter(), time.process_time()
        with world.person.scope() as scope:
            while drive_run(scope, world.parts, run_id, stop=threading.Event()):
                pass
        figure = _figure("the run engine", started, cpu, tests, statements=len(sent) / tests)
        kept = world.ask("SELECT count(*) FROM test_result WHERE outcome = 'passed'")[0][0]
        assert kept == tests, f"{kept} of {tests} results"
        host.engine.dispose()
        host.door.close()
    return figure


def _figure(name: str, started: float, cpu: float, tests: int, *, statements: float | None = None) -> Figure:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024 * 1024)
    spent = (time.process_time() - cpu) * 1000 / tests
    return Figure(name, time.perf_counter() - started, spent, peak, statements)


def main() -> None:
    """Print one Markdown table per delay."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--tests", type=int, default=1000)
    parser.add_argument("--delays-ms", type=int, nargs="*", default=[0, 50, 500])
    options = parser.parse_args()
    for delay_ms in options.delays_ms:
        bound = options.tests * delay_ms / 1000 / AT_ONCE
        with endpoint(delay_ms / 1000) as url:
            figures = [plain_loop(url, options.tests), engine(url, options.tests)]
        print(
            f"\n{options.tests} tests, {delay_ms} ms answers, {AT_ONCE} at a time (the answers alone take {bound:.1f} s)\n"
        )
        print(
            "| way | wall s | × plain loop | CPU ms per test | peak MB | statements per test |\n|---|---|---|---|---|---|"
        )
        for one in figures:
            ratio, said = one.wall_s / figures[0].wall_s, "–" if one.statements is None else f"{one.statements:.2f}"
            print(f"| {one.name} | {one.wall_s:.2f} | {ratio:.2f} | {one.cpu_ms:.2f} | {one.peak_mb:.0f} | {said} |")


if __name__ == "__main__":
    main()
