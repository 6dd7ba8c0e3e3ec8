"""What changes projects."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from rhesis_app.kernel.errors import Conflict, Forbidden, Invalid
from rhesis_app.kernel.etags import require_match
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.models import Project
from rhesis_app.projects.queries import ProjectView, view_project
from rhesis_app.projects.rules import check_name
from rhesis_app.tenancy.rules import slug_of

TAKEN = "There is a project of this name already. Choose another."


def create_project(scope: Scope, name: str, *, description: str = "", is_demo: bool = False) -> ProjectView:
    """Make a project. Raises Invalid for a bad name, Conflict for a taken one, Forbidden for a token of one project."""
    scope.require(Permission.PROJECT_WRITE)
    if scope.actor.only_project is not None:
        raise Forbidden("A token of one project makes no others. Use one without a project.")
    trimmed = check_name(name)
    _check_description(description)
    row = Project(id=new_id(), name=trimmed, description=description, is_demo=is_demo)
    try:
        with scope.atomic() as session:
            row.slug = _free_slug(scope, trimmed)
            session.add(row)
            session.flush()
            scope.record("project.create", "project", row.id, name=trimmed)
    except IntegrityError as error:
        raise Conflict(TAKEN, errors={"name": [TAKEN]}) from error
    return view_project(row)


def update_project(
    scope: Scope,
    project_id: UUID,
    *,
    name: str | None = None,
    description: str | None = None,
    if_match: str | None = None,
) -> ProjectView:
    """Rename or describe a project; its address stays. Raises Invalid, Conflict, PreconditionFailed."""
    scope.require(Permission.PROJECT_WRITE, project=project_id)
    try:
        with scope.atomic() as session:
            row = scope.get(Project, project_id, lock=True)
            require_match(if_match, row.id, row.updated_at)
            if name is not None:
                row.name = check_name(name)
            if description is not None:
                _check_description(description)
                row.description = description
            session.flush()
            session.refresh(row)
            scope.record("project.update", "project", row.id)
    except IntegrityError as error:
        raise Conflict(TAKEN, errors={"name": [TAKEN]}) from error
    return view_project(row)


def archive_project(scope: Scope, project_id: UUID) -> ProjectView:
    """Put a project aside; its runs and results stay. Doing it twice changes nothing."""
    scope.require(Permission.PROJECT_DELETE, project=project_id)
    with scope.atomic() as session:
        row = scope.get(Project, project_id, lock=True)
        if row.archived_at is None:
            row.archived_at = session.scalar(select(func.now()))
            session.flush()
            session.refresh(row)
            scope.record("project.archive", "project", row.id)
    return view_project(row)


def restore_project(scope: Scope, project_id: UUID) -> ProjectView:
    """Bring an archived project back. Raises Conflict when its name is taken by now."""
    scope.require(Permission.PROJECT_DELETE, project=project_id)
    try:
        with scope.atomic() as session:
            row = scope.get(Project, project_id, lock=True)
            row.archived_at = None
            session.flush()
            session.refresh(row)
            scope.record("project.restore", "project", row.id)
    except IntegrityError as error:
        raise Conflict(TAKEN) from error
    return view_project(row)


def _free_slug(scope: Scope, name: str) -> str:
    """The name as an address, with a number when another project, archived or not, has it."""
    wanted = slug_of(name, otherwise="project")
    query = select(Project.slug).where(
        Project.organization_id == scope.organization_id, Project.slug.startswith(wanted, autoescape=True)
    )
    taken = set(scope.session.scalars(query))
    return next(
        slug
        for number in range(1, len(taken) + 2)
        if (slug := wanted if number == 1 else f"{wanted}-{number}") not in taken
    )


def _check_description(description: str) -> None:
    if len(description) > 2000:
        raise Invalid.field("description", "Use at most 2,000 characters.")
