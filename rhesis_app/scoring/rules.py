"""Pass rules, and the one place where a score becomes passed or failed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rhesis_app.scoring.outcome import Verdict
from rhesis_app.sdk import Binary, EvaluatorSpec, Labels, Range, Scale, Score


class RuleError(ValueError):
    """A pass rule that does not fit its scale; the text is a sentence for the form."""


@dataclass(frozen=True, slots=True)
class AtLeast:
    """Passes from `bound` upwards, `bound` included."""

    bound: float


@dataclass(frozen=True, slots=True)
class AtMost:
    """Passes up to `bound`, `bound` included."""

    bound: float


@dataclass(frozen=True, slots=True)
class HasLabel:
    """Passes when the label is one of these."""

    labels: tuple[str, ...]


Rule = AtLeast | AtMost | HasLabel


def parse_rule(rule: Mapping[str, Any], scale: Scale) -> Rule:
    """A stored rule: `{"at_least": x}`, `{"at_most": x}` or `{"labels": […]}`. Raises RuleError if it does not fit."""
    if problem := scale.rule_problem(rule):
        raise RuleError(problem)
    ((form, argument),) = rule.items()
    if form == "labels":
        return HasLabel(tuple(dict.fromkeys(argument)))
    return AtLeast(float(argument)) if form == "at_least" else AtMost(float(argument))


def to_mapping(rule: Rule) -> dict[str, Any]:
    """The stored form of a rule, which `parse_rule` reads back."""
    if isinstance(rule, HasLabel):
        return {"labels": list(rule.labels)}
    bound = int(rule.bound) if float(rule.bound).is_integer() else rule.bound
    return {"at_least": bound} if isinstance(rule, AtLeast) else {"at_most": bound}


def default_rule(scale: Scale) -> Rule:
    """The rule of a scale that nobody chose one for: yes, the passing labels, the better half of a closed range.

    Raises RuleError for a range without an end, whose evaluator must bring its own.
    """
    if isinstance(scale, Binary):
        return AtLeast(1.0)
    if isinstance(scale, Labels):
        return HasLabel(scale.passing)
    if scale.low is None or scale.high is None:
        raise RuleError("This scale has no end, so a rule must be given.")
    middle = (scale.low + scale.high) / 2
    return AtLeast(middle) if scale.better == "higher" else AtMost(middle)


def resolve_rule(rule: Mapping[str, Any] | None, spec: EvaluatorSpec, scale: Scale) -> Rule:
    """The rule given, else the evaluator's default, else its scale's: what a metric stores. Raises RuleError."""
    chosen = spec.default_rule if rule is None else rule
    return default_rule(scale) if chosen is None else parse_rule(chosen, scale)


def decide(score: Score, rule: Rule) -> Verdict:
    """Passed, failed, or unscored when the score lacks what the rule looks at."""
    if isinstance(rule, HasLabel):
        return Verdict.UNSCORED if score.label is None else _verdict(passed=score.label in rule.labels)
    if score.value is None:
        return Verdict.UNSCORED
    return _verdict(passed=score.value >= rule.bound if isinstance(rule, AtLeast) else score.value <= rule.bound)


def _verdict(*, passed: bool) -> Verdict:
    return Verdict.PASSED if passed else Verdict.FAILED


def describe(rule: Rule, scale: Scale) -> str:
    """The rule in words, to be read after "passes when the score is"."""
    if isinstance(rule, HasLabel):
        return " or ".join(rule.labels)
    if isinstance(scale, Binary):
        return "yes" if isinstance(rule, AtLeast) else "no"
    unit = f" {scale.unit}" if isinstance(scale, Range) and scale.unit else ""
    return f"{'at least' if isinstance(rule, AtLeast) else 'at most'} {_written(rule.bound)}{unit}"


def _written(number: float) -> str:
    return f"{int(number):,}" if float(number).is_integer() else f"{number:g}"
