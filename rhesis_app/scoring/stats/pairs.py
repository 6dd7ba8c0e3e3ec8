"""The same tests in two runs: what changed, and whether chance explains it."""

import math
from dataclasses import dataclass
from typing import Final

from rhesis_app.scoring.stats.beta import beta_cdf
from rhesis_app.scoring.stats.rates import wilson

FEWEST_FLIPS: Final = 6
"""With fewer changed tests the two-sided exact p-value cannot come below 0.05, whatever they say."""
_EXACT_SUMS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """Candidate minus baseline as shares of 1 with its interval.

    `p_value` is None with fewer than six changed tests: it could not have come below 0.05 however they changed.
    """

    n: int
    difference: float
    low: float
    high: float
    p_value: float | None


def paired(*, fixed: int, broken: int, both_passed: int, both_failed: int, confidence: float = 0.95) -> Paired:
    """The difference of two pass rates on the same tests, its interval, and the exact McNemar test of no difference.

    Interval: R. G. Newcombe, Improved confidence intervals for the difference between binomial proportions based on
    paired data, Statistics in Medicine 17 (1998) 2635-2650, method 10. Test: `mcnemar`. Each count is of independent
    tests; where tests were asked several times, `score_difference` takes one difference per test. Counts of at least 0
    and together at least 1, `confidence` strictly between 0 and 1; raises ValueError otherwise.
    """
    counts = (fixed, broken, both_passed, both_failed)
    n = sum(counts)
    if min(counts) < 0 or n < 1:
        raise ValueError(f"paired: counts cannot be negative or all 0, not {counts}.")
    low, high = _newcombe(both_passed, broken, fixed, both_failed, confidence)
    is_testable = fixed + broken >= FEWEST_FLIPS
    return Paired(
        n=n,
        difference=(fixed - broken) / n,
        low=low,
        high=high,
        p_value=mcnemar(fixed, broken) if is_testable else None,
    )


def mcnemar(fixed: int, broken: int) -> float:
    """The two-sided exact p-value of no difference: changed tests flip either way like a fair coin.

    Q. McNemar, Note on the sampling error of the difference between correlated proportions, Psychometrika 12 (1947)
    153-157, in its exact binomial form. Counts of at least 0, each below 10⁸; raises ValueError otherwise.
    """
    if min(fixed, broken) < 0:
        raise ValueError("mcnemar: counts cannot be negative.")
    n, fewer = fixed + broken, min(fixed, broken)
    if n == 0:
        return 1.0
    return min(1.0, 2 * _tail(fewer, n))


def _tail(k: int, n: int) -> float:
    """The probability of at most `k` heads in `n` tosses of a fair coin."""
    if n > _EXACT_SUMS:
        return beta_cdf(0.5, n - k, k + 1)
    return sum(math.comb(n, i) for i in range(k + 1)) / (1 << n)


def _newcombe(a: int, b: int, c: int, d: int, confidence: float) -> tuple[float, float]:
    """Of candidate (a + c) minus baseline (a + b), of n: `a` pass in both, `b` are broken, `c` fixed, `d` fail in both."""
    n = a + b + c + d
    was, now = (a + b) / n, (a + c) / n
    before, after = wilson(a + b, n, confidence), wilson(a + c, n, confidence)
    correlation = _correlation(a, b, c, d)
    down, up = now - after.low, before.high - was
    low = (now - was) - _joined(down, up, correlation)
    down, up = was - before.low, after.high - now
    high = (now - was) + _joined(down, up, correlation)
    return max(-1.0, low), min(1.0, high)


def _joined(one: float, other: float, correlation: float) -> float:
    return math.sqrt(max(0.0, one * one - 2 * correlation * one * other + other * other))


def _correlation(a: int, b: int, c: int, d: int) -> float:
    """φ of the two runs with Newcombe's continuity correction; 0 where a margin is empty."""
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    if margins == 0:
        return 0.0
    excess = a * d - b * c
    corrected = max(excess - (a + b + c + d) / 2, 0) if excess > 0 else excess
    return corrected / math.sqrt(margins)
