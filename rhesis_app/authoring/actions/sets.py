"""What changes test sets themselves; `set_items` changes what is in them."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, func

from rhesis_app.authoring.actions.conflicts import unique_name
from rhesis_app.authoring.actions.freeze import FrozenTestSet, freeze_held, freeze_test_set
from rhesis_app.authoring.actions.prompt_sources import take_from_prompts
from rhesis_app.authoring.actions.rows import write_tests
from rhesis_app.authoring.models import Metric, TestSet, TestSetMetric
from rhesis_app.authoring.queries.sets import TestSetVersionView, TestSetView, get_test_set, get_version
from rhesis_app.authoring.rules.names import check_description, check_name
from rhesis_app.authoring.rules.tests import TestContent, check_contents
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.etags import require_match
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.queries import get_project

TAKEN = "There is a test set of this name in the project already. Choose another."
_NAME_IS_UNIQUE = "uq_test_set_name"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTestSet:
    """A test set to make, with new tests in their order and the metrics that judge it."""

    project_id: UUID
    name: str
    description: str = ""
    tests: tuple[TestContent, ...] = ()
    metric_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSetChanges:
    """What changes of a test set; None leaves it as it is."""

    __test__ = False

    name: str | None = None
    description: str | None = None
    metric_ids: tuple[UUID, ...] | None = None


def create_test_set(scope: Scope, new: NewTestSet) -> TestSetView:
    """Make a test set; with tests, its version 1 is saved at once.

    Raises Invalid at a field (`tests.3.prompt`), NotFound for the project, Conflict for a taken name.
    """
    scope.require(Permission.TEST_SET_WRITE, project=new.project_id)
    project_id = get_project(scope, new.project_id).id
    contents = check_contents(take_from_prompts(scope, project_id, new.tests, at="tests."))
    row = TestSet(
        id=new_id(),
        project_id=project_id,
        name=check_name(new.name, what="test set"),
        description=check_description(new.description),
    )
    with unique_name(_NAME_IS_UNIQUE, TAKEN), scope.atomic() as session:
        session.add(row)
        session.flush()
        if new.metric_ids:
            _attach(scope, row, new.metric_ids)
        if contents:
            scope.require(Permission.TEST_WRITE, project=new.project_id)
            write_tests(scope, row.project_id, contents, test_set_id=row.id)
            freeze_held(scope, row.id)
        scope.record("test_set.create", "test_set", row.id, name=row.name, tests=len(contents))
        return get_test_set(scope, row.id)


def update_test_set(
    scope: Scope, test_set_id: UUID, changes: TestSetChanges, *, if_match: str | None = None
) -> TestSetView:
    """Change a test set. Raises Invalid at a field, NotFound, Conflict for a taken name, PreconditionFailed."""
    with unique_name(_NAME_IS_UNIQUE, TAKEN), scope.atomic() as session:
        row = held_test_set(scope, test_set_id, Permission.TEST_SET_WRITE)
        require_match(if_match, row.id, row.updated_at)
        if changes.name is not None:
            row.name = check_name(changes.name, what="test set")
        if changes.description is not None:
            row.description = check_description(changes.description)
        if changes.metric_ids is not None:
            _attach(scope, row, changes.metric_ids)
            row.updated_at = func.now()  # the links are part of what the ETag stands for
        session.flush()
        scope.record("test_set.update", "test_set", row.id)
        return get_test_set(scope, row.id)


def archive_test_set(scope: Scope, test_set_id: UUID) -> TestSetView:
    """Put a test set aside; its tests, versions and runs stay. Doing it twice changes nothing."""
    with scope.atomic() as session:
        row = held_test_set(scope, test_set_id, Permission.TEST_SET_DELETE)
        if row.archived_at is None:
            row.archived_at = func.now()
            session.flush()
            scope.record("test_set.archive", "test_set", row.id, name=row.name)
        return get_test_set(scope, row.id)


def restore_test_set(scope: Scope, test_set_id: UUID) -> TestSetView:
    """Bring an archived test set back. Raises Conflict when its name is taken by now."""
    with unique_name(_NAME_IS_UNIQUE, TAKEN), scope.atomic() as session:
        row = held_test_set(scope, test_set_id, Permission.TEST_SET_DELETE)
        if row.archived_at is not None:
            row.archived_at = None
            session.flush()
            scope.record("test_set.restore", "test_set", row.id, name=row.name)
        return get_test_set(scope, row.id)


def save_version(scope: Scope, test_set_id: UUID) -> TestSetVersionView:
    """Save the tests as they are now as a version; unchanged content gives the version that holds it already.

    Raises Invalid when the set has no tests.
    """
    with scope.atomic():
        row = held_test_set(scope, test_set_id, Permission.TEST_SET_WRITE)
        frozen: FrozenTestSet = freeze_test_set(scope, row.id)
        scope.record("test_set.freeze", "test_set", row.id, version=frozen.number)
        return get_version(scope, row.id, frozen.number)


def held_test_set(scope: Scope, test_set_id: UUID, permission: Permission) -> TestSet:
    """The row, locked until the transaction ends, when the actor may change it."""
    row = scope.get(TestSet, test_set_id, lock=True)
    scope.require(permission, project=row.project_id)
    return row


def _attach(scope: Scope, row: TestSet, metric_ids: Collection[UUID]) -> None:
    """Make `metric_ids` the set's live metrics; links to archived ones stay, so that they can come back."""
    wanted = set(metric_ids)
    link = TestSetMetric
    mine = (link.organization_id == scope.organization_id, link.test_set_id == row.id)
    live = (Metric.project_id == row.project_id, Metric.archived_at.is_(None))
    query = scope.select(Metric.id).where(*live, Metric.id.in_(wanted))
    unknown = wanted - set(scope.session.scalars(query)) if wanted else set()
    if unknown:
        sentence = f"The project has no such metric: {', '.join(sorted(map(str, unknown))[:3])}."
        raise Invalid.field("metric_ids", f"{sentence} List its metrics with GET /api/v1/metrics.")
    attached = set(scope.session.scalars(scope.select(link.metric_id).where(*mine)))
    gone = attached - wanted
    if gone:
        archived = scope.select(Metric.id).where(Metric.id.in_(gone), Metric.archived_at.is_not(None))
        gone -= set(scope.session.scalars(archived))
        scope.session.execute(delete(link).where(*mine, link.metric_id.in_(gone)))
    scope.session.add_all(link(test_set_id=row.id, metric_id=metric_id) for metric_id in sorted(wanted - attached))
    scope.session.flush()
