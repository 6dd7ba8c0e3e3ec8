"""What a metric's recipe may be: evaluator, params and rule held against what the loaded plugins offer."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.registry import Registry
from rhesis_app.scoring.rules import Rule, RuleError, describe, parse_rule, resolve_rule, to_mapping
from rhesis_app.sdk import EvaluatorSpec, Need, ParamError, Range, Scale
from rhesis_app.sdk import params as plugin_params

NEED_WORDS: dict[str, str] = {
    Need.REFERENCE: "the test's expected answer",
    Need.CONTEXT: "retrieved context",
    Need.TURNS: "a conversation",
    Need.TOOL_CALLS: "tool calls",
    Need.JUDGE: "a judge",
}
CRITERIA: Final = "criteria"
"""The param whose text a judge may take from a prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A recipe that fits its evaluator: params complete with their defaults, the rule resolved."""

    spec: EvaluatorSpec
    params: dict[str, Any]
    rule: dict[str, Any]
    needs: tuple[str, ...]

    @property
    def needs_judge(self) -> bool:
        """Whether it asks a model."""
        return Need.JUDGE in self.needs


def spec_of(registry: Registry, key: str) -> EvaluatorSpec:
    """The evaluator of that key; Invalid at `evaluator` when no loaded plugin offers it."""
    spec = registry.evaluators.get(key)
    if spec is None:
        sentence = f"There is no evaluator “{key[:80]}” here. GET /api/v1/evaluators lists those there are."
        raise Invalid.field("evaluator", sentence)
    return spec


def check_recipe(spec: EvaluatorSpec, params: Mapping[str, Any], rule: Mapping[str, Any] | None) -> Recipe:
    """The recipe as it is stored; Invalid names every field that does not fit (`params.<name>`, `rule`)."""
    errors: dict[str, list[str]] = {}
    settings = stored = None
    try:
        settings = plugin_params.parse(spec.params, params)
    except ParamError as error:
        errors |= {f"params.{name}" if name else "params": texts for name, texts in error.errors.items()}
    try:
        if settings is not None or spec.has_fixed_scale:
            stored = to_mapping(resolve_rule(rule, spec, scale_with(spec, settings)))
    except RuleError as error:
        errors["rule"] = [str(error)]
    if settings is None or stored is None:
        raise Invalid(f"The settings do not fit the evaluator {spec.key}: see the fields named.", errors=errors)
    return Recipe(spec=spec, params=plugin_params.to_mapping(settings), rule=stored, needs=_needs_with(spec, settings))


def usual_needs(spec: EvaluatorSpec) -> tuple[str, ...]:
    """What an evaluator needs with its defaults, sorted."""
    return _needs_with(spec, _usual_settings(spec))


def usual_scale(spec: EvaluatorSpec) -> Scale:
    """The scale of an evaluator with its defaults."""
    return scale_with(spec, _usual_settings(spec))


def usual_rule(spec: EvaluatorSpec) -> dict[str, Any]:
    """The rule that a metric without one gets, with the defaults."""
    return to_mapping(resolve_rule(None, spec, usual_scale(spec)))


def scale_of(spec: EvaluatorSpec, params: Mapping[str, Any]) -> Scale:
    """The scale with stored or typed params, and the usual one while they do not fit."""
    if spec.has_fixed_scale:
        return spec.scale_for(None)
    try:
        return scale_with(spec, plugin_params.parse(spec.params, params))
    except (ParamError, Invalid):
        return usual_scale(spec)


def scale_with(spec: EvaluatorSpec, settings: Any) -> Scale:
    """The scale with an instance of the params; Invalid at `params` when the plugin cannot say."""
    try:
        return spec.scale_for(settings)
    except Exception as raised:
        sentence = f"The evaluator {spec.key} cannot say its scale with these settings ({type(raised).__name__})."
        raise Invalid.field("params", sentence) from raised


def takes_criteria(spec: EvaluatorSpec) -> bool:
    """Whether its criteria may be taken from a prompt: it asks a judge, and has a text of that name."""
    told = (param for param in plugin_params.fields_of(spec.params) if param.name == CRITERIA)
    return any(param.kind == "text" for param in told) and Need.JUDGE in usual_needs(spec)


def _usual_settings(spec: EvaluatorSpec) -> Any:
    return plugin_params.parse(spec.params, spec.example)


def _needs_with(spec: EvaluatorSpec, settings: Any) -> tuple[str, ...]:
    try:
        return tuple(sorted(spec.needs_for(settings)))
    except Exception:  # noqa: BLE001 - a plugin may raise anything; the run will say so in its evaluations
        return ()


def describe_scale(scale: Scale) -> dict[str, Any]:
    """A scale as JSON: `kind` is binary, range or labels, beside the scale's own fields."""
    fields = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(scale).items()}
    return {"kind": type(scale).__name__.lower(), **fields}


def rule_in_words(rule: Mapping[str, Any], scale: Scale) -> str:
    """A stored rule to be read after "passes when the score is"; a rule that does not fit any more as it is stored."""
    try:
        return describe(parse_rule(rule, scale), scale)
    except RuleError:
        return json.dumps(rule, ensure_ascii=False)


def threshold_of(rule: Rule) -> float | None:
    """The bound that a rule draws on a scale; None for labels."""
    return getattr(rule, "bound", None)


def ends_of(scale: Scale) -> tuple[float | None, float | None]:
    """Where a score's bar begins and ends; None where there is no bar to draw."""
    return (scale.low, scale.high) if isinstance(scale, Range) else (None, None)


def in_words(needs: Iterable[str]) -> tuple[str, ...]:
    """Needs as a person reads them, after "needs"; every run measures the time, so that goes without saying."""
    return tuple(NEED_WORDS.get(need, need) for need in needs if need != Need.LATENCY)


def content_hash(content: Mapping[str, Any]) -> str:
    """SHA-256 of JSON content, the same for the same content whatever the order of its keys."""
    written = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(written.encode()).hexdigest()
