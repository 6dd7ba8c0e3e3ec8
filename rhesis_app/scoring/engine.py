"""One metric on one sample: whatever a plugin does, the answer is an outcome and never an exception."""

import json
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

from rhesis_app.scoring.judges import JudgeUse, hearing
from rhesis_app.scoring.outcome import Verdict
from rhesis_app.scoring.rules import Rule, RuleError, decide, resolve_rule
from rhesis_app.sdk import (
    Evaluator,
    EvaluatorSpec,
    JudgeAnswerError,
    Judgement,
    JudgeUnavailableError,
    Need,
    Sample,
    Scale,
    Score,
    Tools,
)
from rhesis_app.sdk.params import ParamError, is_storable, parse, plain

_MAX_REASON = 4_000
_MAX_EVIDENCE = 32_000
_MAX_MODEL = 200
_UNFIT = "The metric's settings do not fit its evaluator"
_LACKS = {
    Need.REFERENCE: "the test has no expected answer",
    Need.CONTEXT: "the answer came without retrieved context",
    Need.TURNS: "there is no conversation",
    Need.TOOL_CALLS: "the answer came without tool calls",
    Need.LATENCY: "the time of the answer was not measured",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRecipe:
    """A metric as a run stores it: not the object, but what makes it. `rule` None takes the evaluator's default."""

    name: str
    evaluator: str
    params: Mapping[str, Any] = field(default_factory=dict)
    rule: Mapping[str, Any] | None = None
    required: bool = True
    revision: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedMetric:
    """A recipe made ready once, for any number of samples and threads; `failure` says why it could not be."""

    recipe: MetricRecipe
    spec: EvaluatorSpec | None = None
    evaluator: Evaluator | None = None
    rule: Rule | None = None
    scale: Scale | None = None
    needs: frozenset[Need] = frozenset()
    tools: Tools | None = None
    failure: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOutcome:
    """What one metric says of one sample, ready to store: texts and evidence fit PostgreSQL.

    `applicable` is False when the sample lacks what the metric needs: then the result is decided without it. `use` is what
    its judge, if it asked one, said and cost, also when the evaluation failed afterwards.
    """

    verdict: Verdict
    score: float | None = None
    label: str | None = None
    reason: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    required: bool = True
    applicable: bool = True
    duration_ms: float = 0.0
    use: JudgeUse = field(default_factory=JudgeUse)


class NoTools:
    """The tools of a host that lends none."""

    def judge(self, prompt: str, schema: Mapping[str, Any]) -> Judgement:  # noqa: ARG002 - the protocol's signature
        """Always raises JudgeUnavailableError."""
        raise JudgeUnavailableError

    def setting(self, name: str) -> str | None:  # noqa: ARG002 - the protocol's signature
        """Nothing is set."""
        return None


def prepare(recipe: MetricRecipe, spec: EvaluatorSpec | None, tools: Tools | None = None) -> PreparedMetric:
    """Build a recipe's evaluator; a missing plugin, unfit params or a failing build become evaluation errors later."""
    if spec is None:
        return PreparedMetric(
            recipe=recipe, failure=f"The evaluator {recipe.evaluator} is not installed or could not be loaded."
        )
    try:
        params = parse(spec.params, recipe.params)
    except ParamError as problem:
        return PreparedMetric(recipe=recipe, failure=f"{_UNFIT}: {problem}")
    try:
        scale = spec.scale_for(params)
        rule = resolve_rule(recipe.rule, spec, scale)
        needs, evaluator = frozenset(spec.needs_for(params)), spec.build(params, tools or NoTools())
    except RuleError as problem:
        return PreparedMetric(recipe=recipe, failure=f"{_UNFIT}: {problem}")
    except Exception as raised:  # noqa: BLE001 - a plugin may raise anything, and it is data
        return PreparedMetric(recipe=recipe, failure=_named(spec, raised), evidence=_whereabouts(raised))
    return PreparedMetric(
        recipe=recipe, spec=spec, evaluator=evaluator, rule=rule, scale=scale, needs=needs, tools=tools
    )


def evaluate(
    metric: PreparedMetric, sample: Sample, *, clock: Callable[[], float] = time.perf_counter
) -> EvaluationOutcome:
    """Score the sample and decide. Raises nothing, whatever the plugin does; `clock` gives seconds."""
    required = metric.recipe.required
    if metric.evaluator is None or metric.spec is None or metric.rule is None:
        return EvaluationOutcome(
            verdict=Verdict.ERROR, reason=clean_text(metric.failure), evidence=metric.evidence, required=required
        )
    if lacking := sample.lacks(metric.needs):
        reason = f"Does not apply: {' and '.join(_LACKS[need] for need in lacking)}."
        return EvaluationOutcome(verdict=Verdict.UNSCORED, reason=reason, required=required, applicable=False)
    started = clock()
    with hearing(metric.tools) as heard:
        try:
            score: Any = metric.evaluator(sample)
        except Exception as raised:  # noqa: BLE001 - a plugin may raise anything, and it is data
            reason, evidence = _named(metric.spec, raised, heard.problem), _whereabouts(raised)
            outcome = EvaluationOutcome(verdict=Verdict.ERROR, reason=reason, evidence=evidence, required=required)
        else:
            outcome = _judged(metric, score)
    return replace(outcome, duration_ms=(clock() - started) * 1000, use=_storable(heard.total()))


def evaluate_all(metrics: Iterable[PreparedMetric], sample: Sample) -> tuple[EvaluationOutcome, ...]:
    """Every metric's outcome on one sample, in the order of the metrics."""
    return tuple(evaluate(metric, sample) for metric in metrics)


def _storable(use: JudgeUse) -> JudgeUse:
    model = clean_text(use.model, _MAX_MODEL) if use.model is not None else None
    return replace(use, model=model, raw=tuple(clean_text(text, _MAX_EVIDENCE) for text in use.raw))


def _judged(metric: PreparedMetric, score: Any) -> EvaluationOutcome:
    required = metric.recipe.required
    assert metric.scale is not None  # with a rule there is a scale
    assert metric.rule is not None  # as `evaluate` has seen
    problem = _score_problem(metric.scale, score)
    if problem:
        reason = f"The evaluator {metric.recipe.evaluator} broke its promise: {problem}."
        return EvaluationOutcome(verdict=Verdict.ERROR, reason=clean_text(reason), required=required)
    return EvaluationOutcome(
        verdict=decide(score, metric.rule),
        score=None if score.value is None else float(score.value),
        label=score.label,
        reason=clean_text(score.reason),
        evidence=_clean_evidence(score.evidence),
        required=required,
    )


def _score_problem(scale: Scale, score: Any) -> str | None:
    if not isinstance(score, Score):
        return f"it returned {type(score).__name__} instead of Score"
    if not isinstance(score.reason, str):
        return "its reason is not text"
    return scale.score_problem(score.value, score.label) if score.is_scored else None


def _named(spec: EvaluatorSpec, raised: Exception, problem: str = "") -> str:
    """The exception's class and no more: its text may hold anything, a secret included. `problem` is the host's own word."""
    if isinstance(raised, JudgeUnavailableError):
        return (
            clean_text(problem)
            or "No model is connected for judging, or it did not answer: connect one in the project's models."
        )
    if isinstance(raised, JudgeAnswerError):
        return "The judge's answer is none that was asked for, so it is no score."
    return f"The evaluator {spec.key} failed ({type(raised).__name__})."


def _whereabouts(raised: Exception) -> dict[str, Any]:
    """The exception's class and the file name and line it came from, for the plugin's author."""
    frames = traceback.extract_tb(raised.__traceback__)
    at = f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return {"exception": type(raised).__name__, "at": at}


def clean_text(text: str, limit: int = _MAX_REASON) -> str:
    """`text` without what PostgreSQL refuses (NUL, lone surrogates), cut to `limit` characters."""
    clipped = text if len(text) <= limit else text[: limit - 1] + "…"
    return clipped.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")


def _clean_evidence(evidence: Any) -> dict[str, Any]:
    """Evidence that a JSON column takes, or a note that it was left out."""
    if not isinstance(evidence, Mapping) or not is_storable(evidence):
        return {"left_out": "the evidence was not JSON that can be stored"}
    kept: dict[str, Any] = plain(evidence)
    if kept and len(json.dumps(kept)) > _MAX_EVIDENCE:
        return {"left_out": "the evidence was too large"}
    return kept
