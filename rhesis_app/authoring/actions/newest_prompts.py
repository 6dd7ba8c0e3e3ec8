"""Taking the newest version of a prompt into all the tests and metrics that use an older one."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_

from rhesis_app.authoring.actions.metrics import judge_by
from rhesis_app.authoring.actions.prompts import ARCHIVED
from rhesis_app.authoring.actions.tests import content_of, say_in
from rhesis_app.authoring.models import Metric, Prompt, PromptVersion, Test
from rhesis_app.authoring.queries.prompts import PromptVersionView, version_of
from rhesis_app.authoring.rules.prompts import read_template
from rhesis_app.authoring.rules.tests import MAX_TESTS, PromptSource, check_content
from rhesis_app.kernel.errors import Conflict, Invalid
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope

_SAID_AT_ONCE = 50
_NOT_YOURS = "Your role may not change metrics."


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftTest:
    """A test that stays with its older version, and why."""

    test_id: UUID
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftMetric:
    """A metric whose criteria stay those of an older version, and why."""

    metric_id: UUID
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedTests:
    """How many tests and metrics use `version` now, and how many tests could not; at most 50 of those are named.

    Metrics that could not are all named.
    """

    version: int
    moved: int
    left: int
    left_tests: tuple[LeftTest, ...]
    moved_metrics: int
    left_metrics: tuple[LeftMetric, ...]


def use_newest_version(scope: Scope, registry: Registry, prompt_id: UUID) -> MovedTests:
    """Render every live test of the prompt from its newest version, with the values it has; those that lack one stay.

    Metrics take their criteria from it, where it has no variables and the actor may change them. Raises NotFound,
    Forbidden, Conflict when the prompt is archived.
    """
    with scope.atomic() as session:
        prompt = scope.get(Prompt, prompt_id)
        scope.require(Permission.PROMPT_READ, project=prompt.project_id)
        scope.require(Permission.TEST_WRITE, project=prompt.project_id)
        if prompt.archived_at is not None:
            raise Conflict(ARCHIVED)
        newest = version_of(scope, prompt.id, prompt.version)
        template = read_template(newest.template)
        moved, left = 0, []
        for row in session.scalars(_older(scope, Test, prompt)):
            values = {name: value for name, value in row.prompt_values.items() if name in template.names}
            source = PromptSource(version_id=newest.id, values=values)
            try:
                content = check_content(replace(content_of(row), prompt=template.render(values), source=source))
            except Invalid as error:
                left.append(LeftTest(test_id=row.id, reason=error.detail))
                continue
            say_in(row, content)
            moved += 1
        metrics, left_metrics = _move_metrics(scope, registry, prompt, newest)
        session.flush()
        if moved or metrics:
            done = {"tests": moved, "metrics": metrics}
            scope.record("prompt.use_newest", "prompt", prompt.id, version=newest.version, **done)
        return MovedTests(
            version=newest.version,
            moved=moved,
            left=len(left),
            left_tests=tuple(left[:_SAID_AT_ONCE]),
            moved_metrics=metrics,
            left_metrics=tuple(left_metrics),
        )


def _move_metrics(
    scope: Scope, registry: Registry, prompt: Prompt, newest: PromptVersionView
) -> tuple[int, list[LeftMetric]]:
    moved, left = 0, []
    may = scope.may(Permission.METRIC_WRITE, project=prompt.project_id)
    for row in scope.session.scalars(_older(scope, Metric, prompt)):
        try:
            if not may:
                raise Invalid(_NOT_YOURS)
            judge_by(registry, row, newest)
        except Invalid as error:
            left.append(LeftMetric(metric_id=row.id, reason=error.detail))
            continue
        moved += 1
    return moved, left


def _older(scope: Scope, row_class: type[Test | Metric], prompt: Prompt) -> Select[Any]:
    """The live tests or metrics of older versions, locked until the transaction ends, in the order of their ids."""
    its = and_(
        PromptVersion.organization_id == row_class.organization_id, PromptVersion.id == row_class.prompt_version_id
    )
    return (
        scope.select(row_class)
        .join(PromptVersion, its)
        .where(PromptVersion.prompt_id == prompt.id, PromptVersion.number < prompt.version)
        .where(row_class.archived_at.is_(None))
        .order_by(row_class.id)
        .limit(MAX_TESTS)
        .with_for_update(of=row_class)
    )
