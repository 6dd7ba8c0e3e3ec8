"""Taking over files of tests: read, looked at, confirmed. Nothing but the upload itself is written before that."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import PurePath
from uuid import UUID

from sqlalchemy import Interval, func, literal

from rhesis_app.authoring.actions.sets import NewTestSet, create_test_set
from rhesis_app.authoring.models import ImportSession
from rhesis_app.authoring.queries.imports import (
    ImportedSet,
    ImportView,
    free_set_name,
    imported_set,
    live_import,
    read_tests,
    view_import,
)
from rhesis_app.authoring.rules.import_columns import choose_mapping
from rhesis_app.authoring.rules.import_sources import AUTO, read_upload
from rhesis_app.authoring.rules.names import check_name
from rhesis_app.kernel.errors import Conflict, Invalid
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.queries import get_project

KEPT = timedelta(days=1)
NOTHING = "No row of this file can become a test. Correct the problems that are named, then upload it again."


@dataclass(frozen=True, slots=True, kw_only=True)
class NewImport:
    """An uploaded file. Without a name for the test set the file's is taken; `mapping` overrides what columns mean."""

    project_id: UUID
    file_name: str
    content: bytes = field(repr=False)
    test_set_name: str = ""
    mapping: Mapping[str, str] = field(default_factory=dict)
    format: str = AUTO


def start_import(scope: Scope, registry: Registry, new: NewImport) -> ImportView:
    """Read a file and keep its rows for a day. Rows with problems are named and left out; no test is made yet.

    Raises Invalid at `file`, `format`, `mapping` or `test_set_name`, NotFound, Conflict for a taken name.
    """
    _require(scope, new.project_id)
    project_id = get_project(scope, new.project_id).id
    read = read_upload(registry, new.file_name, new.content, new.format)
    row = ImportSession(
        id=new_id(),
        project_id=project_id,
        user_id=scope.actor.user_id,
        file_name=_shown_name(new.file_name),
        test_set_name=_set_name(scope, project_id, new),
        mapping=choose_mapping(read.columns, new.mapping),
        columns=list(read.columns),
        rows=[{"row": raw.row, "cells": dict(raw.cells)} for raw in read.rows],
        problems=[asdict(problem) for problem in read.problems],
        expires_at=func.now() + literal(KEPT, Interval),
    )
    with scope.atomic() as session:
        session.add(row)
        session.flush()
        scope.record("import.start", "import", row.id, file=row.file_name, rows=len(row.rows))
        return view_import(scope, row)


def update_import(
    scope: Scope, import_id: UUID, *, mapping: Mapping[str, str] | None = None, test_set_name: str | None = None
) -> ImportView:
    """Say what columns mean, or another name for the test set. Raises Invalid, NotFound, Conflict once it is confirmed."""
    with scope.atomic() as session:
        row = _open(scope, import_id)
        if mapping is not None:
            row.mapping = choose_mapping(row.columns, mapping)
        if test_set_name is not None:
            row.test_set_name = _free_name(scope, row.project_id, test_set_name)
        session.flush()
        scope.record("import.update", "import", row.id)
        return view_import(scope, row)


def confirm_import(scope: Scope, import_id: UUID) -> ImportedSet:
    """Make a test set of the rows without problems and save its version 1. A second time answers the same.

    Raises Invalid when no row is left, NotFound, Conflict when the name was taken meanwhile.
    """
    with scope.atomic() as session:
        row = live_import(scope, import_id, lock=True)
        _require(scope, row.project_id)
        if row.confirmed_at is not None:
            return imported_set(scope, row)
        ready, problems = read_tests(row)
        if not ready:
            said = problems[0].message if problems else ""
            raise Invalid(NOTHING, errors={"file": [said or NOTHING]})
        name = _free_name(scope, row.project_id, row.test_set_name)
        tests = tuple(test.content for test in ready)
        made = create_test_set(scope, NewTestSet(project_id=row.project_id, name=name, tests=tests))
        row.test_set_id, row.confirmed_at = made.id, func.now()
        # the tests hold them from now on; an upload that is kept for ever would only take room
        row.rows, row.problems = [], [asdict(problem) for problem in problems]
        session.flush()
        scope.record("import.confirm", "import", row.id, test_set=str(made.id), tests=made.test_count)
        return ImportedSet(test_set_id=made.id, version=made.version or 1, test_count=made.test_count)


def _require(scope: Scope, project_id: UUID) -> None:
    scope.require(Permission.TEST_SET_WRITE, project=project_id)
    scope.require(Permission.TEST_WRITE, project=project_id)


def _open(scope: Scope, import_id: UUID) -> ImportSession:
    row = live_import(scope, import_id, lock=True)
    _require(scope, row.project_id)
    if row.confirmed_at is not None:
        raise Conflict("This import is confirmed already. Change its test set instead, or upload the file again.")
    return row


def _set_name(scope: Scope, project_id: UUID, new: NewImport) -> str:
    """The name given, or the file's with a number when it is taken."""
    if new.test_set_name.strip():
        return _free_name(scope, project_id, new.test_set_name)
    stem = " ".join(PurePath(_shown_name(new.file_name)).stem.split())[:100] or "Imported tests"
    return free_set_name(scope, project_id, stem)


def _free_name(scope: Scope, project_id: UUID, name: str) -> str:
    wanted = check_name(name, what="test set", field="test_set_name")
    free = free_set_name(scope, project_id, wanted)
    if free != wanted:
        sentence = f"There is a test set “{wanted}” already. Choose another name, such as “{free}”."
        raise Conflict(sentence, errors={"test_set_name": [sentence]})
    return wanted


def _shown_name(file_name: str) -> str:
    """The file's name without folders and control characters, at most 200 characters."""
    last = file_name.replace("\\", "/").rpartition("/")[2]
    return "".join(character for character in last if character.isprintable())[:200] or "file"
