"""Tests asked several times: the answers to one test resemble each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhesis_app.scoring.stats import claim_clustered_rate, claim_rate, clustered_rate, wilson

TESTS = st.lists(st.integers(1, 9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=60)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_one_trial_per_test_is_the_plain_rate_and_the_plain_claim(counts: tuple[int, int]) -> None:
    passed, n = counts
    per_test = [(1, 1)] * passed + [(0, 1)] * (n - passed)
    rate, plain = clustered_rate(per_test), wilson(passed, n)
    assert (rate.effective, rate.tests, rate.n, rate.passed) == (n, n, n, passed)
    assert (rate.low, rate.high) == (pytest.approx(plain.low, abs=1e-12), pytest.approx(plain.high, abs=1e-12))
    claim, known = claim_clustered_rate(per_test, 0.8), claim_rate(passed, n, 0.8)
    assert (claim.decision, claim.more) == (known.decision, known.more)
    assert (claim.low, claim.high) == (pytest.approx(known.low, abs=1e-9), pytest.approx(known.high, abs=1e-9))


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 12))
def test_trials_that_always_agree_are_worth_one_answer_per_test(passing: int, failing: int, trials: int) -> None:
    per_test = [(trials, trials)] * passing + [(0, trials)] * failing
    if per_test:
        assert clustered_rate(per_test).effective == pytest.approx(passing + failing)


def test_trials_that_differ_like_strangers_are_worth_nearly_all() -> None:
    drawn = np.random.default_rng(3).binomial(10, 0.8, 1_000).tolist()
    rate = clustered_rate([(passed, 10) for passed in drawn])
    assert 9_000 < rate.effective <= rate.n == 10_000


@given(TESTS)
def test_the_interval_holds_the_rate_and_is_never_narrower_than_of_independent_answers(
    per_test: list[tuple[int, int]],
) -> None:
    rate = clustered_rate(per_test)
    plain = wilson(rate.passed, rate.n)
    assert 0 <= rate.low <= rate.value <= rate.high <= 1
    assert 1 <= rate.effective <= rate.n
    assert rate.high - rate.low >= plain.high - plain.low - 1e-12


def test_thirty_answers_to_ten_tests_do_not_certify_what_thirty_tests_would() -> None:
    assert claim_rate(30, 30, 0.9).decision == "passed"
    claim = claim_clustered_rate([(3, 3)] * 10, 0.9)
    assert (claim.decision, claim.more) == ("undecided", 19)


def test_a_flaky_answer_among_stable_ones_neither_fails_nor_certifies() -> None:
    assert claim_clustered_rate([(3, 3)] * 9 + [(2, 3)], 0.9).decision == "undecided"
    assert claim_clustered_rate([(3, 3)] * 79 + [(2, 3)], 0.9).decision == "passed"


def test_one_failure_more_never_raises_the_bound_of_a_small_set() -> None:
    bounds = [claim_clustered_rate([(3, 3)] * 9 + [(ones, 3)], 0.9).low for ones in (3, 2, 1, 0)]
    assert bounds == sorted(bounds, reverse=True)


def test_tests_without_a_decided_trial_are_left_out() -> None:
    assert clustered_rate([(2, 3), (0, 0), (3, 3)]) == clustered_rate([(2, 3), (3, 3)])
    assert claim_clustered_rate([(0, 0)], 0.9) == claim_clustered_rate([], 0.9) == claim_rate(0, 0, 0.9)


@pytest.mark.parametrize("per_test", [[], [(0, 0)], [(2, 1)], [(-1, 3)], [(1, 2), (4, 3)]])
def test_impossible_counts_are_refused(per_test: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="clustered_rate"):
        clustered_rate(per_test)
