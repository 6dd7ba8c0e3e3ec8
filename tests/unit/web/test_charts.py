"""Geometry of charts."""

from dataclasses import dataclass

import pytest

from rhesis_app.web.charts import heat_class, interval_plot, score_place, stacked


@dataclass(frozen=True)
class Rate:
    value: float | None
    low: float | None
    high: float | None


def test_nothing_decided_draws_nothing() -> None:
    assert interval_plot(Rate(None, None, None)) is None


@pytest.mark.parametrize(
    ("low", "first"), [(0.02, "0"), (0.36, "20"), (0.56, "40"), (0.76, "60"), (0.82, "60"), (0.951, "80"), (1.0, "80")]
)
def test_the_axis_leaves_room_left_of_the_interval(low: float, first: str) -> None:
    plot = interval_plot(Rate((low + 1) / 2, low, 1.0))
    assert plot is not None
    assert plot.ticks[0].label == first
    assert plot.ticks[-1].label == "100\u00a0%"
    assert 0 <= plot.low <= plot.value <= plot.high == 100


@pytest.mark.parametrize("low", [share / 50 for share in range(51)])
def test_the_label_never_leaves_the_axis(low: float) -> None:
    plot = interval_plot(Rate(1.0, low, 1.0))
    assert plot is not None
    assert plot.label_end or plot.low >= 12


def test_known_places() -> None:
    plot = interval_plot(Rate(0.88, 0.82, 0.925))
    assert plot is not None
    assert (plot.low, plot.value, plot.high) == (55.0, 70.0, 81.2)
    assert [tick.anchor for tick in plot.ticks] == ["start", "middle", "middle", "middle", "end"]


def test_segments_adjoin_and_empty_ones_are_left_out() -> None:
    parts = stacked([("passed", 55), ("failed", 0), ("error", 5)], 100)
    assert [(part.kind, part.x, part.width) for part in parts] == [("passed", 0.0, 55.0), ("error", 55.0, 5.0)]


def test_one_in_ten_thousand_is_still_seen() -> None:
    (only,) = stacked([("error", 1)], 10_000)
    assert only.width == 0.4


def test_a_bar_of_nothing_is_empty() -> None:
    assert stacked([("passed", 0)], 0) == ()


def test_a_score_outside_its_scale_stays_in_the_chart() -> None:
    assert [score_place(value, 1, 5) for value in (0, 1, 4, 5, 9)] == [0.0, 0.0, 75.0, 100.0, 100.0]
    assert score_place(1, 5, 5) == 0.0


@pytest.mark.parametrize(
    ("share", "name"), [(1.0, "h0"), (0.95, "h0"), (0.9499, "h1"), (0.8, "h3"), (0.7, "h4"), (0.0, "h5")]
)
def test_a_cell_is_the_warmer_the_less_passed(share: float, name: str) -> None:
    assert heat_class(share) == name
