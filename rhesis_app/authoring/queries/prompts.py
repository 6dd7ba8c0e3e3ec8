"""What is asked of prompts and their versions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, select, true

from rhesis_app.authoring.models import Metric, Prompt, PromptVersion, Test
from rhesis_app.authoring.queries.narrowing import in_projects, total_of
from rhesis_app.authoring.rules.names import search_text
from rhesis_app.authoring.rules.prompts import LARGEST, read_template
from rhesis_app.endpoints.models import Endpoint
from rhesis_app.kernel.diff import Piece, word_diff
from rhesis_app.kernel.errors import Invalid, NotFound
from rhesis_app.kernel.etags import etag
from rhesis_app.kernel.paging import By, Page, PageRequest, keyset, page_of
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.models import User


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptView:
    """A prompt with its newest version's number, id, text and variables; how many live tests, metrics and endpoints use any version.

    Of the tests and metrics, `older_test_count` and `older_metric_count` use an older one.
    """

    id: UUID
    project_id: UUID
    name: str
    version: int
    version_id: UUID
    template: str
    variables: tuple[str, ...]
    test_count: int
    older_test_count: int
    metric_count: int
    older_metric_count: int
    endpoint_count: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptVersionView:
    """A prompt's text under its number, with what its author noted."""

    id: UUID
    prompt_id: UUID
    version: int
    template: str
    variables: tuple[str, ...]
    note: str
    author: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFilter:
    """Which prompts to list: of one project, with `q` in the name, live or archived ones."""

    project_id: UUID | None = None
    q: str = ""
    archived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptDiff:
    """Two versions' texts, what only one of them has marked. Texts past 3,000 words come whole, with `is_too_long`."""

    from_version: int
    to_version: int
    before: tuple[Piece, ...]
    after: tuple[Piece, ...]
    is_too_long: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptPreview:
    """A text with values filled in; `version` is none for one that is not saved."""

    version: int | None
    text: str
    variables: tuple[str, ...]


_NEWEST = and_(
    PromptVersion.organization_id == Prompt.organization_id,
    PromptVersion.prompt_id == Prompt.id,
    PromptVersion.number == Prompt.version,
)


def list_prompts(scope: Scope, request: PageRequest, chosen: PromptFilter) -> Page[PromptView]:
    """Prompts by name."""
    query = in_projects(scope, _rows(scope), Prompt.project_id, Permission.PROMPT_READ, chosen.project_id)
    query = query.where(Prompt.archived_at.is_not(None) if chosen.archived else Prompt.archived_at.is_(None))
    if words := search_text(chosen.q):
        query = query.where(Prompt.name.icontains(words, autoescape=True))
    rows = scope.session.execute(keyset(query, [By(Prompt.name), By(Prompt.id)], request)).all()
    total = scope.session.scalar(total_of(query)) if request.count else None
    return page_of(
        rows, request, key=lambda found: (found[0].name, found[0].id), view=lambda found: _view(*found), total=total
    )


def get_prompt(scope: Scope, prompt_id: UUID) -> PromptView:
    """One prompt, archived or not; NotFound for strangers."""
    query = _rows(scope).where(Prompt.id == prompt_id).execution_options(populate_existing=True)
    found = scope.session.execute(query).one_or_none()
    if found is None:
        raise NotFound("There is no such prompt here.")
    scope.require(Permission.PROMPT_READ, project=found[0].project_id)
    return _view(*found)


def list_versions(scope: Scope, prompt_id: UUID, request: PageRequest) -> Page[PromptVersionView]:
    """The versions of a prompt, newest first. Raises NotFound when there is no such prompt."""
    get_prompt(scope, prompt_id)
    return versions_of(scope, prompt_id, request)


def versions_of(scope: Scope, prompt_id: UUID, request: PageRequest) -> Page[PromptVersionView]:
    """As `list_versions`, for a prompt that was read a moment ago."""
    query = _versions(scope, prompt_id)
    rows = scope.session.execute(keyset(query, [By(PromptVersion.number, descending=True)], request)).all()
    total = scope.session.scalar(total_of(query)) if request.count else None
    return page_of(
        rows, request, key=lambda found: (found[0].number,), view=lambda found: view_version(*found), total=total
    )


def get_version(scope: Scope, prompt_id: UUID, number: int) -> PromptVersionView:
    """One version by its number; NotFound when there is none, and for strangers."""
    get_prompt(scope, prompt_id)
    return version_of(scope, prompt_id, number)


def version_of(scope: Scope, prompt_id: UUID, number: int) -> PromptVersionView:
    """As `get_version`, for a prompt that was read a moment ago."""
    found = _found(scope, prompt_id, (number,))
    return found[number]


def diff_versions(scope: Scope, prompt_id: UUID, before: int, after: int) -> PromptDiff:
    """What changed between two versions' texts, word by word. Raises NotFound."""
    get_prompt(scope, prompt_id)
    found = _found(scope, prompt_id, (before, after))
    sides = word_diff(found[before].template, found[after].template)
    return PromptDiff(
        from_version=before,
        to_version=after,
        before=sides.before,
        after=sides.after,
        is_too_long=sides.is_too_long,
    )


def preview_prompt(
    scope: Scope, prompt_id: UUID, values: Mapping[str, Any], *, number: int | None = None, template: str | None = None
) -> PromptPreview:
    """A version's text, or one that is not saved, with values filled in; without either the newest version's.

    Raises Invalid at `template` or `values.<name>`, NotFound.
    """
    if number is not None and template is not None:
        raise Invalid.field("template", "Give a version or a template, not both.")
    prompt = get_prompt(scope, prompt_id)
    shown = None if template is not None else number or prompt.version
    if template is None:
        template = prompt.template if shown == prompt.version else version_of(scope, prompt_id, shown or 0).template
    read = read_template(template)
    return PromptPreview(version=shown, text=read.render(values), variables=read.names)


def view_version(row: PromptVersion, author: str | None) -> PromptVersionView:
    """The row as it is shown."""
    return PromptVersionView(
        id=row.id,
        prompt_id=row.prompt_id,
        version=row.number,
        template=row.template,
        variables=tuple(row.variables),
        note=row.note,
        author=author,
        created_at=row.created_at,
    )


def _found(scope: Scope, prompt_id: UUID, numbers: tuple[int, ...]) -> dict[int, PromptVersionView]:
    possible = [number for number in numbers if number <= LARGEST]
    rows = scope.session.execute(_versions(scope, prompt_id).where(PromptVersion.number.in_(possible)))
    found = {row.number: view_version(row, author) for row, author in rows}
    missing = [number for number in numbers if number not in found]
    if missing:
        raise NotFound(f"This prompt has no version {missing[0]}.")
    return found


def _versions(scope: Scope, prompt_id: UUID) -> Select[Any]:
    return (
        scope.select(PromptVersion, User.name)
        .outerjoin(User, User.id == PromptVersion.author_id)
        .where(PromptVersion.prompt_id == prompt_id)
    )


def _rows(scope: Scope) -> Select[Any]:
    return scope.select(
        Prompt,
        PromptVersion.id,
        PromptVersion.template,
        PromptVersion.variables,
        _uses(Test),
        _uses(Test, only_older=True),
        _uses(Metric),
        _uses(Metric, only_older=True),
        _uses(Endpoint),
    ).join(PromptVersion, _NEWEST)


def _uses(row_class: type[Test | Metric | Endpoint], *, only_older: bool = False) -> ColumnElement[int]:
    """How many live rows use any version of the prompt, or `only_older` ones."""
    used = PromptVersion.__table__.alias("used")
    its = and_(used.c.organization_id == row_class.organization_id, used.c.id == row_class.prompt_version_id)
    return (
        select(func.count())
        .select_from(row_class)
        .join(used, its)
        .where(used.c.organization_id == Prompt.organization_id, used.c.prompt_id == Prompt.id)
        .where(row_class.archived_at.is_(None), used.c.number < Prompt.version if only_older else true())
        .correlate(Prompt)
        .scalar_subquery()
    )


def _view(row: Prompt, version_id: UUID, template: str, variables: list[str], *uses: int) -> PromptView:
    test_count, older_test_count, metric_count, older_metric_count, endpoint_count = uses
    return PromptView(
        id=row.id,
        project_id=row.project_id,
        name=row.name,
        version=row.version,
        version_id=version_id,
        template=template,
        variables=tuple(variables),
        test_count=test_count,
        older_test_count=older_test_count,
        metric_count=metric_count,
        older_metric_count=older_metric_count,
        endpoint_count=endpoint_count,
        created_at=row.created_at,
        updated_at=row.updated_at,
        archived_at=row.archived_at,
        etag=etag(row.id, row.updated_at),
    )
