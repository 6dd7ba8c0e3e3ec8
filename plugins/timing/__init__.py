"""Checks on how long an answer took."""

from plugins.timing.evaluators import LATENCY
from rhesis_app.sdk import EvaluatorSpec, hookimpl


@hookimpl
def register_evaluators() -> tuple[EvaluatorSpec, ...]:
    """The latency check."""
    return (LATENCY,)
