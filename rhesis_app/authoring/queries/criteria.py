"""Criteria that a judge takes from a version of a prompt."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from rhesis_app.authoring.queries.prompt_choices import text_of_version
from rhesis_app.authoring.rules.metrics import CRITERIA, takes_criteria
from rhesis_app.authoring.rules.prompts import read_template
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.scope import Scope
from rhesis_app.sdk import EvaluatorSpec

FIELD = "prompt_version_id"


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
