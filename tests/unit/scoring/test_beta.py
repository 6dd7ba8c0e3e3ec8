"""The beta distribution against scipy and against what can be written down in closed form."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from rhesis_app.scoring.stats.beta import beta_cdf, beta_quantile

SIZES = (1, 2, 7, 30, 1_000, 54_321, 1_000_000)
SHARES = (1e-6, 0.001, 0.1, 0.5, 0.77, 0.999, 1 - 1e-6)
SHAPES = st.floats(0.01, 1e6)
INSIDE = st.floats(1e-9, 1 - 1e-9)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("share", SHARES)
def test_the_share_below_agrees_with_scipy_up_to_a_million(n: int, share: float) -> None:
    a, b = share * n + 0.5, (1 - share) * n + 0.5
    spread = math.sqrt(share * (1 - share) / n)
    for x in (share + step * spread for step in (-5, -1, -0.01, 0.01, 1, 5)):
        if 0 < x < 1:
            assert beta_cdf(x, a, b) == pytest.approx(special.betainc(a, b, x), abs=1e-11)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("p", [0.0005, 0.025, 0.05, 0.5, 0.95, 0.9995])
def test_the_quantile_agrees_with_scipy_up_to_a_million(n: int, share: float, p: float) -> None:
    a, b = share * n + 0.5, (1 - share) * n + 0.5
    assert beta_quantile(p, a, b) == pytest.approx(special.betaincinv(a, b, p), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("p", [0.001, 0.05, 0.5, 0.95])
def test_of_one_parameter_1_the_quantile_is_a_root(n: int, p: float) -> None:
    assert beta_quantile(p, n, 1) == pytest.approx(p ** (1 / n), rel=1e-10)
    assert beta_quantile(p, 1, n) == pytest.approx(-math.expm1(math.log1p(-p) / n), rel=1e-10)


@given(x=INSIDE, a=SHAPES, b=SHAPES)
def test_what_lies_below_and_above_is_everything(x: float, a: float, b: float) -> None:
    assert 0 <= beta_cdf(x, a, b) <= 1
    assert beta_cdf(x, a, b) + beta_cdf(1 - x, b, a) == pytest.approx(1, abs=1e-6)


@given(p=st.floats(0.0005, 0.9995), a=st.floats(0.5, 1e6), b=st.floats(0.5, 1e6))
def test_the_quantile_undoes_the_share_below(p: float, a: float, b: float) -> None:
    assert beta_cdf(beta_quantile(p, a, b), a, b) == pytest.approx(p, abs=1e-6)


def test_the_ends_are_exact() -> None:
    assert [beta_cdf(0, 3, 4), beta_cdf(1, 3, 4), beta_quantile(0, 3, 4), beta_quantile(1, 3, 4)] == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("x", "a", "b"), [(-0.1, 1, 1), (1.1, 1, 1), (math.nan, 1, 1), (0.5, 0, 1), (0.5, 1, -1), (0.5, math.inf, 1)]
)
def test_outside_of_its_range_it_refuses(x: float, a: float, b: float) -> None:
    with pytest.raises(ValueError, match="beta_cdf"):
        beta_cdf(x, a, b)


def test_a_quantile_of_no_share_is_refused() -> None:
    with pytest.raises(ValueError, match="beta_quantile"):
        beta_quantile(1.5, 1, 1)
