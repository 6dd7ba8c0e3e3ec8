"""What the loaded plugins offer, by key."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rhesis_app.sdk import EvaluatorSpec, ExporterSpec, ImporterSpec, RunSummary

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPlugin:
    """One plugin that was found; with an `error` it offers nothing. `offers` are the keys it brought."""

    name: str
    distribution: str
    version: str
    error: str | None = None
    offers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Evaluators, exporters and importers by key, and the plugins they come from, sorted by name."""

    evaluators: Mapping[str, EvaluatorSpec] = field(default_factory=dict)
    exporters: Mapping[str, ExporterSpec] = field(default_factory=dict)
    importers: Mapping[str, ImporterSpec] = field(default_factory=dict)
    plugins: tuple[LoadedPlugin, ...] = ()
    listeners: Mapping[str, Callable[[RunSummary], object]] = field(default_factory=dict)

    def run_finished(self, summary: RunSummary) -> None:
        """Tell every plugin that listens; one that raises is logged and the others still hear of it."""
        for name, listener in self.listeners.items():
            try:
                listener(summary)
            except Exception:  # noqa: BLE001 - a plugin may raise anything, and the run is already saved
                _log.exception("plugin %s failed in run_finished of run %s", name, summary.run_id)
