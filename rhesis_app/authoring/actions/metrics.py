"""What changes metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func, tuple_
from sqlalchemy.dialects.postgresql import insert

from rhesis_app.authoring.actions.conflicts import unique_name
from rhesis_app.authoring.models import Metric, MetricVersion
from rhesis_app.authoring.queries.criteria import plain, with_criteria
from rhesis_app.authoring.queries.metrics import MetricView, get_metric
from rhesis_app.authoring.queries.prompts import PromptVersionView
from rhesis_app.authoring.rules.metrics import CRITERIA, Recipe, check_recipe, content_hash, spec_of, takes_criteria
from rhesis_app.authoring.rules.names import check_description, check_name
from rhesis_app.endpoints.actions.judging import JudgeModel, check_judge_choice, choose_judges
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.etags import require_match
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.queries import get_project
from rhesis_app.sdk import EvaluatorSpec

TAKEN = "There is a metric of this name in the project already. Choose another."
_NAME_IS_UNIQUE = "uq_metric_name"


class Keep(Enum):
    """Stands for "not sent" where None means something: a rule of None asks for the evaluator's default."""

    KEEP = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMetric:
    """A metric to make; a rule of None takes the evaluator's default, a `prompt_version_id` gives the criteria."""

    project_id: UUID
    name: str
    evaluator: str
    params: Mapping[str, Any] = field(default_factory=dict)
    rule: Mapping[str, Any] | None = None
    model_id: UUID | None = None
    prompt_version_id: UUID | None = None
    required: bool = True
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricChanges:
    """What changes of a metric; None leaves it as it is, but a rule or a model of None takes the default.

    A `prompt_version_id` gives the criteria; with None they stay as they are and are of no prompt any more.
    """

    name: str | None = None
    evaluator: str | None = None
    params: Mapping[str, Any] | None = None
    rule: Mapping[str, Any] | Literal[Keep.KEEP] | None = Keep.KEEP
    model_id: UUID | Literal[Keep.KEEP] | None = Keep.KEEP
    prompt_version_id: UUID | Literal[Keep.KEEP] | None = Keep.KEEP
    required: bool | None = None
    description: str | None = None

    @property
    def touches_recipe(self) -> bool:
        """Whether the evaluator is asked again."""
        kept = (self.rule, self.model_id, self.prompt_version_id)
        return self.evaluator is not None or self.params is not None or any(part is not Keep.KEEP for part in kept)


def create_metric(scope: Scope, registry: Registry, new: NewMetric) -> MetricView:
    """Make a metric. Raises Invalid (`evaluator`, `params.<name>`, `prompt_version_id`, `rule`, `name`), NotFound, Conflict."""
    scope.require(Permission.METRIC_WRITE, project=new.project_id)
    spec = spec_of(registry, new.evaluator)
    params = with_criteria(scope, new.project_id, spec, new.params, new.prompt_version_id)
    recipe = check_recipe(spec, params, new.rule)
    check_judge(scope, recipe, new.project_id, new.model_id)
    row = Metric(
        id=new_id(),
        project_id=get_project(scope, new.project_id).id,
        name=check_name(new.name, what="metric"),
        description=check_description(new.description),
        evaluator_key=recipe.spec.key,
        params=recipe.params,
        rule=recipe.rule,
        model_id=new.model_id,
        prompt_version_id=new.prompt_version_id,
        required=new.required,
    )
    with unique_name(_NAME_IS_UNIQUE, TAKEN), scope.atomic() as session:
        session.add(row)
        session.flush()
        scope.record("metric.create", "metric", row.id, name=row.name, evaluator=row.evaluator_key)
        return get_metric(scope, registry, row.id)


def update_metric(
    scope: Scope, registry: Registry, metric_id: UUID, changes: MetricChanges, *, if_match: str | None = None
) -> MetricView:
    """Change a metric; past runs keep theirs. Raises as `create_metric` does, and PreconditionFailed.

    Another evaluator starts from its own default params and rule unless these are given as well.
    """
    with unique_name(_NAME_IS_UNIQUE, TAKEN), scope.atomic() as session:
        row = _held(scope, metric_id, Permission.METRIC_WRITE)
        require_match(if_match, row.id, row.updated_at)
        if changes.touches_recipe:
            _change_recipe(scope, registry, row, changes)
        if changes.name is not None:
            row.name = check_name(changes.name, what="metric")
        if changes.description is not None:
            row.description = check_description(changes.description)
        if changes.required is not None:
            row.required = changes.required
        session.flush()
        scope.record("metric.update", "metric", row.id)
        return get_metric(scope, registry, row.id)


def archive_metric(scope: Scope, registry: Registry, metric_id: UUID) -> MetricView:
    """Put a metric aside: new runs leave it out, past ones keep it. Doing it twice changes nothing."""
    with scope.atomic() as session:
        row = _held(scope, metric_id, Permission.METRIC_DELETE)
        if row.archived_at is None:
            row.archived_at = func.now()
            session.flush()
            scope.record("metric.archive", "metric", row.id, name=row.name)
        return get_metric(scope, registry, row.id)


def restore_metric(scope: Scope, registry: Registry, metric_id: UUID) -> MetricView:
    """Bring an archived metric back. Raises Conflict when its name is taken by now."""
    with unique_name(_NAME_IS_UNIQUE, TAKEN), scope.atomic() as session:
        row = _held(scope, metric_id, Permission.METRIC_DELETE)
        if row.archived_at is not None:
            row.archived_at = None
            session.flush()
            scope.record("metric.restore", "metric", row.id, name=row.name)
        return get_metric(scope, registry, row.id)


def freeze_metrics(scope: Scope, registry: Registry, metric_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Metric → its version of this moment, in the order given; a version is written only for content that is new.

    Content is the name, evaluator, revision, params, rule, whether it is required and, for a judge, its model. Raises Invalid at `metric_ids`,
    naming the metrics that are unknown, archived, or do not fit an evaluator that is loaded.
    """
    rows = _live(scope, metric_ids)
    contents = _contents(scope, registry, rows)
    keys = {row.id: content_hash(_hashed(contents[row.id])) for row in rows}
    with scope.atomic() as session:
        if rows:
            # a run that starts at the same moment may write the same version: then this one waits, and reads it below
            statement = insert(MetricVersion).on_conflict_do_nothing(
                index_elements=["organization_id", "metric_id", "content_hash"]
            )
            fixed = {"organization_id": scope.organization_id}
            session.execute(
                statement,
                [
                    {**fixed, **contents[metric_id], "id": new_id(), "metric_id": metric_id, "content_hash": key}
                    for metric_id, key in keys.items()
                ],
            )
        version = MetricVersion
        query = scope.select(version.metric_id, version.id).where(
            tuple_(version.metric_id, version.content_hash).in_(list(keys.items()))
        )
        found: dict[UUID, UUID] = dict(session.execute(query).all()) if keys else {}
    return {metric_id: found[metric_id] for metric_id in dict.fromkeys(metric_ids)}


def _live(scope: Scope, metric_ids: Sequence[UUID]) -> list[Metric]:
    """The metrics named, all of them; Invalid names those that are unknown or archived."""
    wanted = set(metric_ids)
    rows = list(scope.session.scalars(scope.select(Metric).where(Metric.id.in_(wanted)))) if wanted else []
    for project_id in {row.project_id for row in rows}:
        scope.require(Permission.METRIC_READ, project=project_id)
    unknown = wanted - {row.id for row in rows}
    if unknown:
        raise Invalid.field("metric_ids", f"There is no such metric here: {', '.join(sorted(map(str, unknown))[:3])}.")
    archived = [f"“{row.name}”" for row in rows if row.archived_at is not None]
    if archived:
        raise Invalid.field("metric_ids", f"Archived: {', '.join(sorted(archived))}. Restore it, or leave it out.")
    return rows


def _contents(scope: Scope, registry: Registry, rows: Sequence[Metric]) -> dict[UUID, dict[str, Any]]:
    """Metric → what its version says; Invalid names the metrics that no loaded evaluator fits."""
    recipes, unfit = {}, []
    for row in rows:
        try:
            recipes[row.id] = check_recipe(spec_of(registry, row.evaluator_key), row.params, row.rule)
        except Invalid:
            unfit.append(f"“{row.name}” ({row.evaluator_key})")
    if unfit:
        sentence = (
            f"No run can use {', '.join(sorted(unfit))}: the evaluator is not loaded, or the settings do not fit it any"
            " more. See Settings › Plugins, edit the metric, or leave it out."
        )
        raise Invalid.field("metric_ids", sentence)
    judges = _judges(scope, [row for row in rows if recipes[row.id].needs_judge])
    return {row.id: _content(row, recipes[row.id], judges.get(row.id)) for row in rows}


def _content(row: Metric, recipe: Recipe, judge: JudgeModel | None) -> dict[str, Any]:
    return {
        "name": row.name,
        "evaluator_key": row.evaluator_key,
        "evaluator_revision": recipe.spec.revision,
        "params": recipe.params,
        "rule": recipe.rule,
        "required": row.required,
        "prompt_version_id": row.prompt_version_id,
        "model": judge.to_json() if judge is not None else None,
    }


def _hashed(content: Mapping[str, Any]) -> dict[str, Any]:
    """What tells versions apart: metrics without a judge have no model to tell, and where words came from changes no score."""
    told = {name: value for name, value in content.items() if name != "prompt_version_id"}
    return {name: value for name, value in told.items() if name != "model" or value is not None}


def _judges(scope: Scope, rows: Sequence[Metric]) -> dict[UUID, JudgeModel | None]:
    chosen = {row.id: row.model_id for row in rows}
    return choose_judges(scope, chosen, {row.id: row.project_id for row in rows})


def _change_recipe(scope: Scope, registry: Registry, row: Metric, changes: MetricChanges) -> None:
    key = changes.evaluator or row.evaluator_key
    params, rule = ({}, None) if key != row.evaluator_key else (row.params, row.rule)
    if changes.params is not None:
        params = dict(changes.params)
    if changes.rule is not Keep.KEEP:
        rule = dict(changes.rule) if changes.rule is not None else None
    spec = spec_of(registry, key)
    recipe = check_recipe(spec, _with_criteria(scope, row, spec, params, changes.prompt_version_id), rule)
    row.prompt_version_id = _origin(row, recipe, changes.prompt_version_id)
    row.evaluator_key, row.params, row.rule = key, recipe.params, recipe.rule
    if changes.model_id is not Keep.KEEP:
        check_judge(scope, recipe, row.project_id, changes.model_id)
        row.model_id = changes.model_id
    elif not recipe.needs_judge:
        row.model_id = None


def _with_criteria(
    scope: Scope, row: Metric, spec: EvaluatorSpec, params: Mapping[str, Any], given: UUID | Keep | None
) -> Mapping[str, Any]:
    """The params with the criteria of the version given; the metric's own version stands in it, whatever became of the prompt."""
    if not isinstance(given, UUID):
        return params
    if given == row.prompt_version_id and takes_criteria(spec):
        return {**params, CRITERIA: row.params[CRITERIA]}
    return with_criteria(scope, row.project_id, spec, params, given)


def _origin(row: Metric, recipe: Recipe, given: UUID | Keep | None) -> UUID | None:
    """Where the criteria come from now; other words than those taken are somebody's own."""
    if not isinstance(given, Keep):
        return given
    is_same = takes_criteria(recipe.spec) and recipe.params[CRITERIA] == row.params.get(CRITERIA)
    return row.prompt_version_id if is_same else None


def judge_by(registry: Registry, row: Metric, version: PromptVersionView) -> None:
    """Give a metric of a prompt another version's text as its criteria. Raises Invalid, and then changes nothing."""
    params = {**row.params, CRITERIA: plain(version.template)}
    row.params = check_recipe(spec_of(registry, row.evaluator_key), params, row.rule).params
    row.prompt_version_id = version.id


def check_judge(scope: Scope, recipe: Recipe, project_id: UUID, model_id: UUID | None) -> None:
    """Raise Invalid at `model_id` for a model that cannot judge here, or an evaluator that asks none."""
    if model_id is None:
        return
    if not recipe.needs_judge:
        raise Invalid.field("model_id", f"The evaluator {recipe.spec.key} asks no model. Leave this empty.")
    check_judge_choice(scope, project_id, model_id)


def _held(scope: Scope, metric_id: UUID, permission: Permission) -> Metric:
    """The row, locked until the transaction ends, when the actor may change it."""
    row = scope.get(Metric, metric_id, lock=True)
    scope.require(permission, project=row.project_id)
    return row
