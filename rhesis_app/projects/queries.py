"""What is asked of projects."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from rhesis_app.kernel.errors import NotFound
from rhesis_app.kernel.etags import etag
from rhesis_app.kernel.paging import By, Page, PageRequest, keyset, page_of
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.models import Project
from rhesis_app.web.shell import ProjectLink


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectView:
    """A project as pages and the API show it."""

    id: UUID
    name: str
    slug: str
    description: str
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectChoice:
    """A project to choose in a form."""

    id: UUID
    name: str


def list_projects(scope: Scope, request: PageRequest) -> Page[ProjectView]:
    """The projects the actor may read, newest first, without archived ones."""
    query = scope.select(Project).where(Project.archived_at.is_(None))
    rows = scope.session.scalars(keyset(query, [By(Project.id, descending=True)], request)).all()
    return page_of(rows, request, key=lambda row: (row.id,), view=view_project)


def get_project(scope: Scope, project_id: UUID) -> ProjectView:
    """One project, archived or not; NotFound for strangers."""
    return view_project(scope.get(Project, project_id))


def project_by_slug(scope: Scope, slug: str) -> ProjectView:
    """The project behind `/p/<slug>`; NotFound when there is none here."""
    row = scope.session.scalars(
        scope.select(Project).where(Project.slug == slug, Project.archived_at.is_(None))
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such project here. It may have been archived, or belong to another organization.")
    scope.require(Permission.PROJECT_READ, project=row.id)
    return view_project(row)


def list_project_links(scope: Scope) -> tuple[ProjectLink, ...]:
    """Name and slug of the projects for the switcher, by name, at most 50."""
    query = (
        scope.select(Project.name, Project.slug).where(Project.archived_at.is_(None)).order_by(Project.name).limit(50)
    )
    return tuple(ProjectLink(name=name, slug=slug) for name, slug in scope.session.execute(query))


def list_project_choices(scope: Scope) -> tuple[ProjectChoice, ...]:
    """The projects to choose from, by name, at most 200."""
    query = (
        scope.select(Project.id, Project.name).where(Project.archived_at.is_(None)).order_by(Project.name).limit(200)
    )
    return tuple(ProjectChoice(id=project_id, name=name) for project_id, name in scope.session.execute(query))


def view_project(row: Project) -> ProjectView:
    """The row as it is shown."""
    return ProjectView(
        id=row.id,
        name=row.name,
        slug=row.slug,
        description=row.description,
        created_at=row.created_at,
        updated_at=row.updated_at,
        archived_at=row.archived_at,
        etag=etag(row.id, row.updated_at),
    )
