"""Narrowing a list to the projects that it is about."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, func

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
