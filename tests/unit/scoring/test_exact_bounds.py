"""Exact bounds of rates, and what was left out, against scipy and statsmodels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from statsmodels.stats.proportion import proportion_confint

from rhesis_app.scoring.stats import Interval, clopper_pearson, extremes, lower_bound, upper_bound

COUNTS = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
TABLE = [(0, 1), (1, 1), (0, 40), (40, 40), (26, 30), (19, 20), (950, 1000), (7, 100_000), (900_000, 1_000_000)]


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
@pytest.mark.parametrize(("passed", "n"), TABLE)
def test_clopper_pearson_agrees_with_statsmodels(passed: int, n: int, confidence: float) -> None:
    low, high = proportion_confint(passed, n, alpha=1 - confidence, method="beta")
    interval = clopper_pearson(passed, n, confidence)
    assert interval.low == pytest.approx(low, rel=1e-9, abs=1e-12)
    assert interval.high == pytest.approx(high, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
@pytest.mark.parametrize(("passed", "n"), TABLE)
def test_one_sided_bounds_agree_with_scipy(passed: int, n: int, confidence: float) -> None:
    least = binomtest(passed, n, alternative="greater").proportion_ci(confidence, method="exact").low
    most = binomtest(passed, n, alternative="less").proportion_ci(confidence, method="exact").high
    assert lower_bound(passed, n, confidence) == pytest.approx(least, abs=1e-9)
    assert upper_bound(passed, n, confidence) == pytest.approx(most, abs=1e-9)


@given(COUNTS)
def test_bounds_hold_the_share_and_the_two_sided_interval_holds_the_bounds(counts: tuple[int, int]) -> None:
    passed, n = counts
    outer, low, high = clopper_pearson(passed, n), lower_bound(passed, n), upper_bound(passed, n)
    assert 0 <= outer.low <= low <= passed / n <= high <= outer.high <= 1


@given(COUNTS)
def test_one_more_pass_raises_both_bounds(counts: tuple[int, int]) -> None:
    passed, n = counts
    assert lower_bound(passed, n + 1) < lower_bound(passed + 1, n + 1)
    assert upper_bound(passed, n + 1) < upper_bound(passed + 1, n + 1) or passed == n


@given(COUNTS, st.floats(0.5, 0.99))
def test_more_confidence_asks_for_a_lower_bound(counts: tuple[int, int], confidence: float) -> None:
    assert lower_bound(*counts, confidence + 0.005) <= lower_bound(*counts, confidence)


@given(COUNTS)
def test_passed_and_failed_mirror_each_other(counts: tuple[int, int]) -> None:
    passed, n = counts
    assert lower_bound(passed, n) == pytest.approx(1 - upper_bound(n - passed, n), abs=1e-12)


@pytest.mark.parametrize(
    ("passed", "n", "confidence"), [(0, 0, 0.95), (2, 1, 0.95), (-1, 5, 0.95), (1, 2, 0.0), (1, 2, 1.0)]
)
def test_impossible_counts_are_refused(passed: int, n: int, confidence: float) -> None:
    for bound in (clopper_pearson, lower_bound, upper_bound):
        with pytest.raises(ValueError, match=r"n be at least 1|confidence must lie"):
            bound(passed, n, confidence)


def test_what_was_left_out_could_have_failed_or_passed() -> None:
    assert extremes(88, 100, 5) == Interval(88 / 105, 93 / 105)
    assert extremes(0, 0, 3) == Interval(0, 1)
    assert extremes(3, 4, 0) == Interval(0.75, 0.75)


@pytest.mark.parametrize(("passed", "n", "left_out"), [(0, 0, 0), (3, 2, 0), (-1, 2, 0), (1, 2, -1)])
def test_impossible_counts_have_no_extremes(passed: int, n: int, left_out: int) -> None:
    with pytest.raises(ValueError, match="extremes"):
        extremes(passed, n, left_out)
