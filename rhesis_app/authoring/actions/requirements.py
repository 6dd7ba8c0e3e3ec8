"""What changes requirements."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import and_, delete, func, or_
from sqlalchemy.dialects.postgresql import insert

from rhesis_app.authoring.actions.conflicts import unique_name
from rhesis_app.authoring.models import Metric, Requirement, RequirementMetric
from rhesis_app.authoring.queries.requirements import RequirementView, get_requirement
from rhesis_app.authoring.rules.names import check_description, check_name
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.etags import require_match
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.queries import get_project

TAKEN = "There is a requirement of this name in the project already. Choose another."
_NAME_IS_UNIQUE = "uq_requirement_name"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRequirement:
    """A requirement to make, with the metrics that judge it."""

    project_id: UUID
    name: str
    description: str = ""
    metric_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementChanges:
    """What changes of a requirement; None leaves it as it is."""

    name: str | None = None
    description: str | None = None
    metric_ids: tuple[UUID, ...] | None = None


def create_requirement(scope: Scope, new: NewRequirement) -> RequirementView:
    """Make a requirement. Raises Invalid at a field, NotFound for the project, Conflict for a taken name."""
    scope.require(Permission.REQUIREMENT_WRITE, project=new.project_id)
    row = Requirement(
        id=new_id(),
        project_id=get_project(scope, new.project_id).id,
        name=check_name(new.name, what="requirement"),
        description=check_description(new.description),
    )
    with unique_name(_NAME_IS_UNIQUE, TAKEN), scope.atomic() as session:
        session.add(row)
        session.flush()
        _attach(scope, row, new.metric_ids)
        scope.record("requirement.create", "requirement", row.id, name=row.name)
        return get_requirement(scope, row.id)


def update_requirement(
    scope: Scope, requirement_id: UUID, changes: RequirementChanges, *, if_match: str | None = None
) -> RequirementView:
    """Change a requirement. Raises Invalid at a field, Conflict for a taken name, PreconditionFailed."""
    with unique_name(_NAME_IS_UNIQUE, TAKEN), scope.atomic() as session:
        row = _held(scope, requirement_id, Permission.REQUIREMENT_WRITE)
        require_match(if_match, row.id, row.updated_at)
        if changes.name is not None:
            row.name = check_name(changes.name, what="requirement")
        if changes.description is not None:
            row.description = check_description(changes.description)
        if changes.metric_ids is not None:
            _attach(scope, row, changes.metric_ids)
            row.updated_at = func.now()  # the links are part of what the ETag stands for
        session.flush()
        scope.record("requirement.update", "requirement", row.id)
        return get_requirement(scope, row.id)


def archive_requirement(scope: Scope, requirement_id: UUID) -> RequirementView:
    """Put a requirement aside; its tests and results keep it. Doing it twice changes nothing."""
    with scope.atomic() as session:
        row = _held(scope, requirement_id, Permission.REQUIREMENT_DELETE)
        if row.archived_at is None:
            row.archived_at = func.now()
            session.flush()
            scope.record("requirement.archive", "requirement", row.id, name=row.name)
        return get_requirement(scope, row.id)


def restore_requirement(scope: Scope, requirement_id: UUID) -> RequirementView:
    """Bring an archived requirement back. Raises Conflict when its name is taken by now."""
    with unique_name(_NAME_IS_UNIQUE, TAKEN), scope.atomic() as session:
        row = _held(scope, requirement_id, Permission.REQUIREMENT_DELETE)
        if row.archived_at is not None:
            row.archived_at = None
            session.flush()
            scope.record("requirement.restore", "requirement", row.id, name=row.name)
        return get_requirement(scope, row.id)


def ensure_requirements(scope: Scope, project_id: UUID, names: Collection[str]) -> dict[str, UUID]:
    """The live requirement of each name as given, made when missing: three statements for any number of names.

    Who may write tests may name what they are about, so this asks for `test:write`. Raises Invalid at `requirement`.
    """
    scope.require(Permission.TEST_WRITE, project=project_id)
    trimmed = {name: check_name(name, what="requirement", field="requirement") for name in names}
    with scope.atomic() as session:
        known = _ids_by_name(scope, project_id, set(trimmed.values()))
        missing = sorted(set(trimmed.values()) - known.keys())
        if missing:
            # another transaction may make the same name meanwhile: this one waits for it, and reads its row below
            statement = insert(Requirement).on_conflict_do_nothing(
                index_elements=["organization_id", "project_id", "name"], index_where=Requirement.archived_at.is_(None)
            )
            keys = {"organization_id": scope.organization_id, "project_id": project_id}
            ids = {name: new_id() for name in missing}
            session.execute(statement, [{**keys, "id": ids[name], "name": name} for name in missing])
            found = _ids_by_name(scope, project_id, missing)
            for name in (name for name in missing if found[name] == ids[name]):
                scope.record("requirement.create", "requirement", ids[name], name=name)
            known |= found
    return {name: known[wanted] for name, wanted in trimmed.items()}


def _ids_by_name(scope: Scope, project_id: UUID, names: Collection[str]) -> dict[str, UUID]:
    query = scope.select(Requirement.name, Requirement.id).where(
        Requirement.project_id == project_id, Requirement.archived_at.is_(None), Requirement.name.in_(names)
    )
    return dict(scope.session.execute(query).all()) if names else {}


def _held(scope: Scope, requirement_id: UUID, permission: Permission) -> Requirement:
    """The row, locked until the transaction ends, when the actor may change it."""
    row = scope.get(Requirement, requirement_id, lock=True)
    scope.require(permission, project=row.project_id)
    return row


def _attach(scope: Scope, row: Requirement, metric_ids: Collection[UUID]) -> None:
    """Make `metric_ids` the requirement's live metrics; links to archived ones stay, so that they can come back."""
    wanted, link = set(metric_ids), RequirementMetric
    mine = (link.organization_id == scope.organization_id, link.requirement_id == row.id)
    query = (
        scope.select(Metric.id, link.metric_id.is_not(None))
        .outerjoin(link, and_(*mine, link.metric_id == Metric.id))
        .where(Metric.project_id == row.project_id, Metric.archived_at.is_(None))
        .where(or_(Metric.id.in_(wanted), link.metric_id.is_not(None)))
    )
    live: dict[UUID, bool] = dict(scope.session.execute(query).all())
    unknown = sorted(str(metric_id) for metric_id in wanted - live.keys())
    if unknown:
        sentence = (
            f"The project has no such metric: {', '.join(unknown[:3])}. List its metrics with GET /api/v1/metrics."
        )
        raise Invalid.field("metric_ids", sentence)
    attached = {metric_id for metric_id, is_attached in live.items() if is_attached}
    if attached - wanted:
        scope.session.execute(delete(link).where(*mine, link.metric_id.in_(attached - wanted)))
    scope.session.add_all(link(requirement_id=row.id, metric_id=metric_id) for metric_id in sorted(wanted - attached))
