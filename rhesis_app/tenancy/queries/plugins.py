"""The plugins of this instance."""

from dataclasses import dataclass
from typing import Literal

from rhesis_app.kernel.registry import LoadedPlugin, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferView:
    """One thing that a plugin brought."""

    kind: Literal["evaluator", "exporter", "importer"]
    key: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginView:
    """An installed plugin; with an `error` it offers nothing. `listens` says that it hears of finished runs."""

    name: str
    distribution: str
    version: str
    error: str | None
    listens: bool
    offers: tuple[OfferView, ...]


def list_plugins(registry: Registry) -> tuple[PluginView, ...]:
    """The plugins of this instance by name, broken ones with what is wrong."""
    return tuple(_plugin(registry, plugin) for plugin in registry.plugins)


def _plugin(registry: Registry, plugin: LoadedPlugin) -> PluginView:
    kinds = (("evaluator", registry.evaluators), ("exporter", registry.exporters), ("importer", registry.importers))
    offers = tuple(
        OfferView(kind=kind, key=key, title=specs[key].title)  # type: ignore[arg-type]
        for kind, specs in kinds
        for key in dict.fromkeys(plugin.offers)
        if key in specs
    )
    return PluginView(
        name=plugin.name,
        distribution=plugin.distribution,
        version=plugin.version,
        error=plugin.error,
        listens=plugin.name in registry.listeners,
        offers=offers,
    )
