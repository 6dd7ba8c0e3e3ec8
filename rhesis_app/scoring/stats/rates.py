"""Rates and their intervals."""

import math
from dataclasses import dataclass
from statistics import NormalDist

from rhesis_app.scoring.stats.beta import beta_quantile
from rhesis_app.sdk import Rate


@dataclass(frozen=True, slots=True)
class Interval:
    """Two ends as shares of 1."""

    low: float
    high: float


def wilson(passed: float, n: float, confidence: float = 0.95) -> Interval:
    """The two-sided score interval for a share of independent trials.

    E. B. Wilson, Probable inference, JASA 22 (1927) 209-212. `n` at least 1, `passed` from 0 to n; effective numbers
    (`clustered_rate`) need not be whole. `confidence` strictly between 0 and 1. Raises ValueError outside of that.
    """
    _check("wilson", passed, n, confidence)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, spread = passed / n, z * z / n
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    # rounding must not push an end past what was observed
    return Interval(0.0 if passed == 0 else centre - half, 1.0 if passed == n else centre + half)


def clopper_pearson(passed: float, n: float, confidence: float = 0.95) -> Interval:
    """The two-sided exact interval for a share of independent trials: it covers at least as often as it says.

    C. J. Clopper and E. S. Pearson, The use of confidence or fiducial limits, Biometrika 26 (1934) 404-413. Arguments
    and errors as in `wilson`, and `n` at most 10⁸.
    """
    _check("clopper_pearson", passed, n, confidence)
    each = (1 + confidence) / 2
    return Interval(lower_bound(passed, n, each), upper_bound(passed, n, each))


def lower_bound(passed: float, n: float, confidence: float = 0.95) -> float:
    """What the share is at least, with one-sided `confidence`; 0 when nothing passed. As `clopper_pearson` otherwise."""
    _check("lower_bound", passed, n, confidence)
    return beta_quantile(1 - confidence, passed, n - passed + 1) if passed else 0.0


def upper_bound(passed: float, n: float, confidence: float = 0.95) -> float:
    """What the share is at most, with one-sided `confidence`; 1 when everything passed. As `clopper_pearson` otherwise."""
    _check("upper_bound", passed, n, confidence)
    return beta_quantile(confidence, passed + 1, n - passed) if passed < n else 1.0


def extremes(passed: int, n: int, left_out: int) -> Interval:
    """The share if everything left out had failed, and if it had passed: the worst and the best case.

    `passed` from 0 to `n`, `left_out` at least 0, both together at least 1. Raises ValueError otherwise.
    """
    if not 0 <= passed <= n or left_out < 0 or n + left_out < 1:
        raise ValueError(f"extremes: not possible with {passed} of {n} and {left_out} left out.")
    return Interval(passed / (n + left_out), (passed + left_out) / (n + left_out))


def pass_rate(*, passed: int, failed: int, excluded: int) -> Rate:
    """passed / (passed + failed) with Wilson's 95 % interval; nulls when nothing was decided.

    `excluded` counts what was left out (error, unscored, never asked), so that no rate travels without it. Counts of
    at least 0; raises ValueError otherwise.
    """
    n = passed + failed
    if min(passed, failed, excluded) < 0:
        raise ValueError("pass_rate: counts cannot be negative.")
    if n == 0:
        return Rate(value=None, low=None, high=None, passed=0, n=0, excluded=excluded)
    interval = wilson(passed, n)
    return Rate(value=passed / n, low=interval.low, high=interval.high, passed=passed, n=n, excluded=excluded)


def _check(name: str, passed: float, n: float, confidence: float) -> None:
    if not (0 <= passed <= n and n >= 1):
        raise ValueError(f"{name}: passed must lie between 0 and n, and n be at least 1, not {passed} of {n}.")
    if not 0 < confidence < 1:
        raise ValueError(f"{name}: confidence must lie between 0 and 1, not {confidence}.")
