"""What changes prompts: their versions are only ever added."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, text

from rhesis_app.authoring.actions.conflicts import unique_name
from rhesis_app.authoring.models import Prompt
from rhesis_app.authoring.queries.prompts import PromptVersionView, PromptView, get_prompt, version_of
from rhesis_app.authoring.rules.names import check_name
from rhesis_app.authoring.rules.prompts import check_note, read_template
from rhesis_app.kernel.errors import Conflict
from rhesis_app.kernel.etags import require_match
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.queries import get_project

TAKEN = "There is a prompt of this name in the project already. Choose another."
ARCHIVED = "This prompt is archived. Bring it back, then save a version."
_NAME_IS_UNIQUE = "uq_prompt_name"
# The number is counted up on the prompt's own row: whoever comes second waits for it, and no number is given twice or left out.
_ADD = text(
    """
WITH counted AS (
  UPDATE prompt SET version = version + 1, updated_at = now() WHERE organization_id = :organization AND id = :prompt
  RETURNING version
)
INSERT INTO prompt_version (id, organization_id, prompt_id, number, template, variables, note, author_id)
SELECT :id, :organization, :prompt, c.version, :template, :variables, :note, :author FROM counted c
RETURNING number
"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPrompt:
    """A prompt to make with its version 1."""

    project_id: UUID
    name: str
    template: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPromptVersion:
    """A text to save under the next number."""

    template: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPromptVersion(PromptVersionView):
    """The version that holds the text; not `is_new` when the newest version held it already and nothing was written."""

    is_new: bool


def create_prompt(scope: Scope, new: NewPrompt) -> PromptView:
    """Make a prompt. Raises Invalid at a field, NotFound for the project, Conflict for a taken name."""
    scope.require(Permission.PROMPT_WRITE, project=new.project_id)
    version = NewPromptVersion(template=new.template, note=new.note)
    row = Prompt(
        id=new_id(),
        project_id=get_project(scope, new.project_id).id,
        name=check_name(new.name, what="prompt"),
    )
    with unique_name(_NAME_IS_UNIQUE, TAKEN), scope.atomic() as session:
        session.add(row)
        session.flush()
        _add(scope, row.id, version)
        scope.record("prompt.create", "prompt", row.id, name=row.name)
        return get_prompt(scope, row.id)


def save_prompt_version(
    scope: Scope, prompt_id: UUID, new: NewPromptVersion, *, if_match: str | None = None
) -> SavedPromptVersion:
    """Save a text as the next version; a text that is the newest version's already gives that one, and writes nothing.

    Raises Invalid at a field, NotFound, Conflict when the prompt is archived, PreconditionFailed.
    """
    with scope.atomic():
        row = _held(scope, prompt_id, Permission.PROMPT_WRITE)
        require_match(if_match, row.id, row.updated_at)
        if row.archived_at is not None:
            raise Conflict(ARCHIVED)
        newest = version_of(scope, row.id, row.version)
        if newest.template == new.template:
            return _saved(newest, is_new=False)
        number = _add(scope, row.id, new)
        scope.record("prompt.save_version", "prompt", row.id, version=number)
        return _saved(version_of(scope, row.id, number), is_new=True)


def rename_prompt(scope: Scope, prompt_id: UUID, name: str, *, if_match: str | None = None) -> PromptView:
    """Give a prompt another name. Raises Invalid at `name`, NotFound, Conflict for a taken name, PreconditionFailed."""
    with unique_name(_NAME_IS_UNIQUE, TAKEN), scope.atomic() as session:
        row = _held(scope, prompt_id, Permission.PROMPT_WRITE)
        require_match(if_match, row.id, row.updated_at)
        row.name = check_name(name, what="prompt")
        session.flush()
        scope.record("prompt.update", "prompt", row.id)
        return get_prompt(scope, row.id)


def archive_prompt(scope: Scope, prompt_id: UUID) -> PromptView:
    """Put a prompt aside; tests and runs keep what they took from it. Doing it twice changes nothing."""
    with scope.atomic() as session:
        row = _held(scope, prompt_id, Permission.PROMPT_DELETE)
        if row.archived_at is None:
            row.archived_at = func.now()
            session.flush()
            scope.record("prompt.archive", "prompt", row.id, name=row.name)
        return get_prompt(scope, row.id)


def restore_prompt(scope: Scope, prompt_id: UUID) -> PromptView:
    """Bring an archived prompt back. Raises Conflict when its name is taken by now."""
    with unique_name(_NAME_IS_UNIQUE, TAKEN), scope.atomic() as session:
        row = _held(scope, prompt_id, Permission.PROMPT_DELETE)
        if row.archived_at is not None:
            row.archived_at = None
            session.flush()
            scope.record("prompt.restore", "prompt", row.id, name=row.name)
        return get_prompt(scope, row.id)


def _add(scope: Scope, prompt_id: UUID, new: NewPromptVersion) -> int:
    template = read_template(new.template)
    written = {
        "id": new_id(),
        "organization": scope.organization_id,
        "prompt": prompt_id,
        "template": new.template,
        "variables": list(template.names),
        "note": check_note(new.note),
        "author": scope.actor.user_id,
    }
    return int(scope.session.execute(_ADD, written).scalar_one())


def _saved(view: PromptVersionView, *, is_new: bool) -> SavedPromptVersion:
    return SavedPromptVersion(
        id=view.id,
        prompt_id=view.prompt_id,
        version=view.version,
        template=view.template,
        variables=view.variables,
        note=view.note,
        author=view.author,
        created_at=view.created_at,
        is_new=is_new,
    )


def _held(scope: Scope, prompt_id: UUID, permission: Permission) -> Prompt:
    """The row, locked until the transaction ends, when the actor may change it."""
    row = scope.get(Prompt, prompt_id, lock=True)
    scope.require(permission, project=row.project_id)
    return row
