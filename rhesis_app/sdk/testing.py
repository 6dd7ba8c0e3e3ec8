"""The conformance kit: `check_plugin(module)` tries a plugin on the inputs that break plugins."""

import importlib.metadata
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pluggy

from rhesis_app.sdk.file_trials import exporter_trials, importer_trials
from rhesis_app.sdk.hookspecs import ENTRY_POINT_GROUP, new_manager
from rhesis_app.sdk.offers import OfferError, offers_of
from rhesis_app.sdk.trials import evaluator_trials

__all__ = ["Conformance", "ConformanceError", "check_plugin"]


class ConformanceError(AssertionError):
    """A plugin that does not conform; `problems` are sentences for its author."""

    def __init__(self, name: str, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__(f"The plugin {name} does not conform:\n" + "\n".join(f"- {problem}" for problem in problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Conformance:
    """A plugin that conforms: what it offers, and how many trials that took."""

    name: str
    evaluators: tuple[str, ...]
    exporters: tuple[str, ...]
    importers: tuple[str, ...]
    trials: int


def check_plugin(module: ModuleType, *, name: str | None = None) -> Conformance:
    """Try everything a plugin module offers; a few seconds at most for ordinary evaluators.

    `name` is its entry point's name, looked up among the installed ones when left out. Raises ConformanceError with
    every problem found, so an author sees them all at once.
    """
    name = name or _entry_point_name(module)
    manager = new_manager()
    try:
        manager.register(module, name)
        manager.check_pending()
        offers = offers_of(manager, module, name)
    except OfferError as failure:
        raise ConformanceError(name, failure.problems) from failure
    except pluggy.PluginValidationError as failure:
        raise ConformanceError(name, (" ".join(str(failure).split()),)) from failure
    except Exception as failure:
        raise ConformanceError(name, (f"Its hooks raised {failure!r}.",)) from failure
    if not offers.keys and not offers.listens:
        raise ConformanceError(name, ("It offers nothing: is @hookimpl missing?",))
    findings = [
        *(finding for spec in offers.evaluators for finding in _named(spec, evaluator_trials(spec))),
        *(finding for spec in offers.exporters for finding in _named(spec, exporter_trials(spec))),
        *(finding for spec in offers.importers for finding in _named(spec, importer_trials(spec))),
    ]
    problems = tuple(finding for finding in findings if finding is not None)
    if problems:
        raise ConformanceError(name, problems)
    return Conformance(
        name=name,
        evaluators=tuple(spec.key for spec in offers.evaluators),
        exporters=tuple(spec.key for spec in offers.exporters),
        importers=tuple(spec.key for spec in offers.importers),
        trials=len(findings),
    )


def _named(spec: Any, findings: Any) -> list[str | None]:
    return [finding and f"{spec.key}: {finding}" for finding in findings]


def _entry_point_name(module: ModuleType) -> str:
    for point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        if point.value.partition(":")[0] == module.__name__:
            return point.name
    raise ConformanceError(
        module.__name__,
        (f"No installed entry point of {ENTRY_POINT_GROUP} leads to it: install the package, or pass name=.",),
    )
