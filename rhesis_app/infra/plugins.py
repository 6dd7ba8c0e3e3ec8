"""Finding and loading plugins, each alone, so that a broken one is listed and stops nothing."""

import importlib.metadata
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

import pluggy

from rhesis_app.kernel.registry import LoadedPlugin, Registry
from rhesis_app.sdk import ENTRY_POINT_GROUP, EvaluatorSpec, ExporterSpec, ImporterSpec, RunSummary
from rhesis_app.sdk.hookspecs import new_manager
from rhesis_app.sdk.offers import OfferError, Offers, hook_of, offers_of

_log = logging.getLogger(__name__)


class PluginLoadError(RuntimeError):
    """A plugin is broken and strict loading was asked for."""


@dataclass
class _Shelf:
    """What has been loaded so far."""

    manager: pluggy.PluginManager = field(default_factory=new_manager)
    evaluators: dict[str, EvaluatorSpec] = field(default_factory=dict)
    exporters: dict[str, ExporterSpec] = field(default_factory=dict)
    importers: dict[str, ImporterSpec] = field(default_factory=dict)
    plugins: list[LoadedPlugin] = field(default_factory=list)
    listening: dict[str, object] = field(default_factory=dict)

    def put(self, name: str, plugin: object, offers: Offers) -> None:
        self.evaluators.update({spec.key: spec for spec in offers.evaluators})
        self.exporters.update({spec.key: spec for spec in offers.exporters})
        self.importers.update({spec.key: spec for spec in offers.importers})
        if offers.listens:
            self.listening[name] = plugin


def load_plugins(
    *,
    enabled: frozenset[str] | None = None,
    disabled: frozenset[str] = frozenset(),
    strict: bool = False,
    found: Iterable[importlib.metadata.EntryPoint] | None = None,
) -> Registry:
    """Load the installed plugins by name: all, or those in `enabled`, never those in `disabled`.

    A broken plugin is kept with its error and offers nothing; with `strict` it raises PluginLoadError.
    `found` takes the place of the installed entry points.
    """
    points = importlib.metadata.entry_points(group=ENTRY_POINT_GROUP) if found is None else found
    shelf = _Shelf()
    for point in sorted(points, key=lambda point: (point.name, point.value)):
        if point.name in disabled or (enabled is not None and point.name not in enabled):
            continue
        loaded = _load(shelf, point)
        if strict and loaded.error:
            raise PluginLoadError(f"The plugin {loaded.name} of {loaded.distribution} is broken: {loaded.error}")
        shelf.plugins.append(loaded)
    return Registry(
        evaluators=shelf.evaluators,
        exporters=shelf.exporters,
        importers=shelf.importers,
        plugins=tuple(shelf.plugins),
        listeners={name: _listener(shelf.manager, plugin) for name, plugin in shelf.listening.items()},
    )


def _load(shelf: _Shelf, point: importlib.metadata.EntryPoint) -> LoadedPlugin:
    describe = partial(
        LoadedPlugin,
        name=point.name,
        distribution=point.dist.name if point.dist else "unknown",
        version=point.dist.version if point.dist else "unknown",
    )
    taken = any(other.name == point.name for other in shelf.plugins)
    if taken:
        return describe(error="Another installed plugin has the same name: uninstall or disable one of them.")
    registered = None
    try:
        plugin = point.load()
        shelf.manager.register(plugin, point.name)
        registered = plugin
        shelf.manager.check_pending()
        offers = offers_of(shelf.manager, plugin, point.name)
    except (Exception, SystemExit) as failure:  # noqa: BLE001 - a module may even call sys.exit() when imported
        if registered is not None:
            shelf.manager.unregister(registered)
        _log.warning("plugin %s (%s) could not be loaded", point.name, point.value, exc_info=True)
        return describe(error=_explained(failure))
    shelf.put(point.name, plugin, offers)
    return describe(offers=offers.keys)


def _listener(manager: pluggy.PluginManager, plugin: object) -> "_Listener":
    return _Listener(hook_of(manager, plugin, "run_finished"))


@dataclass(frozen=True)
class _Listener:
    """One plugin's run_finished hook."""

    hook: pluggy.HookCaller

    def __call__(self, summary: RunSummary) -> None:
        self.hook(summary=summary)


def _explained(failure: BaseException) -> str:
    """What a page may say: our own and pluggy's sentences, of anything else the class alone; the log has the rest."""
    if isinstance(failure, OfferError):
        return str(failure)
    if isinstance(failure, pluggy.PluginValidationError):
        return "It implements a hook wrongly: " + " ".join(str(failure).split())
    if isinstance(failure, ModuleNotFoundError) and failure.name:
        return f"It needs the module {failure.name}, which is not installed."
    if isinstance(failure, AttributeError) and failure.obj is not None and failure.name:
        return f"{type(failure).__name__} while loading: there is no {failure.name}. The log has the details."
    return f"{type(failure).__name__} while loading. The log has the details."
