"""Trying a metric on one exchange, before it is saved or after."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from rhesis_app.authoring.queries.criteria import with_criteria
from rhesis_app.authoring.rules.metrics import check_recipe, ends_of, scale_of, spec_of, threshold_of
from rhesis_app.endpoints.actions.judging import lend_for_trial
from rhesis_app.endpoints.rules.models import money
from rhesis_app.infra.llm.judges import Judges
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.queries import get_project
from rhesis_app.scoring.engine import MetricRecipe, PreparedMetric, evaluate, prepare
from rhesis_app.scoring.rules import describe
from rhesis_app.sdk import Sample, Scale
from rhesis_app.sdk.params import is_storable

MAX_TEXT = 1_048_576
"""Of one text: what an endpoint's answer may be at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricDraft:
    """What is tried: a recipe that need not be saved."""

    project_id: UUID
    evaluator: str
    params: Mapping[str, Any] = field(default_factory=dict)
    rule: Mapping[str, Any] | None = None
    model_id: UUID | None = None
    prompt_version_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedExchange:
    """The exchange that is scored: what was asked, what was expected, what was answered.

    `beside` is the stored result that it comes from, for what no form shows: turns, tool calls, metadata, tokens.
    """

    output: str
    prompt: str = ""
    expected: str | None = None
    context: tuple[str, ...] = ()
    latency_ms: float | None = None
    beside: Sample | None = None

    @classmethod
    def of(cls, sample: Sample) -> "TriedExchange":
        """A stored result as it is."""
        return cls(
            output=sample.output,
            prompt=sample.prompt,
            expected=sample.reference,
            context=sample.context,
            latency_ms=sample.latency_ms,
            beside=sample,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialView:
    """What the metric says. `verdict` is passed, failed, unscored or error; `rule` is read after "the score is".

    `low`, `high` and `threshold` draw the score on its scale and are None where there is nothing to draw. `model`, the
    tokens, `cost` (US dollars) and `raw`, all that it said, are of the model that was asked to judge.
    """

    verdict: str
    applicable: bool
    score: float | None
    label: str | None
    reason: str
    evidence: dict[str, Any]
    rule: str
    low: float | None
    high: float | None
    threshold: float | None
    duration_ms: float
    model: str | None
    tokens_in: int | None
    tokens_out: int | None
    cost: str | None
    raw: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedTrial:
    """A metric and an exchange, ready to be scored without the database; `asks_a_model` says whether that calls out."""

    scale: Scale
    metric: PreparedMetric
    sample: Sample
    asks_a_model: bool


def prepare_trial(
    scope: Scope, registry: Registry, judges: Judges, draft: MetricDraft, exchange: TriedExchange
) -> PreparedTrial:
    """Make a trial ready.

    Raises NotFound without such a project; Invalid at `evaluator`, `params.<name>`, `rule`, `model_id`, `prompt_version_id`,
    `sample.<name>`.
    """
    scope.require(Permission.METRIC_WRITE, project=get_project(scope, draft.project_id).id)
    spec = spec_of(registry, draft.evaluator)
    params = with_criteria(scope, draft.project_id, spec, draft.params, draft.prompt_version_id)
    checked = check_recipe(spec, params, draft.rule)
    recipe = MetricRecipe(name="", evaluator=spec.key, params=checked.params, rule=checked.rule, revision=spec.revision)
    sample = _sample(exchange)
    tools = lend_for_trial(scope, judges, draft.project_id, draft.model_id) if checked.needs_judge else None
    metric = prepare(recipe, spec, tools)
    scale = scale_of(spec, checked.params)
    return PreparedTrial(scale=scale, metric=metric, sample=sample, asks_a_model=tools is not None)


def score_trial(trial: PreparedTrial) -> TrialView:
    """Score the exchange. Touches no database, stores nothing, and whatever goes wrong is in the view."""
    scale, prepared = trial.scale, trial.metric
    outcome = evaluate(prepared, trial.sample)
    low, high = ends_of(scale)
    return TrialView(
        verdict=outcome.verdict,
        applicable=outcome.applicable,
        score=outcome.score,
        label=outcome.label,
        reason=outcome.reason,
        evidence=dict(outcome.evidence),
        rule=describe(prepared.rule, scale) if prepared.rule else "",
        low=low,
        high=high,
        threshold=threshold_of(prepared.rule) if prepared.rule else None,
        duration_ms=outcome.duration_ms,
        model=outcome.use.model,
        tokens_in=outcome.use.tokens_in,
        tokens_out=outcome.use.tokens_out,
        cost=money(outcome.use.cost),
        raw=outcome.use.raw,
    )


def _sample(exchange: TriedExchange) -> Sample:
    texts = {
        "prompt": exchange.prompt,
        "expected": exchange.expected or "",
        "output": exchange.output,
        "context": "\n".join(exchange.context),
    }
    errors = {f"sample.{name}": [_TOO_MUCH] for name, text in texts.items() if not _is_usable(text)}
    if errors:
        raise Invalid(_TOO_MUCH, errors=errors)
    return replace(
        exchange.beside or Sample(prompt="", output=""),
        prompt=exchange.prompt,
        output=exchange.output,
        reference=exchange.expected or None,
        context=exchange.context,
        latency_ms=exchange.latency_ms,
    )


_TOO_MUCH = f"Use at most {MAX_TEXT:,} characters, without NUL and halves of surrogate pairs."


def _is_usable(text: str) -> bool:
    return len(text) <= MAX_TEXT and is_storable(text)
