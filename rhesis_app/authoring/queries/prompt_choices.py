"""Prompts and their versions where one is chosen: by a test, by an endpoint."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import and_, or_

from rhesis_app.authoring.models import Prompt, PromptVersion
from rhesis_app.authoring.rules.prompts import LARGEST
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.queries import get_project

_OF_PROMPT = and_(Prompt.organization_id == PromptVersion.organization_id, Prompt.id == PromptVersion.prompt_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptChoice:
    """A prompt to choose in a form."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenVersion:
    """A version that a form takes its text from."""

    prompt_id: UUID
    name: str
    version: int
    newest_version: int
    template: str


def list_prompt_choices(scope: Scope, project_id: UUID) -> tuple[PromptChoice, ...]:
    """The live prompts of a project to choose from, by name, at most 200; none for who may not read them."""
    if not scope.may(Permission.PROMPT_READ, project=project_id):
        return ()
    query = (
        scope.select(Prompt.id, Prompt.name)
        .where(Prompt.project_id == project_id, Prompt.archived_at.is_(None))
        .order_by(Prompt.name, Prompt.id)
        .limit(200)
    )
    return tuple(PromptChoice(id=found, name=name) for found, name in scope.session.execute(query))


def taken_version(scope: Scope, project_id: UUID, prompt_id: UUID, number: int | None) -> TakenVersion | None:
    """The version of that number, or the newest where there is none of it; None when the project has no such prompt."""
    scope.require(Permission.PROMPT_READ, project=project_id)
    wanted = number if number is not None and number <= LARGEST else 0
    query = (
        scope.select(Prompt.id, Prompt.name, PromptVersion.number, Prompt.version, PromptVersion.template)
        .join(PromptVersion, _OF_PROMPT)
        .where(Prompt.project_id == project_id, Prompt.id == prompt_id)
        .where(or_(PromptVersion.number == wanted, PromptVersion.number == Prompt.version))
        .order_by((PromptVersion.number == wanted).desc())
        .limit(1)
    )
    found = scope.session.execute(query).one_or_none()
    if found is None:
        return None
    return TakenVersion(prompt_id=found[0], name=found[1], version=found[2], newest_version=found[3], template=found[4])


def text_of_version(scope: Scope, project_id: UUID, version_id: UUID) -> str:
    """The text of a version of a live prompt of the project. Raises Invalid at `prompt_version_id`, NotFound for the project."""
    scope.require(Permission.PROMPT_READ, project=project_id)
    query = (
        scope.select(PromptVersion.template)
        .join(Prompt, _OF_PROMPT)
        .where(PromptVersion.id == version_id, Prompt.project_id == project_id, Prompt.archived_at.is_(None))
    )
    found: str | None = scope.session.scalar(query)
    if found is None:
        get_project(scope, project_id)  # to a stranger there is no project either
        raise Invalid.field("prompt_version_id", "Choose a version of a prompt of this project that is not archived.")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionChoice:
    """A version to choose in a form; the prompt may have a newer one."""

    id: UUID
    prompt_id: UUID
    name: str
    version: int
    newest_version: int

    @property
    def label(self) -> str:
        """As it is read in a list."""
        return f"{self.name}, version {self.version}"


def list_version_choices(scope: Scope, project_id: UUID, also: UUID | None = None) -> tuple[VersionChoice, ...]:
    """The newest version of each live prompt, at most 200, and the version `also` before them; none for who may not read them."""
    if not scope.may(Permission.PROMPT_READ, project=project_id):
        return ()
    is_newest = and_(PromptVersion.number == Prompt.version, Prompt.archived_at.is_(None))
    columns = (PromptVersion.id, PromptVersion.prompt_id, Prompt.name, PromptVersion.number, Prompt.version)
    query = (
        scope.select(*columns)
        .join(Prompt, _OF_PROMPT)
        .where(Prompt.project_id == project_id, or_(is_newest, PromptVersion.id == also))
        .order_by((PromptVersion.id == also).desc(), Prompt.name, Prompt.id)
        .limit(200)
    )
    return tuple(
        VersionChoice(id=found[0], prompt_id=found[1], name=found[2], version=found[3], newest_version=found[4])
        for found in scope.session.execute(query)
    )
