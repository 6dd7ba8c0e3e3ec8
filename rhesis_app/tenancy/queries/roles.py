"""Roles and names: what other contexts ask of tenancy."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from rhesis_app.kernel.permissions import BUILT_IN_ROLES, Permission, known_permissions
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.models import User


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
