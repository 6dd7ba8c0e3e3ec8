"""What is asked of the evaluators on offer."""

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from rhesis_app.authoring.rules.metrics import describe_scale, in_words, usual_needs, usual_rule, usual_scale
from rhesis_app.kernel.registry import Registry
from rhesis_app.sdk import EvaluatorSpec
from rhesis_app.sdk.params import json_schema


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatorView:
    """An evaluator on offer. `needs`, `scale` and `default_rule`, what a metric without one gets, are those of its defaults."""

    key: str
    title: str
    summary: str
    params_schema: dict[str, Any]
    scale: dict[str, Any]
    needs: tuple[str, ...]
    default_rule: dict[str, Any]
    deterministic: bool
    revision: int

    @property
    def plugin(self) -> str:
        """The plugin that offers it."""
        return self.key.partition(".")[0]

    @property
    def needs_in_words(self) -> tuple[str, ...]:
        """What it needs, as a person reads it."""
        return in_words(self.needs)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatorGroup:
    """The evaluators of one plugin, in the plugin's order."""

    plugin: str
    distribution: str
    evaluators: tuple[EvaluatorView, ...]


def list_evaluators(registry: Registry) -> tuple[EvaluatorView, ...]:
    """Every evaluator on offer, plugin by plugin."""
    return tuple(_view(spec) for spec in registry.evaluators.values())


def group_evaluators(registry: Registry) -> tuple[EvaluatorGroup, ...]:
    """The same, in one group for each plugin."""
    distributions = {plugin.name: plugin.distribution for plugin in registry.plugins}
    return tuple(
        EvaluatorGroup(plugin=plugin, distribution=distributions.get(plugin, ""), evaluators=tuple(evaluators))
        for plugin, evaluators in groupby(list_evaluators(registry), key=lambda evaluator: evaluator.plugin)
    )


def _view(spec: EvaluatorSpec) -> EvaluatorView:
    return EvaluatorView(
        key=spec.key,
        title=spec.title,
        summary=spec.summary,
        params_schema=json_schema(spec.params),
        scale=describe_scale(usual_scale(spec)),
        needs=usual_needs(spec),
        default_rule=usual_rule(spec),
        deterministic=spec.deterministic,
        revision=spec.revision,
    )
