"""What is asked of imports: an upload as it would be taken over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func

from rhesis_app.authoring.models import ImportSession, TestSet, TestSetVersion
from rhesis_app.authoring.rules.import_files import RawRow, RowProblem
from rhesis_app.authoring.rules.import_rows import ReadyTest, tests_of
from rhesis_app.kernel.errors import NotFound
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope

PREVIEWED = 10
GONE = "There is no such upload here. Uploads that are not confirmed are kept for a day: upload the file again."


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewTest:
    """A row as the test it will become."""

    row: int
    prompt: str
    expected: str | None
    requirement: str | None
    messages: tuple[Mapping[str, Any], ...]
    context: tuple[str, ...]
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportView:
    """An upload: `rows` were found, `ready` of them become tests, each of the others has at least one problem.

    `mapping` says for each column which field it becomes. `test_set_id` is set once it is confirmed.
    """

    id: UUID
    project_id: UUID
    file_name: str
    test_set_name: str
    rows: int
    ready: int
    problems: tuple[RowProblem, ...]
    preview: tuple[PreviewTest, ...]
    columns: tuple[str, ...]
    mapping: Mapping[str, str]
    test_set_id: UUID | None
    confirmed_at: datetime | None
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedSet:
    """What an import made."""

    test_set_id: UUID
    version: int
    test_count: int


def get_import(scope: Scope, import_id: UUID) -> ImportView:
    """One upload with its problems and the first tests; NotFound for strangers and after its day is over."""
    row = live_import(scope, import_id)
    return view_import(scope, row)


def live_import(scope: Scope, import_id: UUID, *, lock: bool = False) -> ImportSession:
    """The row, when the actor may import there and it has not expired."""
    query = scope.select(ImportSession).where(
        ImportSession.id == import_id,
        ImportSession.confirmed_at.is_not(None) | (ImportSession.expires_at > func.now()),
    )
    row = scope.session.scalars(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound(GONE)
    scope.require(Permission.TEST_SET_WRITE, project=row.project_id)
    return row


def read_tests(row: ImportSession) -> tuple[list[ReadyTest], list[RowProblem]]:
    """The tests of an upload by its mapping, and every problem, by row."""
    raw = [RawRow(row=int(item["row"]), cells=item["cells"]) for item in row.rows]
    ready, problems = tests_of(raw, {column: row.mapping[column] for column in row.columns})
    return ready, sorted([*_problems(row), *problems], key=lambda problem: problem.row)


def view_import(scope: Scope, row: ImportSession) -> ImportView:
    """The row as it is shown."""
    if row.confirmed_at is not None:
        made = imported_set(scope, row)
        return _view(row, rows=made.test_count + _left_out(_problems(row)), ready=made.test_count, tests=())
    ready, problems = read_tests(row)
    refused = {problem["row"] for problem in row.problems}
    return _view(row, rows=len(row.rows) + len(refused), ready=len(ready), tests=ready, problems=problems)


def imported_set(scope: Scope, row: ImportSession) -> ImportedSet:
    """What a confirmed upload made: the first version of its test set."""
    query = scope.select(TestSetVersion.number, TestSetVersion.test_count).where(
        TestSetVersion.test_set_id == row.test_set_id, TestSetVersion.number == 1
    )
    number, test_count = scope.session.execute(query).one()
    assert row.test_set_id is not None
    return ImportedSet(test_set_id=row.test_set_id, version=number, test_count=test_count)


def free_set_name(scope: Scope, project_id: UUID, wanted: str) -> str:
    """`wanted`, or the first of `wanted 2`, `wanted 3`, … that no live test set of the project has."""
    stem = wanted[:110].strip()
    query = scope.select(TestSet.name).where(
        TestSet.project_id == project_id,
        TestSet.archived_at.is_(None),
        TestSet.name.startswith(stem, autoescape=True),
    )
    taken = set(scope.session.scalars(query))
    names = (stem if number == 1 else f"{stem} {number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def _problems(row: ImportSession) -> list[RowProblem]:
    return [RowProblem(**item) for item in row.problems]


def _left_out(problems: Sequence[RowProblem]) -> int:
    return len({problem.row for problem in problems})


def _view(
    row: ImportSession,
    *,
    rows: int,
    ready: int,
    tests: Sequence[ReadyTest],
    problems: Sequence[RowProblem] | None = None,
) -> ImportView:
    return ImportView(
        id=row.id,
        project_id=row.project_id,
        file_name=row.file_name,
        test_set_name=row.test_set_name,
        rows=rows,
        ready=ready,
        problems=tuple(_problems(row) if problems is None else problems),
        preview=tuple(_preview(test) for test in tests[:PREVIEWED]),
        columns=tuple(row.columns),
        mapping=row.mapping,
        test_set_id=row.test_set_id,
        confirmed_at=row.confirmed_at,
        expires_at=row.expires_at,
    )


def _preview(test: ReadyTest) -> PreviewTest:
    return PreviewTest(row=test.row, **{name: getattr(test.content, name) for name in _PREVIEW_FIELDS})


_PREVIEW_FIELDS = ("prompt", "expected", "requirement", "messages", "context", "metadata")
