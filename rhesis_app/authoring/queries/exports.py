"""Writing a test set down as a file."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal
from uuid import UUID

from sqlalchemy import Select

from rhesis_app.authoring.models import (
    Requirement,
    Test,
    TestSetItem,
    TestSetVersionItem,
    TestVersion,
)
from rhesis_app.authoring.queries.sets import get_test_set, get_version
from rhesis_app.authoring.rules.portable import csv_lines, jsonl_lines
from rhesis_app.authoring.rules.tests import TestContent
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.rules import slug_of

Format = Literal["jsonl", "csv"]
_BATCH = 500
_WRITERS: dict[Format, tuple[Callable[[Iterable[TestContent]], Iterator[str]], str]] = {
    "jsonl": (jsonl_lines, "application/x-ndjson"),
    "csv": (csv_lines, "text/csv; charset=utf-8"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A file to be written: `write` reads the tests batch by batch while it fills the file."""

    file_name: str
    media_type: str
    write: Callable[[BinaryIO], None]


def open_export(scope: Scope, test_set_id: UUID, file_format: Format, *, version: int | None = None) -> Export:
    """The live tests of a test set, or those of a version, as a file that can be imported again. Raises NotFound."""
    view = get_test_set(scope, test_set_id)
    scope.require(Permission.TEST_READ, project=view.project_id)
    frozen = get_version(scope, test_set_id, version) if version is not None else None
    tests = _frozen(scope, frozen.id) if frozen else _live(scope, test_set_id)
    lines, media_type = _WRITERS[file_format]
    name = slug_of(view.name, otherwise="test-set") + (f"-v{version}" if version is not None else "")

    def write(file: BinaryIO) -> None:
        file.writelines(line.encode() for line in lines(tests))

    return Export(file_name=f"{name}.{file_format}", media_type=media_type, write=write)


def _live(scope: Scope, test_set_id: UUID) -> Iterator[TestContent]:
    item = TestSetItem
    query = (
        scope.select(Test, Requirement.name, item.position)
        .select_from(Test)
        .join(item, (item.organization_id == Test.organization_id) & (item.test_id == Test.id))
        .outerjoin(Requirement, _about(Test))
        .where(item.test_set_id == test_set_id, Test.archived_at.is_(None))
        .order_by(item.position, Test.id)
    )
    return _read(scope, query)


def _frozen(scope: Scope, version_id: UUID) -> Iterator[TestContent]:
    item = TestSetVersionItem
    query = (
        scope.select(TestVersion, Requirement.name, item.position)
        .select_from(TestVersion)
        .join(item, (item.organization_id == TestVersion.organization_id) & (item.test_version_id == TestVersion.id))
        .outerjoin(Requirement, _about(TestVersion))
        .where(item.test_set_version_id == version_id)
        .order_by(item.position)
    )
    return _read(scope, query)


def _about(row_class: type[Test | TestVersion]) -> Any:
    return (Requirement.organization_id == row_class.organization_id) & (Requirement.id == row_class.requirement_id)


def _read(scope: Scope, query: Select[Any]) -> Iterator[TestContent]:
    """Rows as they come from the server: a large set never sits in memory."""
    found = scope.session.execute(query.execution_options(yield_per=_BATCH))
    for row, requirement, _position in found:
        yield TestContent(
            prompt=row.prompt,
            expected=row.expected,
            requirement=requirement,
            messages=tuple(row.messages),
            context=tuple(row.context),
            metadata=row.facts,
            trials=row.trials,
        )
