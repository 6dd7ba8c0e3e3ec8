"""Rows of another table as JSON inside a row: a page of fifty results with their evaluations is one statement."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, literal, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from rhesis_app.authoring.models import MetricVersion
from rhesis_app.runs.models import Evaluation, TestResult

LISTED: Mapping[str, Any] = {
    "metric": MetricVersion.name,
    "metric_id": MetricVersion.metric_id,
    "required": MetricVersion.required,
    "applicable": Evaluation.applicable,
    "verdict": Evaluation.verdict,
    "score": Evaluation.score,
    "label": Evaluation.label,
    "reason": Evaluation.reason,
}
"""What a list says of an evaluation."""

SHOWN: Mapping[str, Any] = {
    **LISTED,
    "evaluator": MetricVersion.evaluator_key,
    "revision": MetricVersion.evaluator_revision,
    "rule": MetricVersion.rule,
    "evidence": Evaluation.evidence,
    "duration_ms": Evaluation.duration_ms,
}
"""What one result's own page says of it besides."""


def json_object(columns: Mapping[str, Any]) -> Any:
    """A JSON object of these columns."""
    return func.json_build_object(*(part for name, column in columns.items() for part in (literal(name), column)))


def evaluations_of_result(columns: Mapping[str, Any]) -> Any:
    """A result's evaluations as a JSON array in the order of the run's metrics; correlated to TestResult."""
    listed = func.json_agg(aggregate_order_by(json_object(columns), Evaluation.position, Evaluation.id))
    return (
        select(func.coalesce(listed, func.json_build_array()))
        .select_from(Evaluation)
        .join(
            MetricVersion,
            (MetricVersion.organization_id == Evaluation.organization_id)
            & (MetricVersion.id == Evaluation.metric_version_id),
        )
        .where(Evaluation.organization_id == TestResult.organization_id, Evaluation.result_id == TestResult.id)
        .correlate(TestResult)
        .scalar_subquery()
    )
