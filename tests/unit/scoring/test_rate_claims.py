"""Claims about a rate: passed, failed or undecided, with what is still needed."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.special import betainc
from scipy.stats import binom

from rhesis_app.scoring.stats import RateClaim, claim_rate, lower_bound, trials_needed, upper_bound

COUNTS = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
CLAIMS = st.sampled_from([0.5, 0.7, 0.8, 0.9, 0.95])
CONFIDENCES = st.sampled_from([0.8, 0.9, 0.95, 0.99])


@pytest.mark.parametrize(
    ("passed", "n", "decision", "more"),
    [
        (19, 20, "undecided", 96),
        (28, 28, "undecided", 1),
        (29, 29, "passed", None),
        (15, 15, "undecided", 14),
        (9, 10, "undecided", None),
        (17, 20, "undecided", None),
        (10, 20, "failed", None),
        (0, 1, "undecided", None),
        (0, 2, "failed", None),
        (0, 0, "undecided", 29),
        (905_000, 1_000_000, "passed", None),
        (895_000, 1_000_000, "failed", None),
    ],
)
def test_ninety_percent_at_ninety_five(passed: int, n: int, decision: str, more: int | None) -> None:
    claim = claim_rate(passed, n, 0.9, 0.95)
    assert (claim.decision, claim.more) == (decision, more)


def test_nineteen_of_twenty_are_sure_of_seventy_eight_percent_only() -> None:
    assert round(claim_rate(19, 20, 0.9).low, 3) == 0.784


def test_a_rate_of_one_can_be_refuted_and_never_certified() -> None:
    assert claim_rate(500, 500, 1.0) == RateClaim(decision="undecided", low=lower_bound(500, 500), high=1.0, more=None)
    assert claim_rate(499, 500, 1.0).decision == "failed"
    assert claim_rate(0, 0, 1.0).more is None


@given(COUNTS, CLAIMS, CONFIDENCES)
def test_the_decision_is_what_the_bounds_say(counts: tuple[int, int], at_least: float, confidence: float) -> None:
    low, high = lower_bound(*counts, confidence), upper_bound(*counts, confidence)
    assume(abs(low - at_least) > 1e-12)
    claim = claim_rate(*counts, at_least, confidence)
    assert claim.decision == ("passed" if low > at_least else "failed" if high < at_least else "undecided")
    assert (claim.low, claim.high) == (low, high)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("at_least", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("n", [1, 20, 29, 150])
def test_neither_error_is_likelier_than_allowed(n: int, at_least: float, confidence: float) -> None:
    decisions = [claim_rate(passed, n, at_least, confidence).decision for passed in range(n + 1)]
    just_below, just_true = at_least - 1e-9, at_least
    certified = sum(binom.pmf(k, n, just_below) for k in range(n + 1) if decisions[k] == "passed")
    refuted = sum(binom.pmf(k, n, just_true) for k in range(n + 1) if decisions[k] == "failed")
    assert max(certified, refuted) <= 1 - confidence + 1e-9


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), CLAIMS, CONFIDENCES)
def test_what_is_needed_is_the_fewest_that_clear_the_claim(
    counts: tuple[int, int], at_least: float, confidence: float
) -> None:
    passed, n = counts
    needed = trials_needed(passed, n, at_least, confidence)
    further = np.arange(20_000)
    passes = passed * (n + further) // n
    with np.errstate(invalid="ignore"):
        clears = (passes > 0) & (betainc(passes, n + further - passes + 1, at_least) <= 1 - confidence)
    fewest = int(clears.argmax()) if clears.any() else None
    assert fewest == (needed if needed is None or needed < len(further) else None)


@given(COUNTS, CLAIMS)
def test_with_what_is_needed_the_claim_passes(counts: tuple[int, int], at_least: float) -> None:
    passed, n = counts
    claim = claim_rate(passed, n, at_least)
    if claim.more is not None:
        total = n + claim.more
        assert claim_rate(passed * total // n, total, at_least).decision == "passed"


@pytest.mark.parametrize(("passed", "n"), [(509, 1_000), (90_100, 100_000), (5_001, 10_000), (1_000_000, 1_000_000)])
def test_what_is_needed_of_many_is_found_or_said_to_be_too_many(passed: int, n: int) -> None:
    needed = trials_needed(passed, n, 0.5 if passed < 90_000 else 0.9)
    total = n + (needed or 0)
    assert needed is None or lower_bound(passed * total // n, total) >= (0.5 if passed < 90_000 else 0.9)
    assert (needed is None) == (passed == 5_001)


@pytest.mark.parametrize("at_least", [0.0, -0.1, 1.1, float("nan")])
def test_a_claim_that_is_no_share_is_refused(at_least: float) -> None:
    for ask in (claim_rate, trials_needed):
        with pytest.raises(ValueError, match="at_least"):
            ask(1, 2, at_least)


@pytest.mark.parametrize(
    ("passed", "n", "confidence"), [(3, 2, 0.95), (-1, 2, 0.95), (1, 2, 0.0), (1, 2, 1.0), (0, 0, 1)]
)
def test_impossible_counts_are_refused(passed: int, n: int, confidence: float) -> None:
    for ask in (claim_rate, trials_needed):
        with pytest.raises(ValueError, match=r"passed must lie|confidence must lie"):
            ask(passed, n, 0.9, confidence)


def test_nothing_has_no_rate_to_go_on_at() -> None:
    with pytest.raises(ValueError, match="n be at least 1"):
        trials_needed(0, 0, 0.9)
