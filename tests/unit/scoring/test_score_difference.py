"""Score differences of the same tests: against scipy's permutation test, by their properties and by enumeration."""

from itertools import combinations
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test

from rhesis_app.scoring.stats import ScoreDifference, mcnemar, score_difference

TENTHS = st.integers(-10, 10).map(lambda tenths: tenths / 10)


def mean(values: np.ndarray, axis: int) -> np.ndarray:  # type: ignore[type-arg]
    return np.mean(values, axis=axis)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [6, 9, 14])
def test_the_exact_p_value_agrees_with_scipy(n: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(0.3, 1, n)
    found = score_difference(values.tolist())
    known = permutation_test((values,), mean, permutation_type="samples", n_resamples=2**n, vectorized=True)
    assert found.is_exact
    assert found.p_value == pytest.approx(known.pvalue, abs=1e-9)
    assert found.mean == pytest.approx(values.mean())


@given(st.integers(0, 7), st.integers(0, 7), st.integers(0, 50))
@settings(max_examples=30)
def test_of_verdicts_the_exact_p_value_is_mcnemars(fixed: int, broken: int, same: int) -> None:
    found = score_difference([1.0] * fixed + [-1.0] * broken + [0.0] * (same + 1))
    expected = mcnemar(fixed, broken) if fixed + broken >= 6 else None
    assert found.p_value == (None if expected is None else pytest.approx(expected, abs=1e-12))
    assert (found.n, found.changed) == (fixed + broken + same + 1, fixed + broken)


@pytest.mark.parametrize(("fixed", "broken"), [(40, 20), (30, 30), (25, 12)])
def test_drawn_signs_come_close_to_all_of_them(fixed: int, broken: int) -> None:
    found = score_difference([1.0] * fixed + [-1.0] * broken + [0.0] * 100)
    assert not found.is_exact
    assert found.p_value == pytest.approx(mcnemar(fixed, broken), abs=0.01)


def test_the_interval_is_made_of_the_means_of_all_subsets() -> None:
    values = [0.3, -0.1, 0.25, 0.8, 0.05, 0.45, 0.15]
    means = sorted(fmean(some) for size in range(1, 8) for some in combinations(values, size))
    outside = int(0.025 * (len(means) + 1))
    found = score_difference(values)
    assert (found.low, found.high) == (pytest.approx(means[outside - 1]), pytest.approx(means[-outside]))


@given(st.lists(TENTHS, min_size=6, max_size=12))
@settings(max_examples=40)
def test_turning_the_runs_turns_everything(values: list[float]) -> None:
    one, other = score_difference(values), score_difference([-value for value in values])
    assert one.p_value == other.p_value
    assert one.low is not None
    assert one.high is not None
    assert one.low - 1e-12 <= one.mean <= one.high + 1e-12
    assert (other.low, other.high) == (pytest.approx(-one.high, abs=1e-12), pytest.approx(-one.low, abs=1e-12))


@given(st.lists(TENTHS, min_size=6, max_size=12), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_the_order_of_few_tests_does_not_matter(values: list[float], order) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(values)
    order.shuffle(shuffled)
    one, other = score_difference(values), score_difference(shuffled)
    assert one.p_value == other.p_value
    assert (one.low, one.high) == (pytest.approx(other.low), pytest.approx(other.high))


def test_the_same_differences_always_give_the_same_numbers() -> None:
    values = np.random.default_rng(1).normal(0.1, 1, 100).tolist()
    assert score_difference(values) == score_difference(values)
    assert score_difference(values) != score_difference(values, seed=1)


def test_very_many_tests_are_drawn_less_often_and_still_found_to_differ() -> None:
    values = np.random.default_rng(2).normal(0.1, 1, 12_000).tolist()
    found = score_difference(values)
    assert found.p_value is not None
    assert found.p_value < 0.001
    assert 0 < (found.low or 0) < found.mean < (found.high or 0) < 0.2


@pytest.mark.parametrize("n", range(1, 6))
def test_too_few_tests_bound_nothing_and_test_nothing(n: int) -> None:
    assert score_difference([0.5] * n) == ScoreDifference(
        n=n, changed=n, mean=0.5, low=None, high=None, p_value=None, is_exact=True
    )


def test_runs_that_score_alike_differ_by_nothing() -> None:
    found = score_difference([0.0] * 40)
    assert (found.mean, found.low, found.high, found.p_value, found.changed) == (0, 0, 0, None, 0)


@pytest.mark.parametrize("values", [[], [0.1, float("nan")], [float("inf")]])
def test_what_is_no_difference_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="score_difference"):
        score_difference(values)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 2.0])
def test_an_impossible_confidence_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        score_difference([0.1] * 8, confidence)
