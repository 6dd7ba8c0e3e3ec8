"""Criteria that a judge takes from a version of a prompt."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, and_, false, func, literal, or_, union_all

from rhesis_app.authoring.models import Prompt, PromptVersion
from rhesis_app.authoring.queries.prompt_choices import text_of_version
from rhesis_app.authoring.rules.metrics import CRITERIA, takes_criteria
from rhesis_app.authoring.rules.prompts import read_template
from rhesis_app.endpoints.models import Model
from rhesis_app.endpoints.queries.models import ModelChoice
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.sdk import EvaluatorSpec

FIELD = "prompt_version_id"
_MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CriteriaOrigin:
    """The version of a prompt that a metric's criteria were taken from; the prompt may have a newer one."""

    prompt_id: UUID
    name: str
    prompt_version_id: UUID
    version: int
    newest_version: int

    @property
    def is_older(self) -> bool:
        """Whether the prompt has a newer version."""
        return self.version < self.newest_version


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeChoices:
    """What a judge's form offers: models, and versions of prompts that can be its criteria, as (id, words)."""

    models: tuple[ModelChoice, ...]
    versions: tuple[tuple[str, str], ...]


def list_judge_choices(scope: Scope, project_id: UUID, also: UUID | None = None) -> JudgeChoices:
    """The live models and the newest version, if it has no variables, of each live prompt, by name, at most 200 of each.

    The version `also` is among them whatever it is; who may not read prompts is offered none.
    """
    models = scope.select(
        Model.id, Model.name, Model.model_name.label("words"), Model.is_default, literal(None, Integer).label("number")
    ).where(Model.project_id == project_id, Model.archived_at.is_(None))
    version = PromptVersion
    is_plain = and_(func.cardinality(version.variables) == 0, version.number == Prompt.version)
    versions = (
        scope.select(version.id, Prompt.name, literal("").label("words"), false(), version.number)
        .join(Prompt, and_(Prompt.organization_id == version.organization_id, Prompt.id == version.prompt_id))
        .where(Prompt.project_id == project_id)
        .where(or_(version.id == also, and_(Prompt.archived_at.is_(None), is_plain)))
    )
    parts = [models.order_by(Model.name).limit(_MOST)]
    if scope.may(Permission.PROMPT_READ, project=project_id):
        parts.append(versions.order_by((version.id == also).desc(), Prompt.name, Prompt.id).limit(_MOST))
    # one statement: the page that asks has a budget
    rows = sorted(scope.session.execute(union_all(*parts)), key=lambda row: (row.name, row.id))
    return JudgeChoices(
        models=tuple(
            ModelChoice(id=row.id, name=row.name, model_name=row.words, is_default=row.is_default)
            for row in rows
            if row.number is None
        ),
        versions=tuple((str(row.id), f"{row.name}, version {row.number}") for row in rows if row.number is not None),
    )


def with_criteria(
    scope: Scope, project_id: UUID, spec: EvaluatorSpec, params: Mapping[str, Any], version_id: UUID | None
) -> Mapping[str, Any]:
    """The params with the version's text as the criteria, and as they are without a version.

    Raises Invalid at `prompt_version_id` for a version that cannot be taken here, or an evaluator that takes none.
    """
    if version_id is None:
        return params
    if not takes_criteria(spec):
        raise Invalid.field(FIELD, f"The evaluator {spec.key} has no criteria for a judge. Leave this empty.")
    return {**params, CRITERIA: plain(text_of_version(scope, project_id, version_id))}


def plain(text: str) -> str:
    """The text, when it has no variables. Raises Invalid at `prompt_version_id`."""
    if names := read_template(text).names:
        said = ", ".join(names[:5])
        sentence = (
            f"This text has variables ({said}). A judge's criteria are the same for every answer: take a text without."
        )
        raise Invalid.field(FIELD, sentence)
    return text
