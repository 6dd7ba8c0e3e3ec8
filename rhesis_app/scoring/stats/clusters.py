"""Rates of tests that were asked several times: answers to one test resemble each other and are not independent."""

from collections.abc import Sequence
from dataclasses import dataclass

from rhesis_app.scoring.stats.rates import wilson

Counts = tuple[int, int]
"""Of one test: how many trials passed, and how many were decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusteredRate:
    """A share of 1 with its interval. `effective` is how many independent answers the `n` answers are worth."""

    value: float
    low: float
    high: float
    passed: int
    n: int
    tests: int
    effective: float


def clustered_rate(per_test: Sequence[Counts], confidence: float = 0.95) -> ClusteredRate:
    """passed / decided over all trials, with Wilson's interval for as many answers as they are worth.

    The worth is n over the design effect (L. Kish, Survey Sampling (1965), section 8.2), and that is the cluster-robust
    variance of the share over its binomial variance, both after one test that always passes and one that never does
    are added, in the manner of A. Agresti and B. A. Coull, The American Statistician 52 (1998) 119-126: without them
    a set where every answer passed would show no likeness between trials and count each as independent. With one trial
    per test this is `wilson`; trials that always agree are worth one answer per test; the worth is never above n.

    Tests without a decided trial are left out. At least one must remain, each with its passed from 0 to decided;
    `confidence` strictly between 0 and 1. Raises ValueError otherwise.
    """
    decided = [(passed, trials) for passed, trials in per_test if trials]
    if not decided or any(not 0 <= passed <= trials for passed, trials in decided):
        raise ValueError(
            "clustered_rate: at least one test must be decided, and of each at most its trials have passed."
        )
    passed, n = (sum(counts) for counts in zip(*decided, strict=True))
    effective = max(1.0, n / max(1.0, _design_effect(decided, passed, n)))
    value = passed / n
    interval = wilson(value * effective, effective, confidence)
    return ClusteredRate(
        value=value,
        low=interval.low,
        high=interval.high,
        passed=passed,
        n=n,
        tests=len(decided),
        effective=effective,
    )


def _design_effect(decided: Sequence[Counts], passed: int, n: int) -> float:
    typical = n / len(decided)
    share = (passed + typical) / (n + 2 * typical)
    added = (typical * (1 - share)) ** 2 + (typical * share) ** 2
    spread = added + sum((ones - share * trials) ** 2 for ones, trials in decided)
    # with one trial each this is 1, and must not become a little more by rounding
    return round(spread / ((n + 2 * typical) * share * (1 - share)), 12)
