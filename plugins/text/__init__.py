"""Checks on the wording of an answer, without a model."""

from plugins.text.evaluators import EVALUATORS
from rhesis_app.sdk import EvaluatorSpec, hookimpl


@hookimpl
def register_evaluators() -> tuple[EvaluatorSpec, ...]:
    """Every text check."""
    return EVALUATORS
