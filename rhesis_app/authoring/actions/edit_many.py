"""One change to many tests: a few at once, many by a job, and always all of them or none."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import func, text, update
from sqlalchemy.exc import IntegrityError

from rhesis_app.authoring.actions.requirements import ensure_requirements
from rhesis_app.authoring.actions.tests import content_of
from rhesis_app.authoring.models import Test, TestEdit
from rhesis_app.authoring.queries.edits import EDIT, MOST, TestEditView, view_edit
from rhesis_app.authoring.queries.tests import TestFilter, matching_test_ids
from rhesis_app.authoring.rules.edits import TestChanges, changed_metadata, check_changes, check_edited
from rhesis_app.authoring.rules.tests import content_hash
from rhesis_app.kernel.errors import Conflict, Invalid
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.actions.background import NewJob, ask_for
from rhesis_app.projects.queries import get_project

AT_ONCE = 500
"""More tests than this are changed by a worker."""
_BATCH = 500
_WRITE = text(
    """
UPDATE test t SET requirement_id = g.requirement_id, metadata = g.metadata, content_hash = g.content_hash, updated_at = now(),
       archived_at = CASE WHEN :archive THEN now() ELSE t.archived_at END
  FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS g (id uuid, requirement_id uuid, metadata jsonb, content_hash text)
 WHERE t.organization_id = :organization AND t.id = g.id
"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEdit:
    """A change to the tests named, or without names to all live ones that `chosen` lets through."""

    project_id: UUID
    changes: TestChanges
    test_ids: tuple[UUID, ...] | None = None
    chosen: TestFilter | None = None
    idempotency_key: str | None = None

    @property
    def body(self) -> str:
        """A digest of what is asked for."""
        asked = (self.project_id, self.changes.to_json(), self.test_ids, self.chosen)
        return hashlib.sha256(orjson.dumps(asked, default=repr, option=orjson.OPT_SORT_KEYS)).hexdigest()


def edit_tests(scope: Scope, new: NewEdit) -> TestEditView:
    """Change the tests, at once up to 500 of them, else by a job. Which ones is settled now; all are changed, or none.

    Raises Invalid at `test_ids`, `changes` or one of its fields, NotFound, Conflict for a key used otherwise.
    """
    project_id = get_project(scope, new.project_id).id
    _require(scope, project_id, new.changes)
    changes = check_changes(new.changes)
    if (earlier := _earlier(scope, new)) is not None:
        return view_edit(scope, earlier)
    test_ids = _chosen(scope, new)
    try:
        return view_edit(scope, _accept(scope, new, changes, test_ids))
    except IntegrityError as error:  # the same key arrived twice at once, and the other one won
        winner = _earlier(scope, new)
        if winner is None:
            raise Conflict("This collides with a change made meanwhile. Try again.") from error
        return view_edit(scope, winner)


def _unheard(_percent: int) -> None:
    """For those who wait for the end and not for the progress."""


def apply_edit(scope: Scope, edit_id: UUID, *, tick: Callable[[int], None] = _unheard) -> int:
    """Make the change in the caller's transaction; how many tests are another now. Archived ones are left out."""
    with scope.atomic() as session:
        row = scope.get(TestEdit, edit_id)
        changes = TestChanges.from_json(row.changes)
        requirement_id = _requirement(scope, row.project_id, changes)
        test_ids, changed = sorted(row.test_ids), 0
        for start in range(0, len(test_ids), _BATCH):
            tick(95 * start // len(test_ids))
            changed += _change(scope, row.project_id, test_ids[start : start + _BATCH], changes, requirement_id)
        session.execute(
            update(TestEdit)
            .where(TestEdit.organization_id == scope.organization_id, TestEdit.id == edit_id)
            .values(changed=changed, finished_at=func.now())
        )
        scope.record("test.edit_many", "test_edit", edit_id, matched=len(test_ids), changed=changed)
    return changed


def _accept(scope: Scope, new: NewEdit, changes: TestChanges, test_ids: Sequence[UUID]) -> UUID:
    edit_id = new_id()
    with scope.atomic() as session:
        session.add(
            TestEdit(
                id=edit_id,
                project_id=new.project_id,
                test_ids=list(test_ids),
                changes=changes.to_json(),
                idempotency_key=new.idempotency_key,
                idempotency_body=new.body if new.idempotency_key else None,
                author_id=scope.actor.user_id,
            )
        )
        session.flush()
        if len(test_ids) <= AT_ONCE:
            apply_edit(scope, edit_id)
        else:
            scope.record("test.ask_edit", "test_edit", edit_id, matched=len(test_ids))
            ask_for(scope, NewJob(kind=EDIT, subject_type="test_edit", subject_id=edit_id, project_id=new.project_id))
    return edit_id


def _require(scope: Scope, project_id: UUID, changes: TestChanges) -> None:
    scope.require(Permission.TEST_READ, project=project_id)
    scope.require(Permission.TEST_WRITE, project=project_id)
    if changes.archive:
        scope.require(Permission.TEST_DELETE, project=project_id)


def _earlier(scope: Scope, new: NewEdit) -> UUID | None:
    if new.idempotency_key is None:
        return None
    query = scope.select(TestEdit.id, TestEdit.idempotency_body).where(TestEdit.idempotency_key == new.idempotency_key)
    found = scope.session.execute(query).one_or_none()
    if found is None:
        return None
    if found.idempotency_body != new.body:
        raise Conflict("This Idempotency-Key was used for another request. Use a new one.")
    return UUID(str(found.id))


def _chosen(scope: Scope, new: NewEdit) -> list[UUID]:
    """The live tests that are meant; Invalid at `test_ids` when one is missing, there is none, or there are too many."""
    narrowed = new.chosen or TestFilter(project_id=new.project_id)
    wanted = None if new.test_ids is None else list(dict.fromkeys(new.test_ids))
    found = matching_test_ids(scope, narrowed, only=wanted, limit=MOST + 1)
    if wanted is not None:
        missing = [str(test_id) for test_id in wanted if test_id not in set(found)]
        if missing:
            raise Invalid.field("test_ids", f"Not live tests of this project: {', '.join(missing[:3])}.")
    if not found:
        raise Invalid.field("test_ids", "No test is meant: tick some, or widen the filters.")
    if len(found) > MOST:
        raise Invalid.field("test_ids", f"At most {MOST:,} tests are changed at a time: narrow the filters.")
    return found


def _requirement(scope: Scope, project_id: UUID, changes: TestChanges) -> UUID | None:
    if not changes.sets_requirement or changes.requirement is None:
        return None
    return ensure_requirements(scope, project_id, [changes.requirement])[changes.requirement]


def _change(
    scope: Scope, project_id: UUID, test_ids: Sequence[UUID], changes: TestChanges, requirement_id: UUID | None
) -> int:
    """Change one batch of tests, held in the order of their ids; how many are another now."""
    query = (
        scope.select(Test)
        .where(Test.id.in_(test_ids), Test.project_id == project_id, Test.archived_at.is_(None))
        .order_by(Test.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    rows = []
    for test in scope.session.scalars(query):
        edited = _edited(test, changes, requirement_id if changes.sets_requirement else test.requirement_id)
        if changes.archive or edited["content_hash"] != test.content_hash:
            rows.append(edited)
        scope.session.expunge(test)
    values = {
        "rows": orjson.dumps(rows).decode(),
        "organization": scope.organization_id,
        "archive": changes.archive,
    }
    if rows:
        scope.session.execute(_WRITE, values)
    return len(rows)


def _edited(test: Test, changes: TestChanges, requirement_id: UUID | None) -> dict[str, Any]:
    content = replace(content_of(test), metadata=changed_metadata(test.facts, changes))
    if changes.touches_metadata:
        check_edited(content)
    return {
        "id": test.id,
        "requirement_id": requirement_id,
        "metadata": dict(content.metadata),
        "content_hash": content_hash(content, requirement_id),
    }
