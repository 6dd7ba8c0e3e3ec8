"""Frozen metrics in words: what their rule asks for, and where it stands on the scale."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from rhesis_app.authoring.rules.metrics import ends_of, rule_in_words, threshold_of
from rhesis_app.authoring.rules.metrics import scale_of as scale_with
from rhesis_app.kernel.registry import Registry
from rhesis_app.runs.queries.views import RunView
from rhesis_app.scoring.rules import RuleError, parse_rule
from rhesis_app.sdk import EvaluatorSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreScale:
    """Where a score's bar begins and ends and where the rule's tick stands; None where there is nothing to draw."""

    low: float | None = None
    high: float | None = None
    threshold: float | None = None


def words_of(rule: Mapping[str, Any], spec: EvaluatorSpec | None, params: Mapping[str, Any]) -> str:
    """A stored rule, to be read after "needs"; without its evaluator the bound stands as it was stored."""
    if spec is not None:
        return rule_in_words(rule, scale_with(spec, params))
    form, bound = next(iter(rule.items()), ("", ""))
    if form == "labels":
        return " or ".join(str(label) for label in bound)
    return f"{form.replace('_', ' ')} {bound:g}" if isinstance(bound, int | float) else ""


def scale_of(rule: Mapping[str, Any], spec: EvaluatorSpec | None, params: Mapping[str, Any]) -> ScoreScale:
    """The bar that a score of this evaluator is drawn on."""
    if spec is None:
        return ScoreScale()
    scale = scale_with(spec, params)
    low, high = ends_of(scale)
    try:
        return ScoreScale(low=low, high=high, threshold=threshold_of(parse_rule(rule, scale)))
    except RuleError:  # the plugin changed its scale since the run
        return ScoreScale()


def rules_in_words(run: RunView, registry: Registry) -> dict[UUID, str]:
    """What each frozen metric of a run asks for, by its version's id."""
    return {
        metric.version_id: words_of(metric.rule, registry.evaluators.get(metric.evaluator), metric.params)
        for metric in run.metrics
    }
