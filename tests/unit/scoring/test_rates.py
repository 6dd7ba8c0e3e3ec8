"""Rates against an independent implementation, and by their properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from rhesis_app.scoring.stats import pass_rate, wilson

COUNTS = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.95, 0.99, 0.999])
@pytest.mark.parametrize(
    ("passed", "n"), [(0, 1), (1, 1), (0, 40), (40, 40), (26, 30), (1, 3), (950, 1000), (7, 100_000)]
)
def test_wilson_agrees_with_statsmodels(passed: int, n: int, confidence: float) -> None:
    low, high = proportion_confint(passed, n, alpha=1 - confidence, method="wilson")
    interval = wilson(passed, n, confidence)
    assert interval.low == pytest.approx(low, abs=1e-9)
    assert interval.high == pytest.approx(high, abs=1e-9)


@given(COUNTS)
def test_the_interval_holds_the_share_and_stays_within_zero_and_one(counts: tuple[int, int]) -> None:
    passed, n = counts
    interval = wilson(passed, n)
    assert 0.0 <= interval.low <= passed / n <= interval.high <= 1.0


@given(COUNTS)
def test_passed_and_failed_mirror_each_other(counts: tuple[int, int]) -> None:
    passed, n = counts
    one, other = wilson(passed, n), wilson(n - passed, n)
    assert one.low == pytest.approx(1 - other.high, abs=1e-12)


@given(COUNTS)
def test_ten_times_the_tests_narrow_the_interval(counts: tuple[int, int]) -> None:
    passed, n = counts
    few, many = wilson(passed, n), wilson(passed * 10, n * 10)
    assert many.high - many.low < few.high - few.low


@pytest.mark.parametrize(
    ("passed", "n", "confidence"), [(0, 0, 0.95), (2, 1, 0.95), (-1, 5, 0.95), (1, 2, 0), (1, 2, 1)]
)
def test_impossible_counts_are_refused(passed: int, n: int, confidence: float) -> None:
    with pytest.raises(ValueError, match="wilson"):
        wilson(passed, n, confidence)


def test_a_rate_leaves_out_what_was_not_decided_and_says_how_much() -> None:
    rate = pass_rate(passed=26, failed=4, excluded=3)
    assert (rate.passed, rate.n, rate.excluded) == (26, 30, 3)
    assert rate.value == pytest.approx(26 / 30)
    assert (round(rate.low or 0, 3), round(rate.high or 0, 3)) == (0.703, 0.947)


def test_nothing_decided_has_no_rate() -> None:
    rate = pass_rate(passed=0, failed=0, excluded=5)
    assert (rate.value, rate.low, rate.high, rate.n, rate.excluded) == (None, None, None, 0, 5)


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        pass_rate(passed=-1, failed=2, excluded=0)
