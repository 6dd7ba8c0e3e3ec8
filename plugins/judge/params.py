"""What the judges can be told."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from plugins.judge.examples import ExampleError, read_examples
from rhesis_app.sdk import Labels, Need, Range, param

CRITERIA = "What makes an answer good or bad, in words that two people would read alike."
STEPS = "What the judge goes through, in order, before it decides."
EXAMPLES = (
    "Answers that you judged, as a pattern. Each has the lines “Answer:”, “Verdict:” and “Why:”; a line of --- stands"
    " between two of them."
)
EXPECTED = "A test without one is then left out."
CONTEXT = "An answer that came without any is then left out."
METADATA = "As JSON. Without it the judge knows nothing of the test but its texts."

_MAX_CRITERIA = 20_000
_MAX_LABELS = 20
_MAX_LABEL = 80


class Asked(Protocol):
    """What the judges by criteria have in common."""

    @property
    def criteria(self) -> str: ...

    @property
    def steps(self) -> tuple[str, ...]: ...

    @property
    def examples(self) -> str: ...

    @property
    def show_expected(self) -> bool: ...

    @property
    def show_context(self) -> bool: ...

    @property
    def show_metadata(self) -> bool: ...

    def verdict_problem(self, verdict: str, /) -> str:
        """Why an example's verdict is none of this scale, or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rubric:
    """Criteria for a number."""

    criteria: str = param(help=f"{CRITERIA} Say what the lowest and the highest score mean.", multiline=True)
    low: float = param(1.0, title="Lowest score", help="The worst an answer can get.")
    high: float = param(5.0, title="Highest score", help="The best an answer can get.")
    steps: tuple[str, ...] = param((), help=STEPS)
    examples: str = param("", help=EXAMPLES, multiline=True)
    show_expected: bool = param(False, title="Show the expected answer", help=EXPECTED)
    show_context: bool = param(False, title="Show the retrieved context", help=CONTEXT)
    show_metadata: bool = param(False, title="Show the test's metadata", help=METADATA)

    @property
    def scale(self) -> Range:
        """From the worst to the best."""
        return Range(self.low, self.high)

    def verdict_problem(self, verdict: str) -> str:
        """A verdict is a number on the scale."""
        try:
            fits = self.low <= float(verdict) <= self.high
        except ValueError:
            fits = False
        return "" if fits else f"“{verdict}” is no number from {self.low:g} to {self.high:g}."

    def problems(self) -> Mapping[str, str]:
        """A scale upside down, and what every judge by criteria can have wrong."""
        if not self.low < self.high:
            return {"high": "The highest score must be above the lowest."}
        return dict(_problems(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Criteria for one of a few names."""

    criteria: str = param(help=f"{CRITERIA} Say when each label is given.", multiline=True)
    labels: tuple[str, ...] = param(
        help="The names to choose from. The first passes, unless the metric's rule names others."
    )
    steps: tuple[str, ...] = param((), help=STEPS)
    examples: str = param("", help=EXAMPLES, multiline=True)
    show_expected: bool = param(False, title="Show the expected answer", help=EXPECTED)
    show_context: bool = param(False, title="Show the retrieved context", help=CONTEXT)
    show_metadata: bool = param(False, title="Show the test's metadata", help=METADATA)

    @property
    def scale(self) -> Labels:
        """The names, of which the first passes."""
        return Labels(self.labels, self.labels[:1])

    def verdict_problem(self, verdict: str) -> str:
        """A verdict is one of the names."""
        return "" if verdict in self.labels else f"“{verdict}” is none of {', '.join(self.labels)}."

    def problems(self) -> Mapping[str, str]:
        """Too few labels or too many, one twice, and what every judge by criteria can have wrong."""
        if not 2 <= len(self.labels) <= _MAX_LABELS:
            return {"labels": f"Give 2 to {_MAX_LABELS} labels, one a line."}
        if len(set(self.labels)) != len(self.labels) or not all(self.labels):
            return {"labels": "Give each label once."}
        if any(len(label) > _MAX_LABEL or not label.isprintable() for label in self.labels):
            return {"labels": f"A label is one line of at most {_MAX_LABEL} characters."}
        return dict(_problems(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class YesOrNo:
    """Criteria for a yes or a no."""

    criteria: str = param(help=f"{CRITERIA} Ask it so that yes is good.", multiline=True)
    steps: tuple[str, ...] = param((), help=STEPS)
    examples: str = param("", help=EXAMPLES, multiline=True)
    show_expected: bool = param(False, title="Show the expected answer", help=EXPECTED)
    show_context: bool = param(False, title="Show the retrieved context", help=CONTEXT)
    show_metadata: bool = param(False, title="Show the test's metadata", help=METADATA)

    def verdict_problem(self, verdict: str) -> str:
        """A verdict is yes or no."""
        return "" if verdict.lower() in {"yes", "no"} else f"“{verdict}” is neither yes nor no."

    def problems(self) -> Mapping[str, str]:
        """What every judge by criteria can have wrong."""
        return dict(_problems(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairwise:
    """What to compare by."""

    criteria: str = param(
        "Which answer is correct, complete and helpful.", help="What makes one answer better.", multiline=True
    )
    show_context: bool = param(False, title="Show the retrieved context", help=CONTEXT)

    def problems(self) -> Mapping[str, str]:
        """Criteria that are empty or a book."""
        return dict(_criteria_problems(self.criteria))


def needs_of(params: Asked) -> frozenset[Need]:
    """A judge always; what is shown must be there."""
    shown = {Need.REFERENCE: params.show_expected, Need.CONTEXT: params.show_context}
    return frozenset({Need.JUDGE, *(need for need, is_shown in shown.items() if is_shown)})


def needs_of_pair(params: Pairwise) -> frozenset[Need]:
    """A judge and something to compare with."""
    return frozenset({Need.JUDGE, Need.REFERENCE, *([Need.CONTEXT] if params.show_context else [])})


def _problems(params: Asked) -> Iterator[tuple[str, str]]:
    yield from _criteria_problems(params.criteria)
    try:
        examples = read_examples(params.examples)
    except ExampleError as error:
        yield "examples", str(error)
        return
    found = (params.verdict_problem(example.verdict) for example in examples)
    yield from (("examples", f"Example {number}: {said}") for number, said in enumerate(found, start=1) if said)


def _criteria_problems(criteria: str) -> Iterator[tuple[str, str]]:
    if not criteria.strip():
        yield "criteria", "Say what the judge shall look for."
    elif len(criteria) > _MAX_CRITERIA:
        yield "criteria", f"Use at most {_MAX_CRITERIA:,} characters."
