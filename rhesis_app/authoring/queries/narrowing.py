"""Narrowing a list to the projects that it is about."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select

from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope


def in_projects(
    scope: Scope, query: Select[Any], column: Any, permission: Permission, project_id: UUID | None
) -> Select[Any]:
    """`query` for one project, or for all where the actor holds `permission`; `column` is its rows' project_id.

    Raises Forbidden or NotFound when the actor may not read that project.
    """
    if project_id is not None:
        scope.require(permission, project=project_id)
        return query.where(column == project_id)
    if scope.may(permission):
        return query
    held = [project for project, granted in scope.actor.project_permissions.items() if permission in granted]
    return query.where(column.in_(held))


def total_of(query: Select[Any]) -> Select[Any]:
    """How many rows `query`, not yet cut to a page, would give."""
    return query.with_only_columns(func.count(), maintain_column_froms=True)


COUNTED_TO = 10_000
"""How far a page counts: past that, “more than” says as much, and a list of a million costs what one of ten thousand does."""


def total_to(query: Select[Any], column: Any) -> Select[Any]:
    """As `total_of`, but no further than to one more than `COUNTED_TO`; `column` is one of the rows that are counted."""
    some = query.with_only_columns(column, maintain_column_froms=True).order_by(None).limit(COUNTED_TO + 1)
    return select(func.count()).select_from(some.subquery())
