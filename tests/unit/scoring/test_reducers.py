"""Reducers against what they mean: every order of trials counted out, and every way a missing one could end."""

from itertools import combinations, product

import pytest

from rhesis_app.scoring.outcome import Outcome
from rhesis_app.scoring.reducers import Reducer, ReducerName, mean, pass_at_k, pass_hat_k, reduce_trials

ENDS = ("passed", "failed", "error", "unscored")
REDUCERS = [
    Reducer(),
    Reducer(name=ReducerName.ALL),
    Reducer(name=ReducerName.ANY),
    Reducer(name=ReducerName.AT_LEAST, k=2),
]


def decided(outcomes: tuple[str, ...], reducer: Reducer) -> bool:
    """The rule in its own words, of trials that all passed or failed."""
    passed, trials = outcomes.count("passed"), len(outcomes)
    rules = {
        ReducerName.MAJORITY: passed > trials / 2,
        ReducerName.ALL: passed == trials,
        ReducerName.ANY: passed > 0,
        ReducerName.AT_LEAST: passed >= min(2, trials),
    }
    return rules[reducer.name]


@pytest.mark.parametrize("reducer", REDUCERS, ids=lambda one: one.name)
@pytest.mark.parametrize("trials", [1, 2, 3, 4, 5])
def test_a_test_is_decided_exactly_when_no_missing_verdict_could_change_it(reducer: Reducer, trials: int) -> None:
    for answered in range(trials + 1):
        for outcomes in product(ENDS, repeat=answered):
            known = tuple(one for one in outcomes if one in {"passed", "failed"})
            ways = {
                decided(known + rest, reducer) for rest in product(("passed", "failed"), repeat=trials - len(known))
            }
            found = reduce_trials(outcomes, trials, reducer)
            if ways == {True}:
                assert found == "passed", outcomes
            elif ways == {False}:
                assert found == "failed", outcomes
            elif answered < trials:
                assert found is None, outcomes
            else:
                assert found == ("error" if "error" in outcomes else "unscored"), outcomes


@pytest.mark.parametrize("outcome", ENDS)
def test_one_trial_is_its_own_outcome_under_every_reducer(outcome: str) -> None:
    assert {reduce_trials([outcome], 1, reducer) for reducer in REDUCERS} == {Outcome(outcome)}


def test_a_tie_is_no_majority_and_k_past_the_trials_asks_for_all() -> None:
    assert reduce_trials(["passed", "failed"], 2, Reducer()) == "failed"
    assert Reducer(name=ReducerName.AT_LEAST, k=5).needed(3) == 3


@pytest.mark.parametrize("n", range(1, 8))
def test_pass_at_k_and_pass_hat_k_are_the_shares_of_all_draws(n: int) -> None:
    for passed in range(n + 1):
        trials = [True] * passed + [False] * (n - passed)
        for k in range(1, n + 1):
            draws = list(combinations(trials, k))
            assert pass_at_k(passed, n, k) == pytest.approx(sum(any(one) for one in draws) / len(draws))
            assert pass_hat_k(passed, n, k) == pytest.approx(sum(all(one) for one in draws) / len(draws))


def test_figures_of_too_few_trials_are_not_made_up() -> None:
    assert (mean(0, 0), pass_at_k(1, 2, 3), pass_hat_k(2, 2, 3)) == (None, None, None)
    assert (mean(2, 3), pass_at_k(2, 3, 1), pass_hat_k(2, 3, 1)) == pytest.approx((2 / 3, 2 / 3, 2 / 3))


@pytest.mark.parametrize("ask", [lambda: mean(2, 1), lambda: pass_at_k(-1, 2, 1), lambda: pass_hat_k(1, 2, 0)])
def test_what_cannot_be_is_refused(ask: object) -> None:
    with pytest.raises(ValueError, match="decided trials"):
        ask()  # type: ignore[operator]


@pytest.mark.parametrize(("outcomes", "trials"), [([], 0), (["passed", "passed"], 1)])
def test_more_outcomes_than_trials_are_refused(outcomes: list[str], trials: int) -> None:
    with pytest.raises(ValueError, match="at least one trial"):
        reduce_trials(outcomes, trials, Reducer())


def test_a_reducer_is_kept_and_read_again() -> None:
    for reducer in REDUCERS:
        assert Reducer.from_json(reducer.to_json()) == reducer
    assert Reducer.from_json(None) == Reducer()
