"""Where the rates of a trend stand."""

from rhesis_app.scoring.stats import pass_rate
from rhesis_app.web.trend import trend_plot


def test_rates_go_from_left_to_right_between_the_lines() -> None:
    plot = trend_plot([(f"#{n}", pass_rate(passed=80 + n, failed=20 - n, excluded=0)) for n in range(3)])
    assert plot
    assert [point.label for point in plot.points] == ["#0", "#1", "#2"]
    assert [point.x for point in plot.points] == [5.5, 51.2, 97.0]
    assert plot.points[0].y > plot.points[1].y > plot.points[2].y
    assert all(point.low_y > point.y > point.high_y for point in plot.points)
    assert [line.label for line in plot.lines] == ["60", "70", "80", "90", "100"]
    assert (plot.lines[0].y, plot.lines[-1].y) == (192, 12)


def test_a_run_that_decided_nothing_is_no_point() -> None:
    nothing, all_passed = pass_rate(passed=0, failed=0, excluded=3), pass_rate(passed=5, failed=0, excluded=0)
    assert trend_plot([("#1", nothing), ("#2", all_passed)]) is None
    assert len(trend_plot([("#1", all_passed), ("#2", nothing), ("#3", all_passed)]).points) == 2  # type: ignore[union-attr]


def test_the_axis_begins_below_the_lowest_interval() -> None:
    plot = trend_plot(
        [("#1", pass_rate(passed=0, failed=5, excluded=0)), ("#2", pass_rate(passed=5, failed=0, excluded=0))]
    )
    assert plot
    assert plot.lines[0].label == "0"
    assert all(point.low_y <= 192 for point in plot.points)
