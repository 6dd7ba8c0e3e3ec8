"""Requests per second of the product beside a bare Flask route under the same gunicorn, 8 clients at a time."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.endpoint import endpoint
from benchmarks.figures import Figure, at_least, middle, shown
from benchmarks.instance import Instance, free_port, instance
from benchmarks.load import drive, get

CLIENTS = 8
HOW = (
    f"answers per second with {CLIENTS} clients on open connections, gunicorn with 2 processes × 8 threads; median of the ratios of"
    " rounds that alternate with the bare route"
)


def measure(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Items, lists of the API and lists of pages."""
    rounds, seconds = (1, 1.5) if quick else (3, 3.0)
    with instance(folder / "rates", workers=1) as running, endpoint(0) as url:
        run_id = _filled(running, url)
        with _bare(running) as bare:
            drive(bare, [get(bare, {})], seconds=1)
            for kind, limit, addresses in _kinds(running, run_id):
                headers = {"Cookie": running.cookie} if kind.startswith("HTML") else running.headers
                for name, address in addresses:
                    asked = [get(running.url + address, headers)]
                    drive(running.url, asked, seconds=0.5)
                    pairs = [
                        (
                            drive(running.url, asked, seconds=seconds).per_s,
                            drive(bare, [get(bare, {})], seconds=seconds).per_s,
                        )
                        for _ in range(rounds)
                    ]
                    share = middle(ours / theirs for ours, theirs in pairs)
                    told = f"{HOW}; here {middle(ours for ours, _ in pairs):.0f} against {middle(theirs for _, theirs in pairs):.0f}"
                    yield at_least(f"rates/{kind}: {name}, share of a bare route", share, limit, told)
            rate = middle(drive(bare, [get(bare, {})], seconds=seconds).per_s for _ in range(rounds))
            yield shown("rates/bare Flask route: requests per second", rate, "a route that answers a small JSON object")


def _kinds(running: Instance, run_id: str) -> Iterator[tuple[str, float, Sequence[tuple[str, str]]]]:
    (result_id,) = running.sql("SELECT id FROM test_result LIMIT 1")[0]
    (test_id,) = running.sql("SELECT id FROM test LIMIT 1")[0]
    api, page = "/api/v1", f"/p/{running.slug}"
    yield (
        "item",
        0.25,
        [
            ("a run", f"{api}/test-runs/{run_id}"),
            ("a result", f"{api}/test-results/{result_id}"),
            ("a test", f"{api}/tests/{test_id}"),
            ("a project", f"{api}/projects/{running.project_id}"),
        ],
    )
    yield (
        "API list of 50",
        0.12,
        [
            ("tests", f"{api}/tests?project_id={running.project_id}"),
            ("runs", f"{api}/test-runs?project_id={running.project_id}"),
            ("results", f"{api}/test-runs/{run_id}/results"),
        ],
    )
    yield (
        "HTML list of 50",
        0.10,
        [("tests", f"{page}/tests"), ("runs", f"{page}/runs"), ("a run and its results", f"{page}/runs/1")],
    )


def _filled(running: Instance, url: str) -> str:
    """200 tests, a run of them, and fifty small runs."""
    metric_ids, endpoint_id = running.make_metrics(), running.make_endpoint(url, 50)
    large, small = running.import_tests(200)[0], running.import_tests(2)[0]
    run_id = running.start(large, endpoint_id, metric_ids)
    running.await_end(run_id)
    for started in [running.start(small, endpoint_id, metric_ids) for _ in range(60)]:
        running.await_end(started)
    return run_id


@contextmanager
def _bare(running: Instance) -> Iterator[str]:
    port = free_port()
    environment = {**running.environment, "RHESIS_BIND": f"127.0.0.1:{port}"}
    command = [sys.executable, "-m", "gunicorn", "-c", "python:rhesis_app.infra.gunicorn_conf", "benchmarks.bare:app"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(200):
            try:
                drive(url, [get(url, {})], clients=1, seconds=0.05)
                break
            except RuntimeError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()
