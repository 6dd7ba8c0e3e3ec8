"""Taking the texts of tests from versions of prompts: looked up once, rendered, and kept as plain text from then on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import and_, or_, tuple_

from rhesis_app.authoring.models import Prompt, PromptVersion, Test
from rhesis_app.authoring.rules.prompts import PromptTemplate, read_template
from rhesis_app.authoring.rules.tests import PromptSource, TestContent
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope

_SAID_AT_ONCE = 50
_UNKNOWN = "The project has no such version of a prompt. List its prompts with GET /api/v1/prompts."
_ARCHIVED = "This prompt is archived. Bring it back, or take the text from another."
_NOWHERE = "This test's text is not taken from a prompt. Say which one with prompt_id or prompt_version_id."


@dataclass(frozen=True, slots=True)
class _Version:
    id: UUID
    prompt_id: UUID
    number: int
    template: str
    is_newest: bool
    is_archived: bool


def take_from_prompts(
    scope: Scope, project_id: UUID, contents: Sequence[TestContent], *, at: str = "", now: Test | None = None
) -> tuple[TestContent, ...]:
    """The contents, those with a source with the text that it gives; `now` is the test that is changed, if one is.

    Raises Invalid at `prompt_version_id`, `prompt_id` or `values.<name>`; with `at` the place of the test stands before
    it (`tests.3.values.order`).
    """
    sources = [_settled(content.source, now) for content in contents if content.source is not None]
    if not sources:
        return tuple(contents)
    scope.require(Permission.PROMPT_READ, project=project_id)
    found = _Found(_versions(scope, project_id, sources), now)
    made: list[TestContent] = []
    errors: dict[str, list[str]] = {}
    for place, content in enumerate(contents):
        try:
            made.append(found.rendered(content) if content.source is not None else content)
        except Invalid as error:
            before = f"{at}{place}." if at else ""
            errors |= {f"{before}{name}": texts for name, texts in error.errors.items()}
        if len(errors) >= _SAID_AT_ONCE:
            break
    if errors:
        raise Invalid(
            " ".join(dict.fromkeys(text for texts in list(errors.values())[:3] for text in texts)), errors=errors
        )
    return tuple(made)


class _Found:
    """The versions that were asked for, each read once."""

    def __init__(self, versions: Sequence[_Version], now: Test | None) -> None:
        self._now = now
        self._by_id = {version.id: version for version in versions}
        self._by_number = {(version.prompt_id, version.number): version for version in versions}
        self._newest = {version.prompt_id: version for version in versions if version.is_newest}
        self._template = cache(lambda version_id: read_template(self._by_id[version_id].template))

    def rendered(self, content: TestContent) -> TestContent:
        """The content with its text and its source by id."""
        source = _settled(content.source or PromptSource(), self._now)
        version = self._version(source)
        template = self._template(version.id)
        values = self._values(source, template)
        filled = replace(
            source, version_id=version.id, prompt_id=version.prompt_id, number=version.number, values=values
        )
        return replace(content, prompt=template.render(values), source=filled)

    def _version(self, source: PromptSource) -> _Version:
        field = "prompt_version_id" if source.version_id is not None else "prompt_id"
        if source.version_id is not None:
            version = self._by_id.get(source.version_id)
        elif source.prompt_id is None:
            raise Invalid.field("values", _NOWHERE)
        elif source.number is None:
            version = self._newest.get(source.prompt_id)
        else:
            version = self._by_number.get((source.prompt_id, source.number))
        if version is None:
            raise Invalid.field(field, _UNKNOWN)
        if version.is_archived and not (self._now and self._now.prompt_version_id == version.id):
            raise Invalid.field(field, _ARCHIVED)
        return version

    def _values(self, source: PromptSource, template: PromptTemplate) -> Mapping[str, Any]:
        if source.values is not None:
            return source.values
        kept = self._now.prompt_values if self._now else {}
        return {name: value for name, value in kept.items() if name in template.names}


def _settled(source: PromptSource, now: Test | None) -> PromptSource:
    """A source that names no version means the one that the test has."""
    if now is None or source.version_id is not None or source.prompt_id is not None:
        return source
    return replace(source, version_id=now.prompt_version_id)


def _versions(scope: Scope, project_id: UUID, sources: Sequence[PromptSource]) -> list[_Version]:
    ids = {source.version_id for source in sources if source.version_id is not None}
    numbered = {(source.prompt_id, source.number) for source in sources if source.prompt_id and source.number}
    newest = {source.prompt_id for source in sources if source.prompt_id and source.number is None}
    version = PromptVersion
    query = (
        scope.select(
            version.id,
            version.prompt_id,
            version.number,
            version.template,
            version.number == Prompt.version,
            Prompt.archived_at.is_not(None),
        )
        .join(Prompt, and_(Prompt.organization_id == version.organization_id, Prompt.id == version.prompt_id))
        .where(Prompt.project_id == project_id)
        .where(
            or_(
                version.id.in_(ids),
                tuple_(version.prompt_id, version.number).in_(numbered),
                and_(version.prompt_id.in_(newest), version.number == Prompt.version),
            )
        )
    )
    return [_Version(*row) for row in scope.session.execute(query)]
