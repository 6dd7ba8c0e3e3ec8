"""Two runs of the same tests: against scipy, statsmodels, and published tables."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from rhesis_app.scoring.stats import mcnemar, paired

FEW = st.integers(0, 400)
TABLES = st.tuples(FEW, FEW, FEW, FEW).filter(any)


@given(fixed=FEW, broken=FEW)
def test_the_p_value_agrees_with_statsmodels(fixed: int, broken: int) -> None:
    known = 1.0 if fixed == broken else statsmodels_mcnemar([[0, fixed], [broken, 0]], exact=True).pvalue
    assert mcnemar(fixed, broken) == pytest.approx(known, abs=1e-9)
    assert mcnemar(fixed, broken) == mcnemar(broken, fixed)


@pytest.mark.parametrize(
    ("fixed", "broken"), [(500, 501), (480, 520), (400, 700), (0, 3000), (49_000, 51_000), (498_500, 501_500)]
)
def test_the_p_value_of_many_changes_agrees_with_scipy(fixed: int, broken: int) -> None:
    known = binomtest(fixed, fixed + broken).pvalue
    assert mcnemar(fixed, broken) == pytest.approx(known, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("both_passed", "broken", "fixed", "both_failed", "low", "high"),
    [
        # Newcombe (1998), table III, method 10; there the difference is baseline minus candidate
        (36, 12, 2, 0, 0.0569, 0.3404),
        (20, 12, 2, 16, 0.0562, 0.3292),
        (18, 12, 2, 18, 0.0562, 0.3290),
        (36, 14, 0, 0, 0.1528, 0.4167),
        (35, 14, 0, 1, 0.1461, 0.4175),
        (18, 14, 0, 18, 0.1441, 0.3963),
        (2, 97, 1, 0, 0.8721, 0.9854),
        (1, 97, 1, 1, 0.8736, 0.9850),
        (0, 29, 1, 0, 0.6666, 0.9882),
        (0, 30, 0, 0, 0.8395, 1.0),
        (54, 0, 0, 0, -0.0664, 0.0664),
        (30, 0, 0, 24, -0.0358, 0.0358),
        # Fagerland, Lydersen and Laake, Statistical Analysis of Contingency Tables (2017), chapter 8
        (59, 6, 16, 80, -0.1186, -0.0046),
    ],
)
def test_the_interval_agrees_with_published_ones(
    both_passed: int, broken: int, fixed: int, both_failed: int, low: float, high: float
) -> None:
    found = paired(fixed=fixed, broken=broken, both_passed=both_passed, both_failed=both_failed)
    assert (-found.high, -found.low) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
    assert found.difference == pytest.approx((fixed - broken) / found.n)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
@pytest.mark.parametrize(
    ("fixed", "broken", "both_passed", "both_failed"), [(20, 20, 20, 20), (6, 5, 8, 4), (0, 0, 9, 0)]
)
def test_without_correlation_it_is_the_interval_of_independent_rates(
    fixed: int, broken: int, both_passed: int, both_failed: int, confidence: float
) -> None:
    n = fixed + broken + both_passed + both_failed
    low, high = confint_proportions_2indep(
        *(both_passed + fixed, n, both_passed + broken, n), method="newcomb", compare="diff", alpha=1 - confidence
    )
    found = paired(fixed=fixed, broken=broken, both_passed=both_passed, both_failed=both_failed, confidence=confidence)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-9), pytest.approx(high, abs=1e-9))


@given(TABLES)
def test_the_interval_agrees_with_the_formula_written_out(table: tuple[int, int, int, int]) -> None:
    a, b, c, d = table
    n = a + b + c + d
    l1, u1 = proportion_confint(a + b, n, method="wilson")
    l2, u2 = proportion_confint(a + c, n, method="wilson")
    p1, p2, phi = (a + b) / n, (a + c) / n, 0.0
    product = (a + b) * (c + d) * (a + c) * (b + d)
    if product:
        over = a * d - b * c
        phi = (over - n / 2 if over > n / 2 else min(over, 0)) / math.sqrt(product)
    delta = math.sqrt(max(0, (p1 - l1) ** 2 - 2 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2) ** 2))
    epsilon = math.sqrt(max(0, (u1 - p1) ** 2 - 2 * phi * (u1 - p1) * (p2 - l2) + (p2 - l2) ** 2))
    found = paired(fixed=c, broken=b, both_passed=a, both_failed=d)
    assert found.high == pytest.approx(-(p1 - p2 - delta), abs=1e-9)
    assert found.low == pytest.approx(-(p1 - p2 + epsilon), abs=1e-9)


@given(TABLES)
def test_the_interval_holds_the_difference_and_turns_with_the_runs(table: tuple[int, int, int, int]) -> None:
    fixed, broken, both_passed, both_failed = table
    one = paired(fixed=fixed, broken=broken, both_passed=both_passed, both_failed=both_failed)
    other = paired(fixed=broken, broken=fixed, both_passed=both_passed, both_failed=both_failed)
    assert -1 <= one.low <= one.difference + 1e-12
    assert one.difference - 1e-12 <= one.high <= 1
    assert (one.low, one.high) == (pytest.approx(-other.high, abs=1e-12), pytest.approx(-other.low, abs=1e-12))
    assert one.p_value == other.p_value


@pytest.mark.parametrize("changed", range(6))
def test_fewer_than_six_changes_have_no_p_value_because_none_could_be_small(changed: int) -> None:
    assert paired(fixed=0, broken=changed, both_passed=50, both_failed=1).p_value is None
    assert mcnemar(0, changed) > 0.05


def test_six_changes_of_one_kind_are_the_fewest_that_count() -> None:
    assert paired(fixed=0, broken=6, both_passed=50, both_failed=0).p_value == 2 / 64


def test_the_worked_example_is_not_distinguishable_from_noise() -> None:
    found = paired(fixed=9, broken=4, both_passed=140, both_failed=8)
    assert (found.n, round(found.difference, 3), round(found.p_value or 0, 2)) == (161, 0.031, 0.27)
    assert found.low < 0 < found.high


def test_one_test_that_did_not_change_says_next_to_nothing() -> None:
    found = paired(fixed=0, broken=0, both_passed=1, both_failed=0)
    assert (found.difference, found.p_value) == (0, None)
    assert found.low < -0.7 < 0.7 < found.high


@pytest.mark.parametrize("counts", [(0, 0, 0, 0), (-1, 2, 3, 4), (1, 2, 3, -4)])
def test_impossible_counts_are_refused(counts: tuple[int, int, int, int]) -> None:
    fixed, broken, both_passed, both_failed = counts
    with pytest.raises(ValueError, match="paired"):
        paired(fixed=fixed, broken=broken, both_passed=both_passed, both_failed=both_failed)


def test_negative_changes_are_refused() -> None:
    with pytest.raises(ValueError, match="mcnemar"):
        mcnemar(-1, 3)
