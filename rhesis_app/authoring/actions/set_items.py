"""What changes the working list of a test set: its tests and their order."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, func, insert, select, text

from rhesis_app.authoring.actions.prompt_sources import take_from_prompts
from rhesis_app.authoring.actions.rows import write_tests
from rhesis_app.authoring.actions.sets import held_test_set
from rhesis_app.authoring.models import Test, TestSet, TestSetItem
from rhesis_app.authoring.queries.sets import TestSetView, get_test_set
from rhesis_app.authoring.rules.tests import MAX_TESTS, TestContent, check_contents
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope

_ARRANGE = text(
    """
WITH wanted AS (
  SELECT w.id, w.place FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS w (id, place)
), moved AS (
  UPDATE test_set_item i SET position = w.place FROM wanted w
   WHERE i.organization_id = :organization AND i.test_set_id = :test_set AND i.test_id = w.id AND i.position <> w.place
), gone AS (
  DELETE FROM test_set_item i USING test t
   WHERE i.organization_id = :organization AND i.test_set_id = :test_set AND NOT i.test_id = ANY (CAST(:ids AS uuid[]))
     AND t.organization_id = i.organization_id AND t.id = i.test_id AND t.archived_at IS NULL
)
INSERT INTO test_set_item (organization_id, test_set_id, test_id, position)
SELECT :organization, :test_set, w.id, w.place FROM wanted w ON CONFLICT DO NOTHING
"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedTests:
    """Tests to put at the end of a test set: new ones, and others of the project by id."""

    tests: tuple[TestContent, ...] = ()
    test_ids: tuple[UUID, ...] = ()


def add_tests(scope: Scope, test_set_id: UUID, added: AddedTests) -> TestSetView:
    """Put tests at the end; those that are in the set already stay where they are.

    Raises Invalid (`tests.3.prompt`, `test_ids`, or more than a set holds), NotFound.
    """
    with scope.atomic() as session:
        row = held_test_set(scope, test_set_id, Permission.TEST_SET_WRITE)
        held, last = _extent(scope, row)
        tests = take_from_prompts(scope, row.project_id, added.tests, at="tests.")
        contents = check_contents(tests, room=MAX_TESTS - held - len(added.test_ids))
        if contents:
            scope.require(Permission.TEST_WRITE, project=row.project_id)
            write_tests(scope, row.project_id, contents, test_set_id=row.id, after=last)
        _append(scope, row, added.test_ids, after=last + len(contents))
        row.updated_at = func.now()
        session.flush()
        scope.record("test_set.add_tests", "test_set", row.id, tests=len(contents) + len(added.test_ids))
        return get_test_set(scope, row.id)


def remove_tests(scope: Scope, test_set_id: UUID, test_ids: Collection[UUID]) -> TestSetView:
    """Take tests out of the working list; the tests themselves and saved versions stay. Others than its own are no error."""
    with scope.atomic() as session:
        row = held_test_set(scope, test_set_id, Permission.TEST_SET_WRITE)
        session.execute(
            delete(TestSetItem).where(
                TestSetItem.organization_id == scope.organization_id,
                TestSetItem.test_set_id == row.id,
                TestSetItem.test_id.in_(set(test_ids)),
            )
        )
        row.updated_at = func.now()
        session.flush()
        scope.record("test_set.remove_tests", "test_set", row.id, tests=len(test_ids))
        return get_test_set(scope, row.id)


def arrange_tests(scope: Scope, test_set_id: UUID, test_ids: Sequence[UUID]) -> TestSetView:
    """Make exactly these live tests of the project the working list, in this order. Raises Invalid at `test_ids`."""
    if len(set(test_ids)) < len(test_ids):
        raise Invalid.field("test_ids", "A test stands twice. A test set holds each test once.")
    if len(test_ids) > MAX_TESTS:
        raise Invalid.field("test_ids", f"A test set holds at most {MAX_TESTS:,} tests.")
    with scope.atomic() as session:
        row = held_test_set(scope, test_set_id, Permission.TEST_SET_WRITE)
        _check_known(scope, row, test_ids)
        where = {"organization": scope.organization_id, "test_set": row.id}
        session.execute(_ARRANGE, where | {"ids": [str(test_id) for test_id in test_ids]})
        row.updated_at = func.now()
        session.flush()
        scope.record("test_set.arrange", "test_set", row.id, tests=len(test_ids))
        return get_test_set(scope, row.id)


def _append(scope: Scope, row: TestSet, test_ids: Sequence[UUID], *, after: int) -> None:
    wanted = list(dict.fromkeys(test_ids))
    if not wanted:
        return
    _check_known(scope, row, wanted)
    query = scope.select(TestSetItem.test_id).where(TestSetItem.test_set_id == row.id, TestSetItem.test_id.in_(wanted))
    present = set(scope.session.scalars(query))
    fresh = [test_id for test_id in wanted if test_id not in present]
    if fresh:
        keys = {"organization_id": scope.organization_id, "test_set_id": row.id}
        items = [{**keys, "test_id": test_id, "position": place} for place, test_id in enumerate(fresh, after + 1)]
        scope.session.execute(insert(TestSetItem), items)


def _check_known(scope: Scope, row: TestSet, test_ids: Collection[UUID]) -> None:
    query = scope.select(Test.id).where(
        Test.project_id == row.project_id, Test.archived_at.is_(None), Test.id.in_(test_ids)
    )
    unknown = set(test_ids) - set(scope.session.scalars(query)) if test_ids else set()
    if unknown:
        named = ", ".join(sorted(map(str, unknown))[:3])
        raise Invalid.field("test_ids", f"The project has no such test, or it is archived: {named}.")


def _extent(scope: Scope, row: TestSet) -> tuple[int, int]:
    """(how many tests the set holds, the last position)."""
    query = select(func.count(), func.coalesce(func.max(TestSetItem.position), 0)).where(
        TestSetItem.organization_id == scope.organization_id, TestSetItem.test_set_id == row.id
    )
    held, last = scope.session.execute(query).one()
    return held, last
