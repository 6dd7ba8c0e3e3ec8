"""What is asked of projects."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func
from sqlalchemy.orm import aliased

from rhesis_app.kernel.errors import NotFound
from rhesis_app.kernel.etags import etag
from rhesis_app.kernel.paging import By, Page, PageRequest, keyset, page_of
from rhesis_app.kernel.permissions import ORGANIZATION_ALONE, Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.models import Project, ProjectMember
from rhesis_app.tenancy.models import Membership, Role, User
from rhesis_app.tenancy.queries.members import roles_by_name
from rhesis_app.tenancy.queries.roles import role_permissions
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectMemberView:
    """Somebody with a role in a project, which adds to their `organization_role`.

    `can_manage` says whether the actor may change it or take it away.
    """

    user_id: UUID
    name: str
    email: str
    role: str
    organization_role: str
    added_at: datetime
    is_me: bool
    can_manage: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberChoices:
    """Whom the actor may add to a project, as (id, words), and the roles they may give there, by name."""

    people: tuple[tuple[UUID, str], ...]
    roles: tuple[str, ...]


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


def list_project_members(scope: Scope, project_id: UUID, request: PageRequest) -> Page[ProjectMemberView]:
    """Who has a role in the project, in the order of their names."""
    scope.get(Project, project_id)
    scope.require(Permission.MEMBER_READ, project=project_id)
    query = _project_members(scope, project_id)
    total = scope.session.scalar(query.with_only_columns(func.count())) if request.count else None
    rows = scope.session.execute(keyset(query, [By(User.name), By(User.id)], request)).mappings().all()
    mine = scope.actor.permissions_in(project_id)
    return page_of(
        rows,
        request,
        key=lambda row: (row["name"], row["user_id"]),
        view=lambda row: _project_member(scope, row, mine),
        total=total,
    )


def view_project_member(scope: Scope, project_id: UUID, user_id: UUID) -> ProjectMemberView:
    """One of them; NotFound for everybody else."""
    scope.require(Permission.MEMBER_READ, project=project_id)
    query = _project_members(scope, project_id).where(User.id == user_id)
    row = scope.session.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFound("There is no such member here.")
    return _project_member(scope, row, scope.actor.permissions_in(project_id))


def member_choices(scope: Scope, project_id: UUID) -> MemberChoices:
    """What the form of a new member offers: people of the organization without a role in the project, at most 500."""
    scope.require(Permission.MEMBER_MANAGE, project=project_id)
    has_one = scope.select(ProjectMember.user_id).where(ProjectMember.project_id == project_id)
    query = (
        scope.select(Membership.user_id, User.name, User.email)
        .join(User, User.id == Membership.user_id)
        .where(Membership.left_at.is_(None), Membership.user_id.not_in(has_one))
        .order_by(User.name, User.id)
        .limit(500)
    )
    mine = scope.actor.permissions_in(project_id)
    return MemberChoices(
        people=tuple((row.user_id, f"{row.name}, {row.email}") for row in scope.session.execute(query)),
        roles=tuple(
            name for name, (_, may) in sorted(roles_by_name(scope).items()) if may - ORGANIZATION_ALONE <= mine
        ),
    )


def _project_members(scope: Scope, project_id: UUID) -> Select[Any]:
    across = aliased(Role)
    query = scope.select(
        ProjectMember.user_id,
        ProjectMember.created_at.label("added_at"),
        *(User.name, User.email, Role.name.label("role"), Role.is_builtin, Role.permissions),
        across.name.label("organization_role"),
    )
    organization_id = ProjectMember.organization_id
    return (
        query.join(User, User.id == ProjectMember.user_id)
        .join(Role, (Role.organization_id == organization_id) & (Role.id == ProjectMember.role_id))
        .join(
            Membership, (Membership.organization_id == organization_id) & (Membership.user_id == ProjectMember.user_id)
        )
        .join(across, (across.organization_id == organization_id) & (across.id == Membership.role_id))
        .where(ProjectMember.project_id == project_id, Membership.left_at.is_(None))
    )


def _project_member(scope: Scope, row: Mapping[Any, Any], mine: frozenset[Permission]) -> ProjectMemberView:
    may = role_permissions(row["role"], row["is_builtin"], row["permissions"]) - ORGANIZATION_ALONE
    return ProjectMemberView(
        user_id=row["user_id"],
        name=row["name"],
        email=row["email"],
        role=row["role"],
        organization_role=row["organization_role"],
        added_at=row["added_at"],
        is_me=row["user_id"] == scope.actor.user_id,
        can_manage=Permission.MEMBER_MANAGE in mine and may <= mine,
    )


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
