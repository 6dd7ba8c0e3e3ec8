"""What changes projects."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from rhesis_app.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from rhesis_app.kernel.etags import require_match
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import ORGANIZATION_ALONE, Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.models import Project, ProjectMember
from rhesis_app.projects.queries import ProjectMemberView, ProjectView, view_project, view_project_member
from rhesis_app.projects.rules import check_name
from rhesis_app.tenancy.actions.members import ABOVE, hold_places, named_role
from rhesis_app.tenancy.models import Role
from rhesis_app.tenancy.queries.members import roles_by_name
from rhesis_app.tenancy.queries.roles import role_permissions
from rhesis_app.tenancy.rules import slug_of

NO_MEMBER = "There is no such member here."
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


def add_member(scope: Scope, project_id: UUID, user_id: UUID, role: str) -> ProjectMemberView:
    """Give a member of the organization a role in a project, which adds to the one they have.

    Raises NotFound, Invalid for an unknown role, Forbidden for one above the actor's own in the project, Conflict for who has one.
    """
    with scope.atomic() as session:
        held = _hold_project(scope, project_id, user_id)
        if not held.belongs:
            raise NotFound(NO_MEMBER)
        if held.row is not None:
            raise Conflict("This person has a role in the project already. Change that one.")
        role_id = _grantable_role(scope, role, held.mine)
        session.add(ProjectMember(id=new_id(), project_id=project_id, user_id=user_id, role_id=role_id))
        session.flush()
        scope.record("project.add_member", "project", project_id, user=str(user_id), role=role)
        return view_project_member(scope, project_id, user_id)


def change_member(scope: Scope, project_id: UUID, user_id: UUID, role: str) -> ProjectMemberView:
    """Give somebody another role in a project. Raises NotFound, Invalid, Forbidden."""
    with scope.atomic() as session:
        held = _hold_project(scope, project_id, user_id)
        held.below.role_id = _grantable_role(scope, role, held.mine)
        session.flush()
        scope.record("project.change_member", "project", project_id, user=str(user_id), role=role)
        return view_project_member(scope, project_id, user_id)


def remove_member(scope: Scope, project_id: UUID, user_id: UUID) -> None:
    """Take somebody's role in a project away; what their role in the organization allows stays. Raises NotFound, Forbidden."""
    with scope.atomic() as session:
        session.delete(_hold_project(scope, project_id, user_id).below)
        session.flush()
        scope.record("project.remove_member", "project", project_id, user=str(user_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """What the actor may do in a project by now, whether somebody belongs to the organization, and what their role there may."""

    mine: frozenset[Permission]
    belongs: bool
    row: ProjectMember | None
    may: frozenset[Permission]

    @property
    def below(self) -> ProjectMember:
        """The row, which is none of a role above the actor's own. Raises NotFound, Forbidden."""
        if self.row is None:
            raise NotFound(NO_MEMBER)
        if not self.may <= self.mine:
            raise Forbidden(ABOVE)
        return self.row


def _hold_project(scope: Scope, project_id: UUID, user_id: UUID) -> _Held:
    """Nobody's role changes until the transaction ends. Raises NotFound, and Forbidden for whoever manages no members there."""
    scope.get(Project, project_id)
    scope.require(Permission.MEMBER_MANAGE, project=project_id)
    across, places = hold_places(scope, (user_id,))
    query = (
        scope.select(ProjectMember, Role)
        .join(Role, (Role.organization_id == ProjectMember.organization_id) & (Role.id == ProjectMember.role_id))
        .where(ProjectMember.project_id == project_id, ProjectMember.user_id.in_([user_id, scope.actor.user_id]))
        .execution_options(populate_existing=True)
    )
    here = {
        row.user_id: (row, role_permissions(role.name, role.is_builtin, role.permissions) - ORGANIZATION_ALONE)
        for row, role in scope.session.execute(query)
    }
    nothing: tuple[None, frozenset[Permission]] = (None, frozenset())
    _, added = here.get(scope.actor.user_id, nothing)
    row, may = here.get(user_id, nothing)
    mine = across | (added & scope.actor.permissions_in(project_id))
    if Permission.MEMBER_MANAGE not in mine:
        raise Forbidden("You do not manage the members of this project any more.")
    return _Held(mine=mine, belongs=user_id in places, row=row, may=may)


def _grantable_role(scope: Scope, role: str, mine: frozenset[Permission]) -> UUID:
    role_id, may = named_role(roles_by_name(scope), role)
    if not may - ORGANIZATION_ALONE <= mine:
        raise Forbidden(ABOVE)
    return role_id


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
