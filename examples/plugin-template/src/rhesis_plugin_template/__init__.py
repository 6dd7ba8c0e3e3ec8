"""A plugin to start from; this module holds its hooks and nothing else."""

from rhesis_app.sdk import EvaluatorSpec, hookimpl
from rhesis_plugin_template.evaluators import POLITENESS


@hookimpl
def register_evaluators() -> list[EvaluatorSpec]:
    """Everything this plugin can score."""
    return [POLITENESS]
