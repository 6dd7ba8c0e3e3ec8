"""Before a run is started: what can be chosen, what would judge, and what will not work as hoped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Text, and_, cast, exists, func, literal, null, or_, select, union_all

from rhesis_app.authoring.models import (
    Metric,
    Requirement,
    RequirementMetric,
    Test,
    TestSet,
    TestSetItem,
    TestSetMetric,
)
from rhesis_app.authoring.rules.metrics import check_recipe
from rhesis_app.endpoints.models import Endpoint, Model
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.queries.recordings import recorded_choices
from rhesis_app.sdk import Need

_MOST_CHOICES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChoice:
    """Something to choose in the form of a run; `note` is an endpoint's limit, a metric's evaluator, a recording's number."""

    id: UUID
    name: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChoices:
    """What a project has for a run, each by name; `recordings`, where they were asked for, the newest first."""

    test_sets: tuple[RunChoice, ...]
    endpoints: tuple[RunChoice, ...]
    metrics: tuple[RunChoice, ...]
    recordings: tuple[RunChoice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgingMetric:
    """A metric that would judge; with a `requirement` only that requirement's tests. It applies to `applies_to` of `tests`.

    `needs` is what it needs of a test and its answer, as the evaluators name it; `model_id` its own model, if it has one.
    """

    id: UUID
    name: str
    required: bool
    requirement: str | None
    tests: int
    applies_to: int
    needs: tuple[str, ...]
    problem: str | None
    model_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """What a run of a test set comes to as it is now. `judged_by` says where its metrics come from.

    `own_tests` of its tests say themselves how often they are asked, together `own_trials` times.
    """

    test_set_id: UUID
    project_id: UUID
    name: str
    test_count: int
    unjudged: int
    judged_by: Literal["given", "test_set", "requirements", "nothing"]
    metrics: tuple[JudgingMetric, ...]
    own_tests: int = 0
    own_trials: int = 0

    def calls(self, trials: int) -> int:
        """How many calls a run with so many trials makes."""
        return (self.test_count - self.own_tests) * trials + self.own_trials

    @property
    def warnings(self) -> tuple[str, ...]:
        """What would not work as hoped, as sentences."""
        return tuple(_warnings(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """The tests of one requirement within the set, and how many of them have no expected answer."""

    requirement_id: UUID | None
    requirement: str | None
    tests: int
    without_expected: int
    own_tests: int = 0
    own_trials: int = 0


@dataclass(frozen=True, slots=True)
class _Means:
    """What metrics can be judged with: the evaluators loaded, and whether the instance lends a model."""

    registry: Registry
    lends: bool


def run_choices(
    scope: Scope, project_id: UUID, *, recordings: bool = False, test_set_id: UUID | None = None
) -> RunChoices:
    """The live test sets, endpoints and metrics of a project, at most 500 of each, in one statement.

    With `recordings` also the latest runs that recorded their answers, of one test set or, without an id, of all live ones.
    """
    scope.require(Permission.RUN_READ, project=project_id)
    parts = [
        _choices(scope, "test_sets", TestSet, literal(""), project_id),
        _choices(scope, "endpoints", Endpoint, cast(Endpoint.max_concurrency, Text), project_id),
        _choices(scope, "metrics", Metric, Metric.evaluator_key, project_id),
    ]
    if recordings:
        parts.append(recorded_choices(scope, project_id, test_set_id))
    found: dict[str, list[RunChoice]] = {"test_sets": [], "endpoints": [], "metrics": [], "recordings": []}
    for kind, choice_id, name, note in scope.session.execute(union_all(*parts)):
        found[kind].append(RunChoice(id=choice_id, name=name, note=note))
    by_name = {kind: tuple(sorted(some, key=lambda one: one.name.casefold())) for kind, some in found.items()}
    by_name["recordings"] = tuple(sorted(found["recordings"], key=lambda one: -int(one.note)))
    return RunChoices(**by_name)


def preflight(scope: Scope, registry: Registry, test_set_id: UUID, metric_ids: Sequence[UUID] = ()) -> Preflight:
    """What a run of this test set would come to, in three statements; NotFound for strangers.

    With `metric_ids` these judge every test, and nothing else does; those that are not there to judge are left out.
    """
    test_set = scope.get(TestSet, test_set_id)
    scope.require(Permission.TEST_SET_READ, project=test_set.project_id)
    parts = _parts(scope, test_set_id)
    if metric_ids:
        attached = _given(scope, test_set.project_id, metric_ids)
    else:
        attached = _attached(scope, test_set_id, [part.requirement_id for part in parts if part.requirement_id])
    of_set = [row for row in attached if row.requirement_id is None]
    judging = _judging(_Means(registry, scope.lent_model is not None), of_set or attached, parts)
    judged = {row.requirement_id for row in attached}
    unjudged = 0 if of_set else sum(part.tests for part in parts if part.requirement_id not in judged)
    return Preflight(
        test_set_id=test_set_id,
        project_id=test_set.project_id,
        name=test_set.name,
        test_count=sum(part.tests for part in parts),
        unjudged=unjudged,
        judged_by=_judged_by(of_set, attached, is_given=bool(metric_ids)),
        metrics=judging,
        own_tests=sum(part.own_tests for part in parts),
        own_trials=sum(part.own_trials for part in parts),
    )


def _choices(scope: Scope, kind: str, rows: Any, note: Any, project_id: UUID) -> Any:
    return (
        scope.select(rows.id, rows.name)
        .with_only_columns(literal(kind).label("kind"), rows.id, rows.name, note.label("note"))
        .where(rows.project_id == project_id, rows.archived_at.is_(None))
        .order_by(rows.name)
        .limit(_MOST_CHOICES)
        .subquery()
        .select()
    )


def _parts(scope: Scope, test_set_id: UUID) -> list[_Part]:
    is_without = func.coalesce(func.btrim(Test.expected), "") == ""
    query = (
        scope.select(Test.requirement_id, Requirement.name.label("requirement"), func.count().label("tests"))
        .add_columns(func.count().filter(is_without).label("without_expected"))
        .add_columns(func.count(Test.trials).label("own_tests"))
        .add_columns(func.coalesce(func.sum(Test.trials), 0).label("own_trials"))
        .join(TestSetItem, and_(TestSetItem.organization_id == Test.organization_id, TestSetItem.test_id == Test.id))
        .outerjoin(
            Requirement,
            and_(Requirement.organization_id == Test.organization_id, Requirement.id == Test.requirement_id),
        )
        .where(TestSetItem.test_set_id == test_set_id, Test.archived_at.is_(None))
        .group_by(Test.requirement_id, Requirement.name)
    )
    return [_Part(**row) for row in scope.session.execute(query).mappings()]


def _judged_by(
    of_set: Sequence[Any], attached: Sequence[Any], *, is_given: bool
) -> Literal["given", "test_set", "requirements", "nothing"]:
    if not attached:
        return "nothing"
    if is_given:
        return "given"
    return "test_set" if of_set else "requirements"


def _shown() -> tuple[Any, ...]:
    recipe = (Metric.evaluator_key, Metric.params, Metric.rule, Metric.model_id)
    return (Metric.id, Metric.name, Metric.required, *recipe, _has_judge().label("has_judge"))


def _given(scope: Scope, project_id: UUID, metric_ids: Sequence[UUID]) -> list[Any]:
    query = (
        scope.select(*_shown())
        .add_columns(cast(null(), Requirement.id.type).label("requirement_id"))
        .where(Metric.id.in_(list(metric_ids)), Metric.project_id == project_id, Metric.archived_at.is_(None))
        .order_by(Metric.name)
    )
    return list(scope.session.execute(query).all())


def _attached(scope: Scope, test_set_id: UUID, requirement_ids: Sequence[UUID]) -> list[Any]:
    """Live metrics of the set (without a requirement) and of these requirements."""
    shown = _shown()
    of_set = (
        scope.select(*shown)
        .add_columns(cast(null(), Requirement.id.type).label("requirement_id"))
        .join(
            TestSetMetric,
            and_(TestSetMetric.organization_id == Metric.organization_id, TestSetMetric.metric_id == Metric.id),
        )
        .where(TestSetMetric.test_set_id == test_set_id, Metric.archived_at.is_(None))
    )
    of_requirements = (
        scope.select(*shown)
        .add_columns(RequirementMetric.requirement_id)
        .join(
            RequirementMetric,
            and_(RequirementMetric.organization_id == Metric.organization_id, RequirementMetric.metric_id == Metric.id),
        )
        .where(RequirementMetric.requirement_id.in_(requirement_ids), Metric.archived_at.is_(None))
    )
    both = union_all(of_set, of_requirements).subquery()
    return list(scope.session.execute(select(both).order_by(both.c.name, both.c.requirement_id)).all())


def _has_judge() -> Any:
    """Whether the metric's own model, or without one its project's default, is there to judge."""
    own = Model.id == Metric.model_id
    default = and_(Metric.model_id.is_(None), Model.is_default, Model.project_id == Metric.project_id)
    return exists().where(
        Model.organization_id == Metric.organization_id, Model.archived_at.is_(None), or_(own, default)
    )


def _judging(means: _Means, attached: Sequence[Any], parts: Sequence[_Part]) -> tuple[JudgingMetric, ...]:
    by_requirement = {part.requirement_id: part for part in parts}
    whole = _Part(
        requirement_id=None,
        requirement=None,
        tests=sum(part.tests for part in parts),
        without_expected=sum(part.without_expected for part in parts),
    )
    return tuple(
        _judge(means, row, by_requirement[row.requirement_id] if row.requirement_id else whole) for row in attached
    )


def _judge(means: _Means, row: Any, part: _Part) -> JudgingMetric:
    needs, problem = _needs(means.registry, row.evaluator_key, row.params, row.rule)
    if Need.JUDGE in needs and not row.has_judge:
        problem = _without_judge(means, row.model_id)
    lacking = part.without_expected if Need.REFERENCE in needs else 0
    return JudgingMetric(
        id=row.id,
        name=row.name,
        required=row.required,
        requirement=part.requirement,
        tests=part.tests,
        applies_to=part.tests - lacking,
        needs=tuple(sorted(str(need) for need in needs)),
        problem=problem,
        model_id=row.model_id,
    )


def _needs(
    registry: Registry, key: str, params: Mapping[str, Any], rule: Mapping[str, Any]
) -> tuple[tuple[str, ...], str | None]:
    spec = registry.evaluators.get(key)
    if spec is None:
        return (), f"its evaluator {key} is not installed"
    try:
        return check_recipe(spec, params, rule).needs, None
    except Invalid:
        return (), f"its settings do not fit the evaluator {key} any more"


def _without_judge(means: _Means, model_id: UUID | None) -> str | None:
    if model_id is not None:
        return "its model is archived; restore it, or choose another in the metric"
    return None if means.lends else "no model is connected for judging; connect one under Models"


def _warnings(found: Preflight) -> Sequence[str]:
    said: list[str] = []
    if not found.test_count:
        said.append("This test set has no tests yet. Add some, or import a file.")
    elif found.judged_by == "nothing":
        said.append(
            "Nothing would judge the answers: attach metrics to the test set or to requirements, or choose some below."
        )
    elif found.unjudged:
        said.append(f"{_tests(found.unjudged, found.test_count)} no requirement with metrics: they will stay unscored.")
    for metric in found.metrics:
        if metric.problem:
            said.append(f"“{metric.name}” cannot judge: {metric.problem}.")
        elif metric.applies_to < metric.tests:
            lacking = metric.tests - metric.applies_to
            said.append(f"{_tests(lacking, metric.tests)} no expected answer: “{metric.name}” does not apply there.")
    return said


def _tests(count: int, of: int) -> str:
    return f"{count} of {of} tests {'has' if count == 1 else 'have'}"
