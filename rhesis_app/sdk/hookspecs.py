"""The hooks of plugin API v1. Arguments have no defaults: pluggy would not pass them."""

from collections.abc import Iterable

import pluggy

from rhesis_app.sdk.contracts import EvaluatorSpec, ExporterSpec, ImporterSpec
from rhesis_app.sdk.reports import RunSummary

PROJECT = "rhesis_app"
ENTRY_POINT_GROUP = "rhesis_app.plugins.v1"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Hooks:
    """Every hook a plugin may implement; each is optional."""

    @hookspec
    def register_evaluators(self) -> Iterable[EvaluatorSpec]:  # type: ignore[empty-body]
        """The evaluators on offer; asked once per process, at start, so no I/O."""

    @hookspec
    def register_exporters(self) -> Iterable[ExporterSpec]:  # type: ignore[empty-body]
        """The export formats on offer; asked once per process, at start, so no I/O."""

    @hookspec
    def register_importers(self) -> Iterable[ImporterSpec]:  # type: ignore[empty-body]
        """The import formats on offer; asked once per process, at start, so no I/O."""

    @hookspec
    def run_finished(self, summary: RunSummary) -> None:
        """Told in a worker after everything about the run is saved; what it raises is logged.

        Told again when the worker was killed while telling: keep what was done by `summary.run_id`.
        """


def new_manager() -> pluggy.PluginManager:
    """A plugin manager that knows these hooks and no plugin yet."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    return manager
