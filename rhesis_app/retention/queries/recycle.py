"""What was put aside and can be brought back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Uuid, and_, cast, func, literal, select, union_all
from sqlalchemy.dialects.postgresql import array

from rhesis_app.authoring.models import TestEdit
from rhesis_app.authoring.queries.narrowing import in_projects, total_of
from rhesis_app.kernel.paging import By, Page, PageRequest, keyset, page_of
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.models import Project
from rhesis_app.retention.rules.assets import KINDS, SHOWN, AssetKind, Kind
from rhesis_app.tenancy.models import AuditEntry
from rhesis_app.tenancy.queries.roles import user_names


@dataclass(frozen=True, slots=True, kw_only=True)
class Archiver:
    """Who put something aside."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedAsset:
    """Something that was put aside: an endpoint by name and URL, a test by what it asks and expects, and so on.

    `archived_by` is none where background work did it, and where the audit log's entry is gone.
    """

    id: UUID
    kind: Kind
    name: str
    about: str
    project_id: UUID
    project_name: str
    archived_at: datetime
    archived_by: Archiver | None
    can_restore: bool

    @property
    def title(self) -> str:
        """Its kind in words."""
        return KINDS[self.kind].title


@dataclass(frozen=True, slots=True, kw_only=True)
class RecycleFilter:
    """Which assets to list."""

    kind: Kind | None = None
    project_id: UUID | None = None


def list_archived(scope: Scope, request: PageRequest, chosen: RecycleFilter) -> Page[ArchivedAsset]:
    """What was put aside, the latest first, of the kinds that the actor may read.

    What belongs to an archived project is listed once that is back. Raises NotFound or Forbidden for a project.
    """
    project_id = chosen.project_id
    if project_id is not None:
        scope.require(Permission.PROJECT_READ, project=project_id)
    there = [key for key, kind in KINDS.items() if project_id is None or scope.may(kind.read, project=project_id)]
    kinds = there if chosen.kind is None else [chosen.kind]
    found = union_all(*(_archived(scope, key, KINDS[key], project_id) for key in kinds)).subquery("found")
    query = select(*found.c, _archiver(scope, found).label("archived_by"))
    total = scope.session.scalar(total_of(query)) if request.count else None
    by = [By(found.c.archived_at, descending=True), By(found.c.id, descending=True)]
    rows = scope.session.execute(keyset(query, by, request)).all()
    people = user_names(scope, (row.archived_by for row in rows if row.archived_by))
    return page_of(
        rows,
        request,
        key=lambda row: (row.archived_at, row.id),
        view=lambda row: _asset(scope, row, people),
        total=total,
    )


def _archived(scope: Scope, key: str, kind: AssetKind, project_id: UUID | None) -> Select[Any]:
    row = kind.row
    query = scope.select(
        row.id,
        literal(key).label("kind"),
        func.left(kind.name, SHOWN).label("name"),
        func.left(kind.about, SHOWN).label("about"),
        kind.project_id.label("project_id"),
        Project.name.label("project_name"),
        row.archived_at,
    ).where(row.archived_at.is_not(None))
    if row is not Project:
        query = query.join(
            Project, and_(Project.organization_id == row.organization_id, Project.id == row.project_id)
        ).where(Project.archived_at.is_(None))
    return in_projects(scope, query, kind.project_id, kind.read, project_id)


def _archiver(scope: Scope, found: Any) -> ColumnElement[UUID | None]:
    """Who did it: what is written in one transaction carries one time. A change of many tests has an entry of its own."""
    entry = scope.select(AuditEntry.user_id).where(
        AuditEntry.object_id == found.c.id, AuditEntry.at == found.c.archived_at
    )
    edit = scope.select(TestEdit.author_id).where(
        found.c.kind == "test",
        TestEdit.finished_at == found.c.archived_at,
        TestEdit.test_ids.contains(cast(array([found.c.id]), ARRAY(Uuid()))),
    )
    return func.coalesce(entry.limit(1).scalar_subquery(), edit.limit(1).scalar_subquery())


def _asset(scope: Scope, row: Any, people: dict[UUID, str]) -> ArchivedAsset:
    kind = KINDS[row.kind]
    who = row.archived_by
    return ArchivedAsset(
        id=row.id,
        kind=row.kind,
        name=row.name,
        about=row.about,
        project_id=row.project_id,
        project_name=row.project_name,
        archived_at=row.archived_at,
        archived_by=Archiver(id=who, name=people[who]) if who in people else None,
        can_restore=all(scope.may(needed, project=row.project_id) for needed in (kind.read, kind.change)),
    )


def readable_kinds(scope: Scope) -> Sequence[Kind]:
    """The kinds that the actor may read somewhere, in the order of their titles."""
    readable = [
        key
        for key, kind in KINDS.items()
        if scope.may(kind.read) or any(kind.read in held for held in scope.actor.project_permissions.values())
    ]
    return sorted(readable, key=lambda key: KINDS[key].title)
