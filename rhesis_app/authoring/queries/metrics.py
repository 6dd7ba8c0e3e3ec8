"""What is asked of metrics."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select

from rhesis_app.authoring.models import Metric, Prompt, PromptVersion, Requirement, RequirementMetric
from rhesis_app.authoring.queries.criteria import CriteriaOrigin
from rhesis_app.authoring.queries.narrowing import in_projects, total_of
from rhesis_app.authoring.rules.metrics import check_recipe, describe_scale, in_words, rule_in_words, scale_of
from rhesis_app.authoring.rules.names import search_text
from rhesis_app.endpoints.models import Model
from rhesis_app.kernel.errors import Invalid, NotFound
from rhesis_app.kernel.etags import etag
from rhesis_app.kernel.paging import By, Page, PageRequest, keyset, page_of
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.sdk import EvaluatorSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricView:
    """A metric with what its evaluator makes of it.

    `passes_when` is read after "the score is". `model_id` and `model` (its name) are of the model that judges; None for the
    project's default, and where nothing is judged by one. `prompt_source` says which version of a prompt the criteria are
    from. `problem` says why no run can use it now: then `scale` and `needs` are
    not known, or the settings do not fit the evaluator any more.
    """

    id: UUID
    project_id: UUID
    name: str
    description: str
    evaluator: str
    evaluator_title: str
    params: dict[str, Any]
    rule: dict[str, Any]
    passes_when: str
    scale: dict[str, Any] | None
    needs: tuple[str, ...]
    model_id: UUID | None
    model: str | None
    prompt_source: CriteriaOrigin | None
    required: bool
    problem: str | None
    requirement_count: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    etag: str

    @property
    def plugin(self) -> str:
        """The plugin that its evaluator comes from."""
        return self.evaluator.partition(".")[0]

    @property
    def needs_in_words(self) -> tuple[str, ...]:
        """What it needs, as a person reads it."""
        return in_words(self.needs)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricFilter:
    """Which metrics to list: of one project, of one evaluator, with `q` in the name, live or archived ones."""

    project_id: UUID | None = None
    evaluator: str = ""
    q: str = ""
    archived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricChoice:
    """A metric to choose in a form."""

    id: UUID
    name: str
    evaluator_title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRequirement:
    """A requirement that a metric judges."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptedMetric:
    """A metric whose criteria are from this version of a prompt."""

    id: UUID
    name: str
    version: int


def list_metrics(scope: Scope, registry: Registry, request: PageRequest, chosen: MetricFilter) -> Page[MetricView]:
    """Metrics by evaluator, then by name."""
    query = in_projects(scope, _rows(scope), Metric.project_id, Permission.METRIC_READ, chosen.project_id)
    query = query.where(Metric.archived_at.is_not(None) if chosen.archived else Metric.archived_at.is_(None))
    if chosen.evaluator:
        query = query.where(Metric.evaluator_key == chosen.evaluator)
    if words := search_text(chosen.q):
        query = query.where(Metric.name.icontains(words, autoescape=True))
    order = [By(Metric.evaluator_key), By(Metric.name), By(Metric.id)]
    rows = scope.session.execute(keyset(query, order, request)).all()
    total = scope.session.scalar(total_of(query)) if request.count else None
    return page_of(
        rows,
        request,
        key=lambda found: (found[0].evaluator_key, found[0].name, found[0].id),
        view=lambda found: view_metric(registry, *found),
        total=total,
    )


def get_metric(scope: Scope, registry: Registry, metric_id: UUID) -> MetricView:
    """One metric, archived or not; NotFound for strangers."""
    found = scope.session.execute(_rows(scope).where(Metric.id == metric_id)).one_or_none()
    if found is None:
        raise NotFound("There is no such metric here.")
    scope.require(Permission.METRIC_READ, project=found[0].project_id)
    return view_metric(registry, *found)


def list_metric_choices(scope: Scope, registry: Registry, project_id: UUID) -> tuple[MetricChoice, ...]:
    """The live metrics of a project to choose from, by name, at most 500."""
    scope.require(Permission.METRIC_READ, project=project_id)
    query = (
        scope.select(Metric.id, Metric.name, Metric.evaluator_key)
        .where(Metric.project_id == project_id, Metric.archived_at.is_(None))
        .order_by(Metric.name, Metric.id)
        .limit(500)
    )
    return tuple(
        MetricChoice(id=metric_id, name=name, evaluator_title=_title(registry.evaluators, key))
        for metric_id, name, key in scope.session.execute(query)
    )


def list_judged_requirements(scope: Scope, metric_id: UUID) -> tuple[JudgedRequirement, ...]:
    """The live requirements that a metric judges, by name, at most 200."""
    link = RequirementMetric
    query = (
        scope.select(Requirement.id, Requirement.name)
        .join(link, (link.organization_id == Requirement.organization_id) & (link.requirement_id == Requirement.id))
        .where(link.metric_id == metric_id, Requirement.archived_at.is_(None))
        .order_by(Requirement.name, Requirement.id)
        .limit(200)
    )
    return tuple(JudgedRequirement(id=found_id, name=name) for found_id, name in scope.session.execute(query))


def list_metrics_of_prompt(scope: Scope, prompt_id: UUID) -> tuple[PromptedMetric, ...]:
    """The live metrics whose criteria are from any version of a prompt, by name, at most 200; none for who may not read them."""
    query = (
        scope.select(Metric.id, Metric.name, PromptVersion.number, Metric.project_id)
        .join(
            PromptVersion,
            (PromptVersion.organization_id == Metric.organization_id) & (PromptVersion.id == Metric.prompt_version_id),
        )
        .where(PromptVersion.prompt_id == prompt_id, Metric.archived_at.is_(None))
        .order_by(Metric.name, Metric.id)
        .limit(200)
    )
    return tuple(
        PromptedMetric(id=found_id, name=name, version=number)
        for found_id, name, number, project_id in scope.session.execute(query)
        if scope.may(Permission.METRIC_READ, project=project_id)
    )


def view_metric(registry: Registry, row: Metric, requirement_count: int, model: str | None, *origin: Any) -> MetricView:
    """The row as it is shown; a metric whose plugin is gone or changed is shown with its problem."""
    spec = registry.evaluators.get(row.evaluator_key)
    needs, problem = _fit(spec, row)
    scale = scale_of(spec, row.params) if spec else None
    return MetricView(
        id=row.id,
        project_id=row.project_id,
        name=row.name,
        description=row.description,
        evaluator=row.evaluator_key,
        evaluator_title=_title(registry.evaluators, row.evaluator_key),
        params=row.params,
        rule=row.rule,
        passes_when=rule_in_words(row.rule, scale) if scale else "",
        scale=describe_scale(scale) if scale else None,
        needs=needs,
        model_id=row.model_id,
        model=model,
        prompt_source=_origin(row, *origin),
        required=row.required,
        problem=problem,
        requirement_count=requirement_count,
        created_at=row.created_at,
        updated_at=row.updated_at,
        archived_at=row.archived_at,
        etag=etag(row.id, row.updated_at),
    )


def _origin(row: Metric, prompt_id: UUID, name: str, version: int, newest_version: int) -> CriteriaOrigin | None:
    if row.prompt_version_id is None:
        return None
    return CriteriaOrigin(
        prompt_id=prompt_id,
        name=name,
        prompt_version_id=row.prompt_version_id,
        version=version,
        newest_version=newest_version,
    )


def _fit(spec: EvaluatorSpec | None, row: Metric) -> tuple[tuple[str, ...], str | None]:
    """(needs, why the metric cannot be used now)."""
    if spec is None:
        return (), f"Its evaluator {row.evaluator_key} is not installed or could not be loaded: see Settings › Plugins."
    try:
        return check_recipe(spec, row.params, row.rule).needs, None
    except Invalid as error:
        said = " ".join(text for texts in error.errors.values() for text in texts)
        return (), f"Its settings do not fit the evaluator {spec.key} any more: {said} Edit it and save it again."


def _rows(scope: Scope) -> Select[Any]:
    link = RequirementMetric
    requirements = (
        select(func.count())
        .select_from(Requirement)
        .join(link, (link.organization_id == Requirement.organization_id) & (link.requirement_id == Requirement.id))
        .where(Requirement.organization_id == Metric.organization_id, Requirement.archived_at.is_(None))
        .where(link.metric_id == Metric.id)
        .correlate(Metric)
        .scalar_subquery()
    )
    version = PromptVersion
    return (
        scope.select(
            Metric,
            requirements.label("requirement_count"),
            Model.name.label("model"),
            *(version.prompt_id, Prompt.name.label("prompt"), version.number, Prompt.version),
        )
        .outerjoin(Model, (Model.organization_id == Metric.organization_id) & (Model.id == Metric.model_id))
        .outerjoin(
            version, (version.organization_id == Metric.organization_id) & (version.id == Metric.prompt_version_id)
        )
        .outerjoin(Prompt, (Prompt.organization_id == version.organization_id) & (Prompt.id == version.prompt_id))
    )


def _title(evaluators: Mapping[str, EvaluatorSpec], key: str) -> str:
    spec = evaluators.get(key)
    return spec.title if spec else key
