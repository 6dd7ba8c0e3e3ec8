"""Rows of another table as JSON inside a row: a page of fifty results with their evaluations is one statement."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Text, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from rhesis_app.authoring.models import MetricVersion, Prompt, PromptVersion
from rhesis_app.runs.models import EffectiveEvaluation, EffectiveResult


def json_object(columns: Mapping[str, Any]) -> Any:
    """A JSON object of these columns; their names are ours and stand in the statement itself."""
    return func.json_build_object(*(part for name, column in columns.items() for part in (_name(name), column)))


def _name(name: str) -> Any:
    return literal_column(f"'{name}'")


def _criteria_from() -> Any:
    """The version of a prompt that a frozen metric's criteria came from, or null; correlated to MetricVersion."""
    told = {
        "prompt_id": Prompt.id,
        "name": Prompt.name,
        "prompt_version_id": PromptVersion.id,
        "version": PromptVersion.number,
    }
    return (
        select(json_object(told))
        .join_from(
            PromptVersion,
            Prompt,
            (Prompt.organization_id == PromptVersion.organization_id) & (Prompt.id == PromptVersion.prompt_id),
        )
        .where(
            PromptVersion.organization_id == MetricVersion.organization_id,
            PromptVersion.id == MetricVersion.prompt_version_id,
        )
        .correlate(MetricVersion)
        .scalar_subquery()
    )


LISTED: Mapping[str, Any] = {
    "id": EffectiveEvaluation.id,
    "metric": MetricVersion.name,
    "metric_id": MetricVersion.metric_id,
    "required": MetricVersion.required,
    "applicable": EffectiveEvaluation.applicable,
    "verdict": EffectiveEvaluation.verdict,
    "automated_verdict": EffectiveEvaluation.automated_verdict,
    "score": EffectiveEvaluation.score,
    "label": EffectiveEvaluation.label,
    "reason": EffectiveEvaluation.reason,
}
"""What a list says of an evaluation."""

REPORTED: Mapping[str, Any] = {
    **LISTED,
    "model": EffectiveEvaluation.model,
    "tokens_in": EffectiveEvaluation.tokens_in,
    "tokens_out": EffectiveEvaluation.tokens_out,
    "cost": cast(func.trim_scale(EffectiveEvaluation.cost), Text),
}
"""What an export says of it besides: which model judged, and for how much."""

SHOWN: Mapping[str, Any] = {
    **REPORTED,
    "evaluator": MetricVersion.evaluator_key,
    "revision": MetricVersion.evaluator_revision,
    "rule": MetricVersion.rule,
    "params": MetricVersion.params,
    "criteria_from": _criteria_from(),
    "evidence": EffectiveEvaluation.evidence,
    "duration_ms": EffectiveEvaluation.duration_ms,
    "raw": EffectiveEvaluation.raw,
}
"""What one result's own page says of it besides."""


def evaluations_of_result(columns: Mapping[str, Any]) -> Any:
    """A result's evaluations as a JSON array in the order of the run's metrics; correlated to EffectiveResult."""
    listed = func.json_agg(
        aggregate_order_by(json_object(columns), EffectiveEvaluation.position, EffectiveEvaluation.id)
    )
    return (
        select(func.coalesce(listed, func.json_build_array()))
        .select_from(EffectiveEvaluation)
        .join(
            MetricVersion,
            (MetricVersion.organization_id == EffectiveEvaluation.organization_id)
            & (MetricVersion.id == EffectiveEvaluation.metric_version_id),
        )
        .where(
            EffectiveEvaluation.organization_id == EffectiveResult.organization_id,
            EffectiveEvaluation.result_id == EffectiveResult.id,
        )
        .correlate(EffectiveResult)
        .scalar_subquery()
    )
