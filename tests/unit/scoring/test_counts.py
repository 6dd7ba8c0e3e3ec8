"""Blind draws from marked and unmarked, against an independent implementation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom

from rhesis_app.scoring.stats.counts import enrichment


@given(data=st.data())
def test_the_tail_is_that_of_the_hypergeometric_distribution(data: st.DataObject) -> None:
    total = data.draw(st.integers(1, 400))
    marked, group = data.draw(st.integers(0, total)), data.draw(st.integers(0, total))
    inside = data.draw(st.integers(max(0, group + marked - total), min(group, marked)))
    assert enrichment(inside, group, marked, total) == pytest.approx(
        float(hypergeom.sf(inside - 1, total, marked, group)), rel=1e-9, abs=1e-12
    )


def test_it_holds_for_large_runs() -> None:
    found = enrichment(60, 300, 500, 10_000)
    assert found == pytest.approx(float(hypergeom.sf(59, 10_000, 500, 300)), rel=1e-6)


@pytest.mark.parametrize("table", [(3, 2, 5, 9), (1, 2, 0, 9), (0, 5, 5, 9), (-1, 2, 5, 9), (1, 2, 10, 9)])
def test_what_makes_no_table_is_refused(table: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="table"):
        enrichment(*table)
