"""A claim about a rate, with three answers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rhesis_app.scoring.stats.beta import beta_cdf
from rhesis_app.scoring.stats.clusters import Counts, clustered_rate
from rhesis_app.scoring.stats.rates import lower_bound, upper_bound

MOST_TESTS: Final = 1_000_000
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class RateClaim:
    """Whether "the rate is at least so much" holds: `low` and `high` are one-sided bounds at the claim's confidence.

    `more` is how many further tests would settle an undecided claim in its favour if they pass as often as those so
    far (`trials_needed`); None where the claim is settled, or where no million of tests at that rate could do so.
    """

    decision: Literal["passed", "failed", "undecided"]
    low: float
    high: float
    more: int | None


def claim_rate(passed: int, n: int, at_least: float, confidence: float = 0.95) -> RateClaim:
    """Decide the claim by exact one-sided bounds: passed above it, failed below it, undecided around it.

    Bounds as `lower_bound` and `upper_bound`, so both ways of erring have probability at most 1 − `confidence`. Counts
    are of independent tests; `claim_clustered_rate` takes tests with several trials. `n` of 0 is undecided. `at_least`
    above 0 and at most 1; raises ValueError outside of that, and as `clopper_pearson` does.
    """
    _check("claim_rate", at_least, confidence)
    if n == 0:
        return _unknown(at_least, confidence)
    return _decided(passed, n, at_least, confidence)


def claim_clustered_rate(per_test: Sequence[Counts], at_least: float, confidence: float = 0.95) -> RateClaim:
    """The same for tests with several trials, which count as many answers as `clustered_rate` says they are worth.

    With one trial per test exactly `claim_rate`; `more` counts further tests of as many trials. Bounds for an effective
    size as E. L. Korn and B. I. Graubard, Confidence intervals for proportions with small expected number of positive
    counts estimated from survey data, Survey Methodology 24 (1998) 193-201. No decided trial is undecided. Raises
    ValueError as `claim_rate` and `clustered_rate` do.
    """
    _check("claim_clustered_rate", at_least, confidence)
    if not any(trials for _, trials in per_test):
        return _unknown(at_least, confidence)
    rate = clustered_rate(per_test)
    claim = _decided(rate.value * rate.effective, rate.effective, at_least, confidence)
    if claim.more is None:
        return claim
    tests = math.ceil(claim.more * rate.tests / rate.effective - _ROUNDING)
    return RateClaim(decision=claim.decision, low=claim.low, high=claim.high, more=tests)


def trials_needed(passed: float, n: float, at_least: float, confidence: float = 0.95) -> int | None:
    """How many further tests lift the one-sided lower bound to the claim, if they pass as often as those so far.

    The smallest m ≥ 0 for which `lower_bound` of n + m tests reaches `at_least`, where only whole passes count: the
    observed rate times n + m, rounded down. It is what a rate like the observed one would need and no promise: the
    further tests may fall out otherwise. None when the observed rate is not above the claim, or more than a million
    tests were needed. Arguments and errors as in `claim_rate`, `n` at least 1.
    """
    _check("trials_needed", at_least, confidence)
    if not (0 <= passed <= n and n >= 1):
        raise ValueError(f"trials_needed: passed must lie between 0 and n, and n be at least 1, not {passed} of {n}.")
    if _clears(passed, n, at_least, confidence):
        return 0
    rate = passed / n
    if rate <= at_least + _ROUNDING:
        return None
    total = _shortest(rate, n, at_least, confidence)
    while total <= MOST_TESTS:
        failed = total - _whole(rate * total)
        last = total if rate == 1 else max(total, _whole(failed / (1 - rate)))
        if _clears(last - failed, last, at_least, confidence):
            first = _first_clear(failed, (total, last), at_least, confidence)
            return max(1, math.ceil(first - n - _ROUNDING))
        total = last + 1
    return None


def _unknown(at_least: float, confidence: float) -> RateClaim:
    """Of nothing: what it takes if every test passes."""
    more = trials_needed(1, 1, at_least, confidence)
    return RateClaim(decision="undecided", low=0.0, high=1.0, more=None if more is None else more + 1)


def _decided(passed: float, n: float, at_least: float, confidence: float) -> RateClaim:
    low, high = lower_bound(passed, n, confidence), upper_bound(passed, n, confidence)
    if _clears(passed, n, at_least, confidence):
        return RateClaim(decision="passed", low=low, high=high, more=None)
    if high < at_least:
        return RateClaim(decision="failed", low=low, high=high, more=None)
    more = trials_needed(passed, n, at_least, confidence)
    return RateClaim(decision="undecided", low=low, high=high, more=more)


def _clears(passed: float, n: float, at_least: float, confidence: float) -> bool:
    """`lower_bound(passed, n, confidence) >= at_least`, asked of the distribution itself and so without a search."""
    return passed > 0 and beta_cdf(at_least, passed, n - passed + 1) <= 1 - confidence


def _shortest(rate: float, n: float, at_least: float, confidence: float) -> int:
    """The fewest tests that clear the claim if passes need not be whole; no count of whole passes does with fewer."""
    low, high = math.floor(n), math.floor(n) + 1
    while high <= MOST_TESTS and not _clears(rate * high, high, at_least, confidence):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _clears(rate * middle, middle, at_least, confidence) else (middle, high)
    return high


def _first_clear(failed: int, totals: tuple[int, int], at_least: float, confidence: float) -> int:
    """With so many failures, the fewest of these totals that clear the claim; the last one is known to."""
    low, high = totals[0] - 1, totals[1]
    while high - low > 1:
        middle = (low + high) // 2
        clears = _clears(middle - failed, middle, at_least, confidence)
        low, high = (low, middle) if clears else (middle, high)
    return high


def _whole(value: float) -> int:
    return math.floor(value + _ROUNDING)


def _check(name: str, at_least: float, confidence: float) -> None:
    if not 0 < at_least <= 1:
        raise ValueError(f"{name}: at_least must lie above 0 and be at most 1, not {at_least}.")
    if not 0 < confidence < 1:
        raise ValueError(f"{name}: confidence must lie between 0 and 1, not {confidence}.")
