"""How soon things begin: accepting runs, the first result, an import, the web server from cold."""

import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.endpoint import endpoint
from benchmarks.figures import Figure, at_most, middle, percentile, shown
from benchmarks.instance import Instance, instance


def measure(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Accepting, first results, an import. A set holds 10,000 tests, so 20,000 answers are two trials of each."""
    tests, tries = (2_000, 3) if quick else (10_000, 12)
    with instance(folder / "start", workers=1) as running:
        metric_ids = running.make_metrics()
        test_set, took = running.import_tests(tests)
        how = "upload and confirm of a JSON Lines file over the API"
        yield at_most(f"start/import of {tests:,} tests: s", took, 5, how)
        with endpoint(50) as url:
            what = test_set, running.make_endpoint(url, 50), metric_ids
            for trials in (1, 2):
                yield from _accepting(running, what, tests, trials, tries)
            yield from _first_results(running, what, tests, url, 2 if quick else 5)


def _accepting(
    running: Instance, what: tuple[str, str, list[str]], tests: int, trials: int, tries: int
) -> Iterator[Figure]:
    """Each run is cancelled as soon as it was accepted; the worker has let go of it before the next one."""
    times = []
    for _ in range(tries):
        run_id, took = running.start_timed(*what, trials)
        times.append(took * 1000)
        running.call("POST", f"/test-runs/{run_id}/cancel")
        running.await_end(run_id)
    how = (
        f"POST of the run until the answer, {tries} times on one set of {tests:,} tests asked"
        f" {'once' if trials == 1 else 'twice'}, cancelled each time; nearest rank"
    )
    size = tests * trials
    if size >= 20_000:
        yield at_most(f"start/accepting {size:,} answers: p95 ms", percentile(times, 0.95), 300, how)
    else:
        yield shown(f"start/accepting {size:,} answers: p95 ms", percentile(times, 0.95), how)
    yield shown(f"start/accepting {size:,} answers: median ms", middle(times), how)


def _first_results(
    running: Instance, what: tuple[str, str, list[str]], tests: int, url: str, tries: int
) -> Iterator[Figure]:
    """From the click to the first result that anybody can read: alone, and beside a large run on the same worker."""
    test_set, endpoint_id, metric_ids = what
    alone = []
    for _ in range(tries):
        began = time.perf_counter()
        run_id = running.start(test_set, endpoint_id, metric_ids, 2)
        running.await_result(run_id)
        alone.append(time.perf_counter() - began)
        running.call("POST", f"/test-runs/{run_id}/cancel")
        running.await_end(run_id)
    size = tests * 2
    how = f"the slowest of {tries}, from before the POST until a result of the run is committed; {size:,} answers of 50 ms"
    yield at_most("start/first result after the click: s", max(alone), 1, how)
    other = running.make_endpoint(url, 50)
    small = running.import_tests(20)[0]
    large = running.start(test_set, other, metric_ids, 2)
    running.await_result(large)
    beside = []
    for _ in range(tries):
        time.sleep(1)
        began = time.perf_counter()
        run_id = running.start(small, endpoint_id, metric_ids)
        running.await_result(run_id)
        beside.append(time.perf_counter() - began)
        running.await_end(run_id)
    still = not running.sql("SELECT 1 FROM test_run WHERE id = %s AND finished_at IS NOT NULL", large)
    running.call("POST", f"/test-runs/{large}/cancel")
    running.await_end(large)
    how = f"the slowest of {tries}: a run of 20 tests is started while one of {size:,} answers goes on, one worker process for both"
    yield at_most("start/first result beside a large run: s", max(beside) if still else None, 2, how)
