"""A run as they are with models: answers of 2 s with a long tail, in pieces, some of them refused, 100 at a time."""

import heapq
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.endpoint import endpoint, take_log
from benchmarks.figures import Figure, at_least, shown
from benchmarks.instance import instance

AT_ONCE = 100
ANSWERS = "log-normal answers, 2 s on average and 6.7 s for one in a hundred, in eight pieces"


def measure(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Without refusals, and with 2 % of 429."""
    tests = 400 if quick else 1500
    with instance(folder / "realistic", workers=2) as running:
        metric_ids = running.make_metrics()
        test_set = running.import_tests(tests)[0]
        for share in (0.0, 0.02):
            with endpoint(long_tail=True, throttle=share) as url:
                endpoint_id = running.make_endpoint(url, AT_ONCE)
                take_log(url)
                run_id = running.start(test_set, endpoint_id, metric_ids)
                running.await_end(run_id, every_s=0.05)
                log = take_log(url)
                totals = running.totals(run_id)
            if totals["passed"] != tests:
                raise RuntimeError(f"not all tests passed: {totals}")
            yield from _figures(log, f"{tests:,} tests, {share:.0%} refused", refused=bool(share))


def _figures(log: Sequence[tuple[float, float, int]], case: str, *, refused: bool) -> Iterator[Figure]:
    began, ended = min(one[0] for one in log), max(one[1] for one in log)
    bound = bound_s(log, AT_ONCE)
    how = (
        f"{ANSWERS}. The bound: the service times in the server's own log, in the order of arrival, each given to the first of {AT_ONCE}"
        f" slots that is free ({bound:.1f} s); divided by the time from the first arrival to the last answer ({ended - began:.1f} s)"
    )
    name = f"realistic/{case}: share of the latency-bound rate"
    yield at_least(name, bound / (ended - began), 0.95, how)
    busy = sum(one[1] - one[0] for one in log)
    how = f"sum of service times divided by {AT_ONCE} × that time; the tail of the last answers leaves slots empty whoever asks"
    yield shown(f"realistic/{case}: share of {AT_ONCE} slots in use", busy / AT_ONCE / (ended - began), how)
    del refused


def bound_s(log: Sequence[tuple[float, float, int]], slots: int) -> float:
    """How long these calls take when a free slot always takes the next one at once."""
    free = [0.0] * slots
    for arrived, ended, _ in sorted(log):
        heapq.heappush(free, heapq.heappop(free) + ended - arrived)
    return max(free)
