"""What an evaluator's scores look like: each scale says which scores and which pass rules fit it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


def _number(value: object) -> float | None:
    """A finite number as float, or None; True and False are no numbers here."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:  # an integer of hundreds of digits
        return None
    return number if math.isfinite(number) else None


def _split(rule: object, allowed: tuple[str, ...]) -> tuple[str, Any] | str:
    """The single form and argument of a rule, or the sentence that says why it is none."""
    expected = " or ".join(f'{{"{form}": …}}' for form in allowed)
    if not isinstance(rule, Mapping) or len(rule) != 1:
        return f"A rule is one of {expected}."
    ((form, argument),) = rule.items()
    if form not in allowed:
        return f'"{form}" does not fit this evaluator: use {expected}.'
    return form, argument


@dataclass(frozen=True, slots=True)
class Binary:
    """Yes or no: the score is 1 or 0."""

    def score_problem(self, value: float | None, label: str | None) -> str | None:
        """Why a score lies outside this scale, or None."""
        if value not in {0, 1}:
            return f"a yes-or-no score is 0 or 1, not {value!r}"
        return "a yes-or-no score has no label" if label is not None else None

    def rule_problem(self, rule: object) -> str | None:
        """Why a pass rule does not fit this scale, or None."""
        parts = _split(rule, ("at_least", "at_most"))
        if isinstance(parts, str):
            return parts
        form, bound = parts[0], _number(parts[1])
        if bound is not None and (0 < bound <= 1 if form == "at_least" else 0 <= bound < 1):
            return None
        return 'A yes-or-no metric takes {"at_least": 1} to pass on yes, or {"at_most": 0} to pass on no.'


@dataclass(frozen=True, slots=True)
class Range:
    """A number from `low` to `high`, both included; None leaves that side open. `unit` is shown behind the number."""

    low: float | None = 0.0
    high: float | None = 1.0
    better: Literal["higher", "lower"] = "higher"
    unit: str = ""

    def __post_init__(self) -> None:
        if self.better not in {"higher", "lower"}:
            raise ValueError('Range: better is "higher" or "lower".')
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError("Range: low must be below high.")

    def _holds(self, value: float) -> bool:
        above = self.low is None or value >= self.low
        return above and (self.high is None or value <= self.high)

    def score_problem(self, value: float | None, label: str | None) -> str | None:
        """Why a score lies outside this scale, or None."""
        number = _number(value)
        if number is None:
            return f"the score must be a finite number, not {value!r}"
        if not self._holds(number):
            return f"the score {number:g} is outside {self}"
        return "a score on a range has no label" if label is not None else None

    def rule_problem(self, rule: object) -> str | None:
        """Why a pass rule does not fit this scale, or None."""
        parts = _split(rule, ("at_least", "at_most"))
        if isinstance(parts, str):
            return parts
        bound = _number(parts[1])
        if bound is None:
            return f"{parts[0]} takes a number."
        return None if self._holds(bound) else f"{parts[0]} must lie within {self}."

    def __str__(self) -> str:
        low = "any number" if self.low is None else f"{self.low:g}"
        high = "any number" if self.high is None else f"{self.high:g}"
        return f"{low} to {high}{' ' + self.unit if self.unit else ''}"


@dataclass(frozen=True, slots=True)
class Labels:
    """One of a few names; `passing` are those that pass when no rule says otherwise."""

    names: tuple[str, ...]
    passing: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) != len(self.names):
            raise ValueError("Labels: names must be given, each once.")
        if not self.passing or not set(self.passing) <= set(self.names):
            raise ValueError("Labels: passing must hold some of the names.")

    def score_problem(self, value: float | None, label: str | None) -> str | None:
        """Why a score lies outside this scale, or None; a number beside the label must be finite."""
        if label not in self.names:
            return f"the label {label!r} is none of {', '.join(self.names)}"
        return "the number beside the label must be finite" if value is not None and _number(value) is None else None

    def rule_problem(self, rule: object) -> str | None:
        """Why a pass rule does not fit this scale, or None."""
        parts = _split(rule, ("labels",))
        if isinstance(parts, str):
            return parts
        chosen = parts[1]
        if isinstance(chosen, list | tuple) and chosen and all(name in self.names for name in chosen):
            return None
        return f"labels takes a list with some of: {', '.join(self.names)}."


Scale = Binary | Range | Labels
