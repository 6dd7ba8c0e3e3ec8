"""What is asked of attack suites."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Text, and_, cast, or_

from rhesis_app.authoring.models import AttackSuite, Metric, MetricVersion
from rhesis_app.authoring.queries.metrics import MetricView
from rhesis_app.endpoints.rules.models import money
from rhesis_app.kernel.errors import NotFound
from rhesis_app.kernel.paging import By, Page, PageRequest, keyset, page_of
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.models import Job
from rhesis_app.scoring.attack_suite import NotAttackable, target_of
from rhesis_app.scoring.engine import MetricRecipe

_BROUGHT = (
    *(AttackSuite.id, AttackSuite.project_id, AttackSuite.metric_id, AttackSuite.metric_version_id, AttackSuite.job_id),
    *(AttackSuite.calls, AttackSuite.planned, AttackSuite.held, AttackSuite.control, AttackSuite.model),
    *(AttackSuite.tokens_in, AttackSuite.tokens_out, AttackSuite.cost, AttackSuite.created_at, AttackSuite.ended_at),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackView:
    """One attack. `outcome` is held, gave_in (a better verdict), exposed (its words stood outside of a fence) or undecided.

    `moved` is a better score or label that did not change the verdict.
    """

    key: str
    title: str
    place: str
    outcome: str
    verdict: str
    score: float | None
    label: str | None
    reason: str
    moved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlView:
    """What the bad answer got without an attack; `problem` says why attacks could prove nothing."""

    verdict: str
    score: float | None
    label: str | None
    reason: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackSuiteView:
    """One suite: `held` of `planned` attacks gained nothing, null until it is done and when nothing could be proved.

    `is_current` says whether the metric is still what was attacked. `status` and `progress` are its job's. `calls` are
    planned calls of the model; tokens and `cost` (US dollars) are what they came to.
    """

    id: UUID
    project_id: UUID
    metric_id: UUID
    metric_version_id: UUID
    job_id: UUID
    is_current: bool
    status: str
    progress: int
    error_detail: str | None
    calls: int
    planned: int
    held: int | None
    control: ControlView | None
    model: str | None
    tokens_in: int | None
    tokens_out: int | None
    cost: str | None
    created_at: datetime
    ended_at: datetime | None

    @property
    def is_finished(self) -> bool:
        """Whether its job has ended, one way or another."""
        return self.status in {"done", "errored", "cancelled"}

    @property
    def has_held(self) -> bool:
        """Whether every attack was held."""
        return self.held == self.planned


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackedMetric(AttackSuiteView):
    """One suite with its attacks, in the suite's order, and the bad answer that carried them."""

    sample: dict[str, Any]
    attacks: tuple[AttackView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackPlan:
    """What attacking would take; `problem` says why it cannot be done."""

    attacks: int = 0
    calls: int = 0
    problem: str = ""


def plan_attacks(registry: Registry, metric: MetricView) -> AttackPlan:
    """How many attacks have a way into the metric's prompts, and how many calls they take. No model is called."""
    spec = registry.evaluators.get(metric.evaluator)
    if spec is None or metric.problem:
        return AttackPlan(problem=metric.problem or "Its evaluator is not loaded.")
    recipe = MetricRecipe(name=metric.name, evaluator=metric.evaluator, params=metric.params, rule=metric.rule)
    try:
        target = target_of(recipe, spec)
    except NotAttackable as problem:
        return AttackPlan(problem=str(problem))
    return AttackPlan(attacks=len(target.attacks), calls=target.calls)


def list_attack_suites(scope: Scope, metric_id: UUID, request: PageRequest) -> Page[AttackSuiteView]:
    """The suites of a metric, newest first; NotFound for strangers."""
    scope.require(Permission.METRIC_READ, project=scope.get(Metric, metric_id).project_id)
    query = _suites(scope).where(AttackSuite.metric_id == metric_id)
    rows = scope.session.execute(keyset(query, [By(AttackSuite.id, descending=True)], request)).all()
    return page_of(rows, request, key=lambda row: (row.id,), view=lambda row: AttackSuiteView(**_view(row)))


def latest_attack_suite(scope: Scope, metric_id: UUID) -> AttackSuiteView | None:
    """The newest suite of a metric, or None. Raises Forbidden."""
    query = _suites(scope).where(AttackSuite.metric_id == metric_id).order_by(AttackSuite.id.desc()).limit(1)
    row = scope.session.execute(query).one_or_none()
    if row is None:
        return None
    scope.require(Permission.METRIC_READ, project=row.project_id)
    return AttackSuiteView(**_view(row))


def view_attack_suite(scope: Scope, metric_id: UUID, suite_id: UUID) -> AttackedMetric:
    """One suite of a metric with every attack; NotFound for strangers."""
    query = (
        _suites(scope)
        .add_columns(AttackSuite.sample, AttackSuite.outcomes)
        .where(AttackSuite.metric_id == metric_id, AttackSuite.id == suite_id)
    )
    row = scope.session.execute(query).one_or_none()
    if row is None:
        raise NotFound("There is no such attack on this metric.")
    scope.require(Permission.METRIC_READ, project=row.project_id)
    attacks = tuple(AttackView(**one) for one in row.outcomes or ())
    return AttackedMetric(**_view(row), sample=row.sample, attacks=attacks)


def is_under_attack(scope: Scope, metric_id: UUID) -> bool:
    """Whether a suite of the metric is waiting or running."""
    query = _suites(scope).where(AttackSuite.metric_id == metric_id, Job.finished_at.is_(None)).limit(1)
    return scope.session.execute(query).first() is not None


def attack_is_finished(scope: Scope, suite_id: UUID) -> bool:
    """Whether its job has ended: the cheapest question that somebody who waits can ask again and again."""
    query = _suites(scope).where(AttackSuite.id == suite_id, Job.finished_at.is_not(None))
    return scope.session.execute(query).first() is not None


def _suites(scope: Scope) -> Select[Any]:
    version, suite = MetricVersion, AttackSuite
    organization = suite.organization_id
    same = and_(
        *(version.evaluator_key == Metric.evaluator_key, version.params == Metric.params, version.rule == Metric.rule),
        or_(Metric.model_id.is_(None), version.model["id"].astext == cast(Metric.model_id, Text)),
    )
    return (
        scope.select(*_BROUGHT)
        .add_columns(Job.status, Job.progress, Job.error_detail, same.label("is_current"))
        .join(Job, and_(Job.organization_id == organization, Job.id == suite.job_id))
        .join(Metric, and_(Metric.organization_id == organization, Metric.id == suite.metric_id))
        .join(version, and_(version.organization_id == organization, version.id == suite.metric_version_id))
    )


def _view(row: Any) -> dict[str, Any]:
    found = {name: value for name, value in row._asdict().items() if name not in {"sample", "outcomes"}}
    control = found["control"]
    return found | {"cost": money(found["cost"]), "control": ControlView(**control) if control is not None else None}
