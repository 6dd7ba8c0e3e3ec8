"""Pages and lists at 1,000 to 1,000,000 results: how much slower the large ones are than those of 10,000."""

import base64
import hashlib
import hmac
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from benchmarks.endpoint import endpoint
from benchmarks.figures import Figure, at_most, percentile, shown
from benchmarks.instance import Instance, instance
from benchmarks.load import Client, get
from benchmarks.rows import SAMPLE, multiply

SIZES = (1_000, 10_000, 100_000, 1_000_000)
BASE = 10_000
ENOUGH, PATIENCE_MS = 5, 4_000
"""An address that is slow is asked less often, so that the whole ends in minutes."""
LIMIT, LIMIT_OF_SEARCH = 1.3, 10.0
SEARCHES = frozenset({"results, text search", "tests, text search"})


def measure(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """All addresses at all sizes, in turns, so that a noisy moment hits all of them."""
    sizes = (1_000, 10_000, 20_000) if quick else SIZES
    with instance(folder / "growth", workers=1) as running:
        began = time.perf_counter()
        made = _filled(running, sizes)
        running.sql("VACUUM (ANALYZE)")
        yield shown(
            "growth/loading: s",
            time.perf_counter() - began,
            f"{sum(sizes):,} results with their tests and evaluations, and VACUUM",
        )
        addresses = {size: _addresses(running, one) for size, one in made.items()}
        yield from _figures(running, addresses, 12 if quick else 40, "")
        for size, one in made.items():
            _go_on(running, one["run"], size)
        going = {size: _while_going(one) for size, one in made.items()}
        yield from _figures(running, going, 5 if quick else 20, " while it goes on")


def _figures(running: Instance, addresses: Mapping[int, Mapping[str, str]], rounds: int, when: str) -> Iterator[Figure]:
    times = _asked(running, addresses, rounds)
    for name in addresses[BASE]:
        p95 = {size: percentile(times[size, name], 0.95) for size in addresses}
        told = ", ".join(f"{p95[size]:.0f} ms at {size:,}" for size in addresses)
        how = f"p95 of {rounds} requests by one client ({ENOUGH} of slow ones), the sizes in turn: {told}"
        largest = max(addresses)
        limit = LIMIT_OF_SEARCH if name in SEARCHES else LIMIT
        yield at_most(
            f"growth/{name}{when}: {largest:,} as a multiple of {BASE:,}", p95[largest] / p95[BASE], limit, how
        )


def _asked(
    running: Instance, addresses: Mapping[int, Mapping[str, str]], rounds: int
) -> dict[tuple[int, str], list[float]]:
    client = Client(running.url.removeprefix("http://"))
    times: dict[tuple[int, str], list[float]] = {(size, name): [] for size in addresses for name in addresses[size]}
    for number in range(-2, rounds):  # two rounds to get warm
        for (size, name), taken in times.items():
            if len(taken) >= ENOUGH and sum(taken) > PATIENCE_MS:
                continue
            path = addresses[size][name]
            headers = running.headers if path.startswith("/api") else {"Cookie": running.cookie}
            request = get(running.url + path, headers).encode()
            began = time.perf_counter()
            status, body = client.ask(request)
            took = (time.perf_counter() - began) * 1000
            if status != 200:
                raise RuntimeError(f"{status} from {path}: {body[:300]!r}")
            if number >= 0:
                taken.append(took)
    return times


def _filled(running: Instance, sizes: tuple[int, ...]) -> dict[int, dict[str, Any]]:
    """A project for each size, with a real run made large."""
    made = {}
    with endpoint(0) as url:
        for size in sizes:
            running.project_id = str(running.call("POST", "/projects", {"name": f"Grow {size}"})["id"])
            metric_ids, endpoint_id = running.make_metrics(), running.make_endpoint(url, 20)
            test_set = running.import_tests(SAMPLE)[0]
            run_id = running.start(test_set, endpoint_id, metric_ids)
            running.await_end(run_id)
            multiply(running, running.project_id, run_id, size)
            made[size] = {"project": running.project_id, "slug": f"grow-{size}", "run": run_id}
    return made


def _addresses(running: Instance, one: Mapping[str, Any]) -> dict[str, str]:
    api, page = f"/api/v1/test-runs/{one['run']}", f"/p/{one['slug']}"
    results = f"{api}/results"
    tests = f"/api/v1/tests?project_id={one['project']}"
    runs = f"/api/v1/test-runs?project_id={one['project']}"
    return {
        "a run": api,
        "run page": f"{page}/runs/1",
        "results, first": results,
        "results, middle": f"{results}?cursor={_cursor(running, one, 0.5)}",
        "results, last": f"{results}?cursor={_cursor(running, one, 1.0)}",
        "results, failed ones": f"{results}?outcome=failed",
        "results, of one requirement": f"{results}?requirement_id={_requirement(running, one)}",
        "results, failed on one metric": f"{results}?metric_id={_metric(running, one)}",
        "results, with their count": f"{results}?count=true",
        "results, text search": f"{results}?q=quagga",
        "runs, first": runs,
        "runs, with their count": f"{runs}&count=true",
        "runs page": f"{page}/runs",
        "tests, first": tests,
        "tests, with their count": f"{tests}&count=true",
        "tests, text search": f"{tests}&q=quagga",
        "tests page": f"{page}/tests",
        "overview": f"{page}/",
    }


def _while_going(one: Mapping[str, Any]) -> dict[str, str]:
    return {"a run": f"/api/v1/test-runs/{one['run']}", "run page": f"/p/{one['slug']}/runs/1"}


def _go_on(running: Instance, run_id: str, size: int) -> None:
    """Open again, with one item that a worker far away holds for a day."""
    running.sql("SET session_replication_role = replica")
    running.sql(
        "INSERT INTO work_item (organization_id, run_id, test_version_id, trial, position, endpoint_id, lease_owner, lease_until)"
        " SELECT organization_id, run_id, test_version_id, 99, position, NULL, 'elsewhere', now() + interval '1 day' FROM test_result"
        " WHERE run_id = %s LIMIT 1",
        run_id,
    )
    running.sql(
        "UPDATE test_run SET planned = %s, status = 'running', finished_at = NULL, outcome = 'none', totals = NULL, parts = NULL,"
        " deadline_at = now() + interval '1 day' WHERE id = %s",
        size + 1, run_id,
    )  # fmt: skip


def _requirement(running: Instance, one: Mapping[str, Any]) -> str:
    return str(running.sql("SELECT requirement_id FROM test_result WHERE run_id = %s LIMIT 1", one["run"])[0][0])


def _metric(running: Instance, one: Mapping[str, Any]) -> str:
    query = "SELECT v.metric_id FROM run_metric m JOIN metric_version v ON v.id = m.metric_version_id WHERE m.run_id = %s AND m.position = 0"
    return str(running.sql(query, one["run"])[0][0])


def _cursor(running: Instance, one: Mapping[str, Any], share: float) -> str:
    """A cursor as the API signs it, for a page so far into the list that nobody wants to turn the pages up to there."""
    rank = "CASE outcome WHEN 'failed' THEN 0 WHEN 'error' THEN 1 WHEN 'unscored' THEN 2 ELSE 3 END"
    (count,) = running.sql("SELECT count(*) FROM test_result WHERE run_id = %s", one["run"])[0]
    query = f"SELECT {rank}, position, trial FROM test_result WHERE run_id = %s ORDER BY 1, 2, 3 OFFSET %s LIMIT 1"
    (values,) = running.sql(query, one["run"], min(int(count * share), count - 51))
    (organization,) = running.sql("SELECT organization_id FROM test_run WHERE id = %s", one["run"])[0]
    rule, arguments = "/api/v1/test-runs/<uuid:run_id>/results", [("run_id", UUID(one["run"]))]
    signed_for = orjson.dumps([str(organization), rule, arguments, []], default=str)
    payload = orjson.dumps([False, [("v", value) for value in values]])
    key = running.settings()["SECRET_KEY"].partition(",")[0].encode()
    mac = hmac.new(key, b"cursor:" + signed_for + payload, hashlib.sha256).digest()[:16]
    return base64.urlsafe_b64encode(mac + payload).decode().rstrip("=")
