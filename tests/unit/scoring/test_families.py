"""Several tests at once, against statsmodels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from rhesis_app.scoring.stats import benjamini_hochberg, holm

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=40)


@pytest.mark.parametrize(
    "p_values",
    [
        [0.01],
        [0.03, 0.01, 0.02],
        [0.04, 0.04, 0.04, 0.04],
        [0.0, 1.0, 0.5, 0.5, 0.001, 0.9],
        [(i * i % 101) / 101 for i in range(60)],
    ],
)
def test_holm_agrees_with_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1], abs=1e-9)


@given(P_VALUES)
def test_benjamini_hochberg_agrees_with_statsmodels(p_values: list[float]) -> None:
    assert benjamini_hochberg(p_values) == pytest.approx(multipletests(p_values, method="fdr_bh")[1], abs=1e-9)


@given(P_VALUES)
def test_adjusting_never_makes_a_p_value_smaller_and_holm_is_the_stricter(p_values: list[float]) -> None:
    for p, found, strict in zip(p_values, benjamini_hochberg(p_values), holm(p_values), strict=True):
        assert p - 1e-12 <= found <= strict + 1e-12 <= 1 + 1e-12


@given(P_VALUES)
def test_the_order_given_is_the_order_returned(p_values: list[float]) -> None:
    for adjust in (holm, benjamini_hochberg):
        assert adjust(p_values[::-1]) == pytest.approx(adjust(p_values)[::-1], abs=1e-12)


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_one_stays_what_it_is_and_none_stay_none(adjust) -> None:  # type: ignore[no-untyped-def]
    assert adjust([0.04]) == [0.04]
    assert adjust([]) == []


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_what_is_no_p_value_is_refused(adjust, p: float) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=adjust.__name__):
        adjust([0.5, p])
