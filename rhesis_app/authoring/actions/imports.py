"""Taking over files of tests: read, looked at, confirmed. Nothing but the upload itself is written before that."""

from collections.abc import Callable, Mapping
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
from rhesis_app.authoring.rules.import_files import RowProblem
from rhesis_app.authoring.rules.import_rows import ReadyTest
from rhesis_app.authoring.rules.import_sources import AUTO, read_upload
from rhesis_app.authoring.rules.names import check_name
from rhesis_app.kernel.errors import Conflict, Invalid
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.actions.background import NewJob, ask_for
from rhesis_app.notifications.queries.background import latest_job
from rhesis_app.projects.queries import get_project

KEPT = timedelta(days=1)
CONFIRM = "imports.confirm"
"""The kind of job that takes a large upload over."""
IN_BACKGROUND = 2_000
"""An upload with more tests than this is taken over by a worker when a page asks for it."""
CONFIRMED = "This import is confirmed already. Change its test set instead, or upload the file again."
UNDER_WAY = "This import is under way. Its progress stands on its page and on that of the background work."
NOTHING = "No row of this file can become a test. Correct the problems that are named, then upload it again."


def _unheard(_percent: int) -> None:
    """For those who wait for the end and not for the progress."""


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


def confirm_import(scope: Scope, import_id: UUID, *, tick: Callable[[int], None] = _unheard) -> ImportedSet:
    """Make a test set of the rows without problems and save its version 1. A second time answers the same.

    `tick` hears how far it is, in percent. Raises Invalid when no row is left, NotFound, Conflict when the name was taken.
    """
    with scope.atomic() as session:
        row = live_import(scope, import_id, lock=True)
        _require(scope, row.project_id)
        if row.confirmed_at is not None:
            return imported_set(scope, row)
        ready, problems = _ready(row)
        tick(20)
        name = _free_name(scope, row.project_id, row.test_set_name)
        tests = tuple(test.content for test in ready)
        made = create_test_set(scope, NewTestSet(project_id=row.project_id, name=name, tests=tests))
        tick(95)
        row.test_set_id, row.confirmed_at = made.id, func.now()
        # the tests hold them from now on; an upload that is kept for ever would only take room
        row.rows, row.problems = [], [asdict(problem) for problem in problems]
        session.flush()
        scope.record("import.confirm", "import", row.id, test_set=str(made.id), tests=made.test_count)
        return ImportedSet(test_set_id=made.id, version=made.version or 1, test_count=made.test_count)


def confirm_in_background(scope: Scope, import_id: UUID) -> UUID:
    """Have a worker take the upload over; the job's id. Asked again while it is under way, the same job answers.

    What would refuse it is said at once. Raises Invalid, NotFound, Conflict when it is confirmed or its name is taken.
    """
    with scope.atomic():
        row = live_import(scope, import_id, lock=True)
        _require(scope, row.project_id)
        if row.confirmed_at is not None:
            raise Conflict(CONFIRMED)
        _ready(row)
        _free_name(scope, row.project_id, row.test_set_name)
        job_id = ask_for(
            scope, NewJob(kind=CONFIRM, subject_type="import", subject_id=row.id, project_id=row.project_id)
        )
        scope.record("import.ask", "import", row.id, job=str(job_id))
        return job_id


def _ready(row: ImportSession) -> tuple[list[ReadyTest], list[RowProblem]]:
    ready, problems = read_tests(row)
    if not ready:
        said = problems[0].message if problems else ""
        raise Invalid(NOTHING, errors={"file": [said or NOTHING]})
    return ready, problems


def _require(scope: Scope, project_id: UUID) -> None:
    scope.require(Permission.TEST_SET_WRITE, project=project_id)
    scope.require(Permission.TEST_WRITE, project=project_id)


def _open(scope: Scope, import_id: UUID) -> ImportSession:
    row = live_import(scope, import_id, lock=True)
    _require(scope, row.project_id)
    if row.confirmed_at is not None:
        raise Conflict(CONFIRMED)
    job = latest_job(scope, CONFIRM, import_id)
    if job is not None and not job.is_finished:
        raise Conflict(UNDER_WAY)
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
