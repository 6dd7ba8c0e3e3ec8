"""Geometry of the server-drawn charts: x in percent of the width, so that they stretch with their column."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor
from typing import Protocol

from rhesis_app.scoring.words import MINUS


class RateLike(Protocol):
    """A pass rate as shares of 1; value, low and high are None where nothing was decided."""

    @property
    def value(self) -> float | None: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...


class DifferenceLike(Protocol):
    """A difference as shares of 1 with its interval."""

    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


class DifferentPart(Protocol):
    """A row with a difference, or none where nothing could be compared."""

    @property
    def difference(self) -> DifferenceLike | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A line of the axis: its place in percent of the width, its label, and how the label is anchored."""

    x: float
    label: str
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalPlot:
    """A dot between two whiskers on an axis that ends at 100 %; `label_end` puts the name right of the whisker."""

    ticks: tuple[Tick, ...]
    low: float
    value: float
    high: float
    label_end: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A part of a bar: the class suffix of its colour, where it starts and how wide it is, in percent."""

    kind: str
    x: float
    width: float


def _anchor(position: int, last: int) -> str:
    if position == 0:
        return "start"
    return "end" if position == last else "middle"


def _axis(low: float) -> tuple[int, int]:
    """Start and step in percent: room of a label left of the whisker, and four or five lines."""
    wanted = low * 100 - 15
    for start, step in ((90, 2), (80, 5), (60, 10), (40, 20), (20, 20)):
        if wanted >= start:
            return start, step
    return 0, 25


def interval_plot(rate: RateLike) -> IntervalPlot | None:
    """Where the dot, the whiskers and the axis of one rate stand; None when nothing was decided."""
    if rate.value is None or rate.low is None or rate.high is None:
        return None
    start, step = _axis(rate.low)
    marks = range(start, 101, step)

    def place(share: float) -> float:
        return round((share * 100 - start) / (100 - start) * 100, 1)

    ticks = tuple(
        Tick(
            x=place(mark / 100),
            label=f"{mark}\u00a0%" if mark == 100 else str(mark),
            anchor=_anchor(index, len(marks) - 1),
        )
        for index, mark in enumerate(marks)
    )
    return IntervalPlot(
        ticks=ticks, low=place(rate.low), value=place(rate.value), high=place(rate.high), label_end=place(rate.low) < 12
    )


def stacked(parts: Sequence[tuple[str, int]], total: int) -> tuple[Segment, ...]:
    """Adjoining segments of a bar of `total`; empty parts are left out, others are at least 0.4 % wide."""
    if total <= 0:
        return ()
    segments: list[Segment] = []
    done = 0
    for kind, count in parts:
        if count > 0:
            width = max(round(count / total * 100, 1), 0.4)
            segments.append(Segment(kind=kind, x=round(done / total * 100, 1), width=width))
        done += count
    return tuple(segments)


def score_place(value: float, low: float, high: float) -> float:
    """Where a score stands on its scale, in percent of the width, kept inside it."""
    if high <= low:
        return 0.0
    share = min(max((value - low) / (high - low), 0.0), 1.0)
    return floor(share * 1000) / 10


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceScale:
    """A symmetric axis around zero that ends at `limit` points."""

    limit: int
    ticks: tuple[Tick, ...]

    def place(self, share: float) -> float:
        """Where a share of 1 stands, in percent of the width, kept inside it."""
        return round(50 + min(max(share * 100 / self.limit, -1.0), 1.0) * 50, 1)


def difference_scale(parts: Sequence[DifferentPart], whole: DifferenceLike | None) -> DifferenceScale:
    """An axis on which these parts' points lie, and most of their whiskers: those of few tests are cut."""
    shown = [whole, *(part.difference for part in parts)]
    wanted = max((abs(one.value) for one in shown if one is not None), default=0.0) * 100
    if whole is not None:
        wanted = max(wanted, abs(whole.low) * 100, abs(whole.high) * 100)
    limit = next((step for step in (10, 20, 40, 60, 80) if wanted <= step), 100)
    marks = (-limit, -limit // 2, 0, limit // 2, limit)
    ticks = tuple(
        Tick(x=25.0 * place, label=f"{'+' if mark > 0 else MINUS if mark < 0 else ''}{abs(mark)}", anchor="middle")
        for place, mark in enumerate(marks)
    )
    return DifferenceScale(limit=limit, ticks=ticks)


_HEAT = (0.95, 0.9, 0.85, 0.8, 0.7)


def heat_class(share: float) -> str:
    """The class suffix of a cell's colour: h0 where at least 95 % passed, h5 below 70 %."""
    return f"h{sum(share < step for step in _HEAT)}"


GLOBALS = {
    "heat_class": heat_class,
    "difference_scale": difference_scale,
    "interval_plot": interval_plot,
    "score_place": score_place,
    "stacked": stacked,
}
