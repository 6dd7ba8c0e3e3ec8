"""Checks on the form of an answer: JSON and length."""

from plugins.structure.evaluators import EVALUATORS
from rhesis_app.sdk import EvaluatorSpec, hookimpl


@hookimpl
def register_evaluators() -> tuple[EvaluatorSpec, ...]:
    """Every check on form."""
    return EVALUATORS
