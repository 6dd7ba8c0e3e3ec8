"""What is asked of tenancy."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select

from rhesis_app.kernel.permissions import BUILT_IN_ROLES, Permission, known_permissions
from rhesis_app.kernel.registry import LoadedPlugin, Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.models import User


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


def role_permissions(name: str, builtin: bool, stored: Sequence[str]) -> frozenset[Permission]:  # noqa: FBT001 a row's three columns
    """What a role may do: a built-in one by code, a custom one by its row."""
    return BUILT_IN_ROLES.get(name, frozenset()) if builtin else known_permissions(list(stored))


def permissions_in_projects(rows: Sequence[Mapping[str, Any]]) -> dict[UUID, frozenset[Permission]]:
    """Project → what the actor's roles there add."""
    return {UUID(row["project"]): role_permissions(row["role"], row["builtin"], row["permissions"]) for row in rows}


def user_names(scope: Scope, user_ids: Iterable[UUID]) -> dict[UUID, str]:
    """The names of these people, as far as the actor shares an organization with them."""
    wanted = set(user_ids)
    if not wanted:
        return {}
    rows = scope.session.execute(select(User.id, User.name).where(User.id.in_(wanted)))
    return {row.id: row.name for row in rows}


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
