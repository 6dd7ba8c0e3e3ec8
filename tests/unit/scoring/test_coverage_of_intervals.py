"""Intervals hold the truth as often as they say: summed exactly where that is possible, simulated with fixed seeds elsewhere."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import binom

from rhesis_app.scoring.stats import clopper_pearson, clustered_rate, mcnemar, paired, score_difference, wilson

SHARES = np.linspace(0.02, 0.98, 49)


def covered(intervals: Sequence[tuple[float, float]], share: float) -> float:
    """The exact probability that the interval of a binomial count holds its share."""
    held = [passed for passed, (low, high) in enumerate(intervals) if low <= share <= high]
    return float(binom.pmf(held, len(intervals) - 1, share).sum())


@pytest.mark.parametrize("n", [10, 30, 100])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_the_exact_interval_never_holds_less_often_than_it_says(n: int, confidence: float) -> None:
    found = [clopper_pearson(passed, n, confidence) for passed in range(n + 1)]
    least = min(covered([(one.low, one.high) for one in found], share) for share in SHARES)
    assert least >= confidence - 1e-12


@pytest.mark.parametrize("n", [10, 30, 100])
def test_the_displayed_interval_holds_as_often_as_it_says_on_average(n: int) -> None:
    found = [wilson(passed, n) for passed in range(n + 1)]
    chances = [covered([(one.low, one.high) for one in found], share) for share in SHARES]
    assert np.mean(chances) == pytest.approx(0.95, abs=0.01)
    assert min(chances) > 0.83


@pytest.mark.parametrize(
    ("n", "chances"),
    [
        (30, (0.05, 0.05, 0.8, 0.1)),
        (50, (0.1, 0.05, 0.65, 0.2)),
        (161, (0.056, 0.025, 0.869, 0.05)),
        (100, (0.25, 0.15, 0.4, 0.2)),
        (60, (0.02, 0.12, 0.8, 0.06)),
    ],
)
def test_the_paired_interval_holds_the_difference_as_often_as_it_says_or_a_little_more(
    n: int, chances: tuple[float, float, float, float]
) -> None:
    tables = np.random.default_rng(17).multinomial(n, chances, size=3_000)
    truth, held = chances[0] - chances[1], 0
    for (fixed, broken, both_passed, both_failed), times in Counter(map(tuple, tables.tolist())).items():
        found = paired(fixed=fixed, broken=broken, both_passed=both_passed, both_failed=both_failed)
        held += times * (found.low <= truth <= found.high)
    assert 0.94 <= held / 3_000 <= 0.995


@pytest.mark.parametrize("changed", [6, 15, 40, 1_001])
def test_noise_is_called_a_difference_at_most_as_often_as_allowed(changed: int) -> None:
    called = [fixed for fixed in range(changed + 1) if mcnemar(fixed, changed - fixed) < 0.05]
    assert binom.pmf(called, changed, 0.5).sum() < 0.05


@pytest.mark.parametrize(("strength", "trials", "tests"), [(0.2, 3, 40), (1.0, 5, 40), (10.0, 5, 60), (1000.0, 4, 50)])
def test_the_clustered_interval_holds_the_rate_whether_trials_agree_or_not(
    strength: float, trials: int, tests: int
) -> None:
    source = np.random.default_rng(5)
    chances = source.beta(0.85 * strength, 0.15 * strength, size=(1_500, tests))
    held = plain = 0
    for passed in source.binomial(trials, chances).tolist():
        found = clustered_rate([(ones, trials) for ones in passed])
        held += found.low <= 0.85 <= found.high
        naive = wilson(found.passed, found.n)
        plain += naive.low <= 0.85 <= naive.high
    assert 0.93 <= held / 1_500 <= 0.99
    # what it is for: counting every answer as a test of its own is far too sure where trials agree
    assert plain / 1_500 < 0.93 or strength > 1


@pytest.mark.parametrize("n", [8, 12])
@pytest.mark.parametrize("shape", ["normal", "coarse"])
def test_the_score_interval_holds_the_mean_as_often_as_it_says(n: int, shape: str) -> None:
    source = np.random.default_rng(23)
    drawn = source.normal(0.2, 1, size=(300, n))
    scores = drawn if shape == "normal" else np.round(drawn, 1)
    held = 0
    for values in scores.tolist():
        found = score_difference(values)
        held += (found.low or 0) <= 0.2 <= (found.high or 0)
    assert 0.92 <= held / 300 <= 0.98
