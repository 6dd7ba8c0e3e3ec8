"""Rates that carry their uncertainty."""

import math
from dataclasses import dataclass
from statistics import NormalDist

from rhesis_app.sdk import Rate


@dataclass(frozen=True, slots=True)
class Interval:
    """Two ends as shares of 1."""

    low: float
    high: float


def wilson(passed: int, n: int, confidence: float = 0.95) -> Interval:
    """The two-sided score interval for a share of independent trials.

    E. B. Wilson, Probable inference, JASA 22 (1927) 209-212. `n` at least 1, `passed` from 0 to n, `confidence`
    strictly between 0 and 1. Raises ValueError outside of that.
    """
    if not 0 <= passed <= n or n < 1:
        raise ValueError(f"wilson: passed must lie between 0 and n, and n be at least 1, not {passed} of {n}.")
    if not 0 < confidence < 1:
        raise ValueError(f"wilson: confidence must lie between 0 and 1, not {confidence}.")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, spread = passed / n, z * z / n
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    # rounding must not push an end past what was observed
    return Interval(0.0 if passed == 0 else centre - half, 1.0 if passed == n else centre + half)


def pass_rate(*, passed: int, failed: int, excluded: int) -> Rate:
    """passed / (passed + failed) with Wilson's 95 % interval; nulls when nothing was decided.

    `excluded` counts what was left out (error, unscored, never asked), so that no rate travels without it.
    """
    n = passed + failed
    if min(passed, failed, excluded) < 0:
        raise ValueError("pass_rate: counts cannot be negative.")
    if n == 0:
        return Rate(value=None, low=None, high=None, passed=0, n=0, excluded=excluded)
    interval = wilson(passed, n)
    return Rate(value=passed / n, low=interval.low, high=interval.high, passed=passed, n=n, excluded=excluded)
