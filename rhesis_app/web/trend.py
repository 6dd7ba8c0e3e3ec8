"""Geometry of rates over time: x in percent of the width, y in pixels from the top."""

from collections.abc import Sequence
from dataclasses import dataclass

from rhesis_app.web.charts import RateLike

HEIGHT = 216
_TOP, _BOTTOM = 12, 192
_LEFT, _RIGHT = 5.5, 97.0
_FLOORS = (0.9, 0.8, 0.6, 0.4, 0.2, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPoint:
    """One rate: where its dot and the ends of its interval stand."""

    label: str
    x: float
    y: float
    low_y: float
    high_y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendLine:
    """A horizontal line of the axis, in percent."""

    y: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPlot:
    """Rates from left to right, the oldest first."""

    lines: tuple[TrendLine, ...]
    points: tuple[TrendPoint, ...]


def trend_plot(rates: Sequence[tuple[str, RateLike]]) -> TrendPlot | None:
    """Where the rates stand, the oldest first, as (label, rate); None with fewer than two that say anything."""
    known = [(label, rate.value, rate.low, rate.high) for label, rate in rates]
    decided = [(label, value, low, high) for label, value, low, high in known if value is not None]
    if len(decided) < 2:
        return None
    lowest = min(low for _, _, low, _ in decided if low is not None)
    floor = next(share for share in _FLOORS if lowest >= share)
    step = (_RIGHT - _LEFT) / (len(decided) - 1)

    def height(share: float | None) -> float:
        return round(_BOTTOM - ((share or 0.0) - floor) / (1 - floor) * (_BOTTOM - _TOP), 1)

    return TrendPlot(
        lines=tuple(
            TrendLine(y=height(floor + (1 - floor) * part / 4), label=f"{(floor + (1 - floor) * part / 4) * 100:g}")
            for part in range(5)
        ),
        points=tuple(
            TrendPoint(
                label=label, x=round(_LEFT + index * step, 1), y=height(value), low_y=height(low), high_y=height(high)
            )
            for index, (label, value, low, high) in enumerate(decided)
        ),
    )
