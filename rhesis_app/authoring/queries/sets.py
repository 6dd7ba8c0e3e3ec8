"""What is asked of test sets."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from rhesis_app.authoring.models import (
    Metric,
    Requirement,
    Test,
    TestSet,
    TestSetItem,
    TestSetMetric,
    TestSetVersion,
)
from rhesis_app.authoring.queries.narrowing import in_projects, total_of
from rhesis_app.authoring.queries.requirements import AttachedMetric
from rhesis_app.authoring.rules.names import search_text
from rhesis_app.kernel.errors import NotFound
from rhesis_app.kernel.etags import etag
from rhesis_app.kernel.paging import By, Page, PageRequest, keyset, page_of
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSetView:
    """A test set: how many live tests it has, its newest version's number (none before the first), its live metrics by name."""

    __test__ = False

    id: UUID
    project_id: UUID
    name: str
    description: str
    test_count: int
    version: int | None
    metric_ids: tuple[UUID, ...]
    metrics: tuple[AttachedMetric, ...]
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSetVersionView:
    """A frozen version of a test set."""

    __test__ = False

    id: UUID
    test_set_id: UUID
    number: int
    test_count: int
    content_hash: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSetFilter:
    """Which test sets to list: of one project, with `q` in the name, live or archived ones."""

    __test__ = False

    project_id: UUID | None = None
    q: str = ""
    archived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How many live tests of a set are about a requirement; without one, `id` is none."""

    id: UUID | None
    name: str | None
    test_count: int


def list_test_sets(scope: Scope, request: PageRequest, chosen: TestSetFilter) -> Page[TestSetView]:
    """Test sets by name."""
    query = in_projects(scope, _rows(scope), TestSet.project_id, Permission.TEST_SET_READ, chosen.project_id)
    query = query.where(TestSet.archived_at.is_not(None) if chosen.archived else TestSet.archived_at.is_(None))
    if words := search_text(chosen.q):
        query = query.where(TestSet.name.icontains(words, autoescape=True))
    rows = scope.session.execute(keyset(query, [By(TestSet.name), By(TestSet.id)], request)).all()
    total = scope.session.scalar(total_of(query)) if request.count else None
    return page_of(
        rows, request, key=lambda found: (found[0].name, found[0].id), view=lambda found: _view(*found), total=total
    )


def get_test_set(scope: Scope, test_set_id: UUID) -> TestSetView:
    """One test set, archived or not; NotFound for strangers."""
    query = _rows(scope).where(TestSet.id == test_set_id).execution_options(populate_existing=True)
    found = scope.session.execute(query).one_or_none()
    if found is None:
        raise NotFound("There is no such test set here.")
    scope.require(Permission.TEST_SET_READ, project=found[0].project_id)
    return _view(*found)


def list_versions(scope: Scope, test_set_id: UUID, request: PageRequest) -> Page[TestSetVersionView]:
    """The versions of a test set, newest first. Raises NotFound when there is no such set."""
    get_test_set(scope, test_set_id)
    return versions_of(scope, test_set_id, request)


def versions_of(scope: Scope, test_set_id: UUID, request: PageRequest) -> Page[TestSetVersionView]:
    """As `list_versions`, for a test set that was read a moment ago."""
    query = scope.select(TestSetVersion).where(TestSetVersion.test_set_id == test_set_id)
    rows = scope.session.scalars(keyset(query, [By(TestSetVersion.number, descending=True)], request)).all()
    total = scope.session.scalar(total_of(query)) if request.count else None
    return page_of(rows, request, key=lambda row: (row.number,), view=view_version, total=total)


def get_version(scope: Scope, test_set_id: UUID, number: int) -> TestSetVersionView:
    """One version by its number; NotFound when there is none."""
    query = scope.select(TestSetVersion).where(
        TestSetVersion.test_set_id == test_set_id, TestSetVersion.number == number
    )
    row = scope.session.scalars(query).one_or_none()
    if row is None:
        raise NotFound("This test set has no version of that number.")
    return view_version(row)


def view_version(row: TestSetVersion) -> TestSetVersionView:
    """The row as it is shown."""
    return TestSetVersionView(
        id=row.id,
        test_set_id=row.test_set_id,
        number=row.number,
        test_count=row.test_count,
        content_hash=row.content_hash,
        created_at=row.created_at,
    )


def coverage_of(scope: Scope, test_set_id: UUID) -> tuple[Coverage, ...]:
    """The live tests of a set by requirement, the largest first, at most 50."""
    number = func.count()
    query = (
        scope.select(Test.requirement_id, Requirement.name, number)
        .select_from(Test)
        .join(TestSetItem, (TestSetItem.organization_id == Test.organization_id) & (TestSetItem.test_id == Test.id))
        .outerjoin(
            Requirement, (Requirement.organization_id == Test.organization_id) & (Requirement.id == Test.requirement_id)
        )
        .where(TestSetItem.test_set_id == test_set_id, Test.archived_at.is_(None))
        .group_by(Test.requirement_id, Requirement.name)
        .order_by(number.desc(), Requirement.name)
        .limit(50)
    )
    return tuple(Coverage(id=found, name=name, test_count=count) for found, name, count in scope.session.execute(query))


def _rows(scope: Scope) -> Select[Any]:
    return scope.select(TestSet, _test_count(), _latest(), _metrics())


def _test_count() -> ColumnElement[int]:
    live = and_(Test.organization_id == TestSetItem.organization_id, Test.id == TestSetItem.test_id)
    return (
        select(func.count())
        .select_from(TestSetItem)
        .join(Test, live)
        .where(TestSetItem.organization_id == TestSet.organization_id, TestSetItem.test_set_id == TestSet.id)
        .where(Test.archived_at.is_(None))
        .correlate(TestSet)
        .scalar_subquery()
    )


def _latest() -> ColumnElement[int | None]:
    return (
        select(func.max(TestSetVersion.number))
        .where(TestSetVersion.organization_id == TestSet.organization_id, TestSetVersion.test_set_id == TestSet.id)
        .correlate(TestSet)
        .scalar_subquery()
    )


def _metrics() -> ColumnElement[Any]:
    """The live metrics as a JSON array of [id, name]."""
    pair = func.jsonb_build_array(Metric.id, Metric.name)
    attached = and_(Metric.organization_id == TestSetMetric.organization_id, Metric.id == TestSetMetric.metric_id)
    return (
        select(func.jsonb_agg(aggregate_order_by(pair, Metric.name, Metric.id)))
        .select_from(TestSetMetric)
        .join(Metric, attached)
        .where(TestSetMetric.organization_id == TestSet.organization_id, TestSetMetric.test_set_id == TestSet.id)
        .where(Metric.archived_at.is_(None))
        .correlate(TestSet)
        .scalar_subquery()
    )


def _view(row: TestSet, test_count: int, version: int | None, pairs: list[list[str]] | None) -> TestSetView:
    metrics = tuple(AttachedMetric(id=UUID(metric_id), name=name) for metric_id, name in pairs or ())
    return TestSetView(
        id=row.id,
        project_id=row.project_id,
        name=row.name,
        description=row.description,
        test_count=test_count,
        version=version,
        metric_ids=tuple(metric.id for metric in metrics),
        metrics=metrics,
        created_at=row.created_at,
        updated_at=row.updated_at,
        archived_at=row.archived_at,
        etag=etag(row.id, row.updated_at),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSetChoice:
    """A test set to choose in a form."""

    __test__ = False

    id: UUID
    name: str


def list_test_set_choices(scope: Scope, project_id: UUID) -> tuple[TestSetChoice, ...]:
    """The live test sets of a project to choose from, by name, at most 200."""
    scope.require(Permission.TEST_SET_READ, project=project_id)
    query = (
        scope.select(TestSet.id, TestSet.name)
        .where(TestSet.project_id == project_id, TestSet.archived_at.is_(None))
        .order_by(TestSet.name, TestSet.id)
        .limit(200)
    )
    return tuple(TestSetChoice(id=found, name=name) for found, name in scope.session.execute(query))
