"""Checks that ask a model: a score, a label or a yes by your own criteria, and a comparison with the expected answer."""

from plugins.judge.pairwise import PAIRWISE
from plugins.judge.rubrics import RUBRICS
from rhesis_app.sdk import EvaluatorSpec, hookimpl


@hookimpl
def register_evaluators() -> tuple[EvaluatorSpec, ...]:
    """Every judge."""
    return (*RUBRICS, PAIRWISE)
