"""What is asked of tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func

from rhesis_app.authoring.models import Prompt, PromptVersion, Requirement, Test, TestSet, TestSetItem
from rhesis_app.authoring.queries.narrowing import in_projects, total_of, total_to
from rhesis_app.authoring.rules.names import search_text
from rhesis_app.kernel.errors import NotFound
from rhesis_app.kernel.etags import etag
from rhesis_app.kernel.paging import By, Page, PageRequest, keyset, page_of
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope

SHOWN = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptOrigin:
    """The version of a prompt that a test's text was taken from, with the values put in; the prompt may have a newer one."""

    prompt_id: UUID
    name: str
    prompt_version_id: UUID
    version: int
    newest_version: int
    values: Mapping[str, Any]

    @property
    def is_older(self) -> bool:
        """Whether the prompt has a newer version."""
        return self.version < self.newest_version


@dataclass(frozen=True, slots=True, kw_only=True)
class TestView:
    """A test with the name of its requirement; `messages` are the turns before the prompt.

    With a `prompt_source` the prompt is the text that was rendered from it. `trials` is how often a run asks it, null as
    often as the run says.
    """

    __test__ = False

    id: UUID
    project_id: UUID
    kind: str
    prompt: str
    expected: str | None
    requirement: str | None
    requirement_id: UUID | None
    messages: tuple[Mapping[str, Any], ...]
    context: tuple[str, ...]
    metadata: Mapping[str, Any]
    prompt_source: PromptOrigin | None
    trials: int | None
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TestLine:
    """A test as a row of a page: the beginnings of its texts. `position` is its place in the test set listed, if one is."""

    __test__ = False

    id: UUID
    prompt: str
    expected: str | None
    requirement: str | None
    requirement_id: UUID | None
    message_count: int
    position: int | None
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFilter:
    """Which tests to list: of one project, requirement, prompt or test set, with `q` in the prompt, live or archived ones."""

    __test__ = False

    project_id: UUID | None = None
    requirement_id: UUID | None = None
    prompt_id: UUID | None = None
    test_set_id: UUID | None = None
    q: str = ""
    archived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOfTest:
    """A test set that a test is in."""

    id: UUID
    name: str


_IN_SET = and_(TestSetItem.organization_id == Test.organization_id, TestSetItem.test_id == Test.id)
_OF_REQUIREMENT = and_(Requirement.organization_id == Test.organization_id, Requirement.id == Test.requirement_id)


_OF_VERSION = and_(PromptVersion.organization_id == Test.organization_id, PromptVersion.id == Test.prompt_version_id)
_OF_PROMPT = and_(Prompt.organization_id == PromptVersion.organization_id, Prompt.id == PromptVersion.prompt_id)
_ORIGIN = (Prompt.id, Prompt.name, PromptVersion.id, PromptVersion.number, Prompt.version)


def list_tests(scope: Scope, request: PageRequest, chosen: TestFilter) -> Page[TestView]:
    """Tests, newest first; those of a test set in its order."""
    query = _narrowed(scope, scope.select(Test, Requirement.name, *_ORIGIN, *_place(chosen)), chosen)
    query = query.outerjoin(PromptVersion, _OF_VERSION).outerjoin(Prompt, _OF_PROMPT)
    rows = scope.session.execute(keyset(query, _order(chosen), request)).all()
    return page_of(
        rows,
        request,
        key=lambda found: (*found[7:], found[0].id),
        view=lambda found: _view(found[0], found[1], found[2:7]),
        total=_total(scope, query, request),
    )


def list_test_lines(scope: Scope, request: PageRequest, chosen: TestFilter) -> Page[TestLine]:
    """As `list_tests`, with only the first characters of long texts; its total ends at one more than `COUNTED_TO`."""
    columns = (
        Test.id,
        func.left(Test.prompt, SHOWN).label("prompt"),
        func.left(Test.expected, SHOWN).label("expected"),
        Requirement.name.label("requirement"),
        Test.requirement_id,
        func.jsonb_array_length(Test.messages).label("message_count"),
        Test.updated_at,
        *_place(chosen),
    )
    query = _narrowed(scope, scope.select(*columns), chosen)
    rows = scope.session.execute(keyset(query, _order(chosen), request)).mappings().all()
    return page_of(
        rows,
        request,
        key=lambda row: (row["position"], row["id"]) if chosen.test_set_id else (row["id"],),
        view=lambda row: TestLine(**{"position": None, **row}),
        total=scope.session.scalar(total_to(query, Test.id)) if request.count else None,
    )


def matching_test_ids(
    scope: Scope, chosen: TestFilter, *, only: Sequence[UUID] | None = None, limit: int
) -> list[UUID]:
    """Ids of the tests that a filter lets through, at most `limit`; with `only`, of these alone."""
    query = _narrowed(scope, scope.select(Test.id), chosen)
    if only is not None:
        query = query.where(Test.id.in_(only))
    return list(scope.session.scalars(query.order_by(Test.id).limit(limit)))


def get_test(scope: Scope, test_id: UUID) -> TestView:
    """One test, archived or not; NotFound for strangers."""
    query = (
        scope.select(Test, Requirement.name, *_ORIGIN)
        .select_from(Test)
        .outerjoin(Requirement, _OF_REQUIREMENT)
        .outerjoin(PromptVersion, _OF_VERSION)
        .outerjoin(Prompt, _OF_PROMPT)
        .where(Test.id == test_id)
    )
    found = scope.session.execute(query.execution_options(populate_existing=True)).one_or_none()
    if found is None:
        raise NotFound("There is no such test here.")
    row, requirement, *origin = found
    scope.require(Permission.TEST_READ, project=row.project_id)
    return _view(row, requirement, origin)


def sets_of_test(scope: Scope, test_id: UUID) -> tuple[SetOfTest, ...]:
    """The live test sets that a test is in, by name, at most 50."""
    query = (
        scope.select(TestSet.id, TestSet.name)
        .join(
            TestSetItem,
            (TestSetItem.organization_id == TestSet.organization_id) & (TestSetItem.test_set_id == TestSet.id),
        )
        .where(TestSetItem.test_id == test_id, TestSet.archived_at.is_(None))
        .order_by(TestSet.name, TestSet.id)
        .limit(50)
    )
    return tuple(SetOfTest(id=set_id, name=name) for set_id, name in scope.session.execute(query))


def _narrowed(scope: Scope, query: Select[Any], chosen: TestFilter) -> Select[Any]:
    query = query.select_from(Test).outerjoin(Requirement, _OF_REQUIREMENT)
    query = in_projects(scope, query, Test.project_id, Permission.TEST_READ, chosen.project_id)
    query = query.where(Test.archived_at.is_not(None) if chosen.archived else Test.archived_at.is_(None))
    if chosen.test_set_id is not None:
        query = query.join(TestSetItem, _IN_SET).where(TestSetItem.test_set_id == chosen.test_set_id)
    if chosen.requirement_id is not None:
        query = query.where(Test.requirement_id == chosen.requirement_id)
    if chosen.prompt_id is not None:
        versions = scope.select(PromptVersion.id).where(PromptVersion.prompt_id == chosen.prompt_id)
        query = query.where(Test.prompt_version_id.in_(versions))
    if words := search_text(chosen.q):
        query = query.where(Test.prompt.icontains(words, autoescape=True))
    return query


def _place(chosen: TestFilter) -> tuple[ColumnElement[int], ...]:
    return (TestSetItem.position.expression,) if chosen.test_set_id is not None else ()


def _order(chosen: TestFilter) -> list[By]:
    if chosen.test_set_id is not None:
        return [By(TestSetItem.position), By(Test.id)]
    return [By(Test.id, descending=True)]


def _total(scope: Scope, query: Select[Any], request: PageRequest) -> int | None:
    return scope.session.scalar(total_of(query)) if request.count else None


def _origin(row: Test, found: Sequence[Any]) -> PromptOrigin | None:
    prompt_id, name, version_id, number, newest = found
    if prompt_id is None:
        return None
    return PromptOrigin(
        prompt_id=prompt_id,
        name=name,
        prompt_version_id=version_id,
        version=number,
        newest_version=newest,
        values=row.prompt_values,
    )


def _view(row: Test, requirement: str | None, origin: Sequence[Any]) -> TestView:
    return TestView(
        id=row.id,
        project_id=row.project_id,
        kind=row.kind,
        prompt=row.prompt,
        expected=row.expected,
        requirement=requirement,
        requirement_id=row.requirement_id,
        messages=tuple(row.messages),
        context=tuple(row.context),
        metadata=row.facts,
        prompt_source=_origin(row, origin),
        trials=row.trials,
        created_at=row.created_at,
        updated_at=row.updated_at,
        archived_at=row.archived_at,
        etag=etag(row.id, row.updated_at),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementChoice:
    """A requirement to choose in a form."""

    id: UUID
    name: str


def list_requirement_choices(scope: Scope, project_id: UUID) -> tuple[RequirementChoice, ...]:
    """The live requirements of a project to choose from, by name, at most 200."""
    query = (
        scope.select(Requirement.id, Requirement.name)
        .where(Requirement.project_id == project_id, Requirement.archived_at.is_(None))
        .order_by(Requirement.name, Requirement.id)
        .limit(200)
    )
    return tuple(RequirementChoice(id=found, name=name) for found, name in scope.session.execute(query))
