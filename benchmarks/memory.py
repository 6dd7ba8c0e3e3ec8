"""Memory over a run, memory at rest, the web server from cold, and pages while a run goes on."""

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from benchmarks.endpoint import endpoint
from benchmarks.figures import Figure, at_most, middle, percentile
from benchmarks.instance import Instance, free_port, instance
from benchmarks.load import drive, get
from benchmarks.processes import cpu_s, pss_mb, watching


def measure(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """At rest first, then under work."""
    few, many = (500, 1_000) if quick else (1_000, 10_000)
    with instance(folder / "memory", workers=1) as running:
        time.sleep(2)
        rest = pss_mb([*running.web(), *running.run_workers()])
        how = "PSS of gunicorn with 2 processes and of one run worker, none of them asked anything yet"
        yield at_most("memory/web and one worker at rest: MB", rest, 300, how)
        yield from _cold(running, 1 if quick else 5)
        metric_ids = running.make_metrics()
        with endpoint(0) as url:
            endpoint_id = running.make_endpoint(url, 50)
            peaks = []
            for size, trials in ((few, 1), (many, 2)):
                test_set = running.import_tests(size)[0]
                with watching(running.run_workers()) as peak:
                    running.await_end(running.start(test_set, endpoint_id, metric_ids, trials))
                peaks.append(peak.mb)
        how = (
            f"largest PSS of the worker's processes, looked at every 0.2 s: {peaks[1]:.0f} MB against {peaks[0]:.0f} MB"
        )
        yield at_most(f"memory/worker at {many * 2:,} answers as a multiple of {few:,}", peaks[1] / peaks[0], 1.2, how)
        with endpoint(50) as url:
            yield from _beside(running, test_set, running.make_endpoint(url, 50), metric_ids)


def _cold(running: Instance, tries: int) -> Iterator[Figure]:
    """The web server alone, again and again, on servers that run: the files have been read before, the process has not."""
    walls, cpus = [], []
    for _ in range(tries):
        port = free_port()
        environment = {**running.settings(), "RHESIS_BIND": f"127.0.0.1:{port}"}
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "-c",
            "python:rhesis_app.infra.gunicorn_conf",
            "rhesis_app.app:create_app()",
        ]
        began = time.perf_counter()
        process = subprocess.Popen(command, env=environment)
        while True:
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=1):
                break
            time.sleep(0.02)
        walls.append(time.perf_counter() - began)
        cpus.append(cpu_s([process.pid]))
        process.terminate()
        process.wait()
    how = f"median of {tries} starts of gunicorn (2 processes) until /health/ready answers"
    yield at_most("memory/web server ready: s", middle(walls), 3, how)
    yield at_most("memory/web server ready: CPU s", middle(cpus), 2.5, how)


def _beside(running: Instance, test_set: str, endpoint_id: str, metric_ids: list[str]) -> Iterator[Figure]:
    """One reader of lists, at rest and while a large run goes on."""
    page = f"/p/{running.slug}"
    asked = [get(f"{running.url}{page}/{name}", {"Cookie": running.cookie}) for name in ("tests", "runs", "runs/1")]
    drive(running.url, asked, clients=1, seconds=1)
    idle = drive(running.url, asked, clients=1, seconds=6)
    run_id = running.start(test_set, endpoint_id, metric_ids)
    running.await_result(run_id)
    busy = drive(running.url, asked, clients=1, seconds=6)
    running.call("POST", f"/test-runs/{run_id}/cancel")
    running.await_end(run_id)
    before, during = (percentile(one.times_ms, 0.95) for one in (idle, busy))
    how = (
        "p95 of one client that opens the lists of tests and runs and a run's page in turn, beside a run with 50 ms answers, 50 at a"
        f" time, that needs the machine's cores too: {during:.0f} ms against {before:.0f} ms"
    )
    yield at_most("memory/list pages during a run as a multiple of idle", during / before, 2, how)
