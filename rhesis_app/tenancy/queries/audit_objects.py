"""What entries of the audit log are about, as far as it is still there."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, Text, and_, func, union_all

from rhesis_app.infra.orm import Base
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.queries.audit import AuditView

# kind of object → the column by which people know it. Rows of other contexts are met by the names of their tables alone.
_KNOWN_BY: Final = {
    "endpoint": "name",
    "gate": "name",
    "metric": "name",
    "model": "name",
    "project": "name",
    "prompt": "name",
    "requirement": "name",
    "schedule": "name",
    "test": "prompt",
    "test_run": "number",
    "test_set": "name",
}
_LONGEST: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditObject:
    """A row that an entry is about: `name` as people know it, and the `slug` of its project."""

    name: str
    slug: str


def audit_objects(scope: Scope, entries: Iterable[AuditView]) -> dict[UUID, AuditObject]:
    """Id → object, for those that are there and in projects that the actor may read, in one statement."""
    wanted: dict[str, set[UUID]] = {}
    for entry in entries:
        if entry.object_id is not None and entry.object_type in _KNOWN_BY:
            wanted.setdefault(entry.object_type, set()).add(entry.object_id)
    if not wanted:
        return {}
    found = union_all(*(_of_kind(scope, kind, ids) for kind, ids in sorted(wanted.items())))
    return {row.id: AuditObject(name=row.name, slug=row.slug) for row in scope.session.execute(found)}


def _of_kind(scope: Scope, kind: str, ids: set[UUID]) -> Select[Any]:
    row, project = _rows()[kind], _rows()["project"]
    name = func.left(getattr(row, _KNOWN_BY[kind]).cast(Text), _LONGEST).label("name")
    query = scope.select(row.id, name, project.slug).where(row.id.in_(ids))
    if row is project:
        return query
    return query.join(project, and_(project.organization_id == row.organization_id, project.id == row.project_id))


@cache
def _rows() -> dict[str, Any]:
    return {mapper.local_table.name: mapper.class_ for mapper in Base.registry.mappers}  # type: ignore[attr-defined]
