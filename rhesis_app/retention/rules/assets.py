"""Everything that people can put aside: its row, how it is shown, and what brings it back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, cast, func, literal
from sqlalchemy import Text as Words

from rhesis_app.authoring.actions.metrics import restore_metric
from rhesis_app.authoring.actions.prompts import restore_prompt
from rhesis_app.authoring.actions.requirements import restore_requirement
from rhesis_app.authoring.actions.sets import restore_test_set
from rhesis_app.authoring.actions.tests import restore_test
from rhesis_app.authoring.models import Metric, Prompt, Requirement, Test, TestSet
from rhesis_app.endpoints.actions.edit import restore_endpoint
from rhesis_app.endpoints.actions.models import restore_model
from rhesis_app.endpoints.models import Endpoint, Model
from rhesis_app.insights.actions.gates import restore_gate
from rhesis_app.insights.models import Gate
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.actions import restore_project
from rhesis_app.projects.models import Project
from rhesis_app.runs.actions.schedules import restore_schedule
from rhesis_app.runs.models import Schedule

Kind = Literal[
    "endpoint", "gate", "metric", "model", "project", "prompt", "requirement", "schedule", "test", "test_set"
]
Restore = Callable[[Scope, Registry, UUID], object]
SHOWN: Final = 200
"""How many characters of a long text are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetKind:
    """A kind of asset. `name` is what people know it by, `about` tells it from others of that name; both are texts in SQL.

    Who holds `read` in its project sees it, who holds `change` as well may bring it back.
    """

    title: str
    row: type[Any]
    name: ColumnElement[str] | Any
    about: ColumnElement[str] | Any
    read: Permission
    change: Permission
    restore: Restore

    @property
    def project_id(self) -> Any:
        """The column that says whose it is; a project is its own."""
        return self.row.id if self.row is Project else self.row.project_id


def _alone(restore: Callable[[Scope, UUID], object]) -> Restore:
    """A restore action that asks no plugin."""
    return lambda scope, _registry, asset_id: restore(scope, asset_id)


KINDS: Final[dict[Kind, AssetKind]] = {
    "project": AssetKind(
        title="Project",
        row=Project,
        name=Project.name,
        about=Project.description,
        read=Permission.PROJECT_READ,
        change=Permission.PROJECT_DELETE,
        restore=_alone(restore_project),
    ),
    "endpoint": AssetKind(
        title="Endpoint",
        row=Endpoint,
        name=Endpoint.name,
        about=Endpoint.url,
        read=Permission.ENDPOINT_READ,
        change=Permission.ENDPOINT_DELETE,
        restore=_alone(restore_endpoint),
    ),
    "model": AssetKind(
        title="Model",
        row=Model,
        name=Model.name,
        about=Model.model_name,
        read=Permission.MODEL_READ,
        change=Permission.MODEL_DELETE,
        restore=_alone(restore_model),
    ),
    "requirement": AssetKind(
        title="Requirement",
        row=Requirement,
        name=Requirement.name,
        about=Requirement.description,
        read=Permission.REQUIREMENT_READ,
        change=Permission.REQUIREMENT_DELETE,
        restore=_alone(restore_requirement),
    ),
    "metric": AssetKind(
        title="Metric",
        row=Metric,
        name=Metric.name,
        about=Metric.evaluator_key,
        read=Permission.METRIC_READ,
        change=Permission.METRIC_DELETE,
        restore=restore_metric,
    ),
    "prompt": AssetKind(
        title="Prompt",
        row=Prompt,
        name=Prompt.name,
        about=literal("version ") + cast(Prompt.version, Words),
        read=Permission.PROMPT_READ,
        change=Permission.PROMPT_DELETE,
        restore=_alone(restore_prompt),
    ),
    "test": AssetKind(
        title="Test",
        row=Test,
        name=Test.prompt,
        about=func.coalesce(Test.expected, ""),
        read=Permission.TEST_READ,
        change=Permission.TEST_DELETE,
        restore=_alone(restore_test),
    ),
    "test_set": AssetKind(
        title="Test set",
        row=TestSet,
        name=TestSet.name,
        about=TestSet.description,
        read=Permission.TEST_SET_READ,
        change=Permission.TEST_SET_DELETE,
        restore=_alone(restore_test_set),
    ),
    "schedule": AssetKind(
        title="Schedule",
        row=Schedule,
        name=Schedule.name,
        about=Schedule.cron + literal(" ") + Schedule.time_zone,
        read=Permission.RUN_READ,
        change=Permission.RUN_EXECUTE,
        restore=_alone(restore_schedule),
    ),
    "gate": AssetKind(
        title="Gate",
        row=Gate,
        name=Gate.name,
        about=literal(""),
        read=Permission.RUN_READ,
        change=Permission.GATE_MANAGE,
        restore=_alone(restore_gate),
    ),
}
