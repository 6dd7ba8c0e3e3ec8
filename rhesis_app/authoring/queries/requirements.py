"""What is asked of requirements."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select

from rhesis_app.authoring.models import Metric, Requirement, RequirementMetric, Test
from rhesis_app.authoring.queries.narrowing import in_projects, total_of
from rhesis_app.authoring.rules.names import search_text
from rhesis_app.kernel.errors import NotFound
from rhesis_app.kernel.etags import etag
from rhesis_app.kernel.paging import By, Page, PageRequest, keyset, page_of
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedMetric:
    """A metric where it is attached."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementView:
    """A requirement with the live metrics that judge it, by name, and how many live tests are about it."""

    id: UUID
    project_id: UUID
    name: str
    description: str
    metric_ids: tuple[UUID, ...]
    metrics: tuple[AttachedMetric, ...]
    test_count: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementFilter:
    """Which requirements to list: of one project, with `q` in the name, live or archived ones."""

    project_id: UUID | None = None
    q: str = ""
    archived: bool = False


def list_requirements(scope: Scope, request: PageRequest, chosen: RequirementFilter) -> Page[RequirementView]:
    """Requirements by name."""
    listed = Requirement
    query = in_projects(scope, _rows(scope), listed.project_id, Permission.REQUIREMENT_READ, chosen.project_id)
    query = query.where(listed.archived_at.is_not(None) if chosen.archived else listed.archived_at.is_(None))
    if words := search_text(chosen.q):
        query = query.where(listed.name.icontains(words, autoescape=True))
    rows = scope.session.execute(keyset(query, [By(listed.name), By(listed.id)], request)).all()
    total = scope.session.scalar(total_of(query)) if request.count else None
    metrics = attached_metrics(scope, [row.id for row, _ in rows])
    return page_of(
        rows,
        request,
        key=lambda found: (found[0].name, found[0].id),
        view=lambda found: _view(found[0], found[1], metrics.get(found[0].id, ())),
        total=total,
    )


def get_requirement(scope: Scope, requirement_id: UUID) -> RequirementView:
    """One requirement, archived or not; NotFound for strangers."""
    found = scope.session.execute(_rows(scope).where(Requirement.id == requirement_id)).one_or_none()
    if found is None:
        raise NotFound("There is no such requirement here.")
    row, test_count = found
    scope.require(Permission.REQUIREMENT_READ, project=row.project_id)
    return _view(row, test_count, attached_metrics(scope, [requirement_id]).get(requirement_id, ()))


def attached_metrics(scope: Scope, requirement_ids: Sequence[UUID]) -> Mapping[UUID, tuple[AttachedMetric, ...]]:
    """Requirement → the live metrics that judge it, by name; requirements without any are left out."""
    if not requirement_ids:
        return {}
    link = RequirementMetric
    query = (
        scope.select(Metric.id, Metric.name, link.requirement_id)
        .join(link, (link.organization_id == Metric.organization_id) & (link.metric_id == Metric.id))
        .where(link.requirement_id.in_(requirement_ids), Metric.archived_at.is_(None))
        .order_by(Metric.name, Metric.id)
    )
    found: defaultdict[UUID, list[AttachedMetric]] = defaultdict(list)
    for metric_id, name, requirement_id in scope.session.execute(query):
        found[requirement_id].append(AttachedMetric(id=metric_id, name=name))
    return {requirement_id: tuple(metrics) for requirement_id, metrics in found.items()}


def metrics_of_requirements(scope: Scope, requirement_ids: Iterable[UUID]) -> dict[UUID, tuple[UUID, ...]]:
    """Requirement → ids of the live metrics that judge it: what a run resolves when nobody chose metrics."""
    attached = attached_metrics(scope, sorted(set(requirement_ids)))
    return {requirement_id: tuple(metric.id for metric in metrics) for requirement_id, metrics in attached.items()}


def _rows(scope: Scope) -> Select[Any]:
    tests = (
        select(func.count())
        .where(
            Test.organization_id == Requirement.organization_id,
            Test.requirement_id == Requirement.id,
            Test.archived_at.is_(None),
        )
        .correlate(Requirement)
        .scalar_subquery()
    )
    return scope.select(Requirement, tests.label("test_count"))


def _view(row: Requirement, test_count: int, metrics: tuple[AttachedMetric, ...]) -> RequirementView:
    return RequirementView(
        id=row.id,
        project_id=row.project_id,
        name=row.name,
        description=row.description,
        metric_ids=tuple(metric.id for metric in metrics),
        metrics=metrics,
        test_count=test_count,
        created_at=row.created_at,
        updated_at=row.updated_at,
        archived_at=row.archived_at,
        etag=etag(row.id, row.updated_at),
    )
