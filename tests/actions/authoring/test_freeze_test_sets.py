"""Freezing: the same content is the same version, an edit makes a new one, and what was frozen never changes."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, select, text

from rhesis_app.authoring.actions.freeze import FrozenTestSet, freeze_test_set
from rhesis_app.authoring.actions.set_items import AddedTests, add_tests, arrange_tests, remove_tests
from rhesis_app.authoring.actions.sets import NewTestSet, create_test_set
from rhesis_app.authoring.actions.tests import archive_test, restore_test, update_test
from rhesis_app.authoring.models import TestSetVersion, TestSetVersionItem, TestVersion
from rhesis_app.authoring.queries.tests import TestFilter, list_tests
from rhesis_app.authoring.rules.tests import TestContent
from rhesis_app.kernel.errors import Invalid, NotFound
from rhesis_app.kernel.paging import PageRequest
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.queries import ProjectView
from tests.people import Person

Statements = Callable[[], AbstractContextManager[list[str]]]


def make_set(scope: Scope, project: ProjectView, prompts: list[str], name: str = "Regression") -> UUID:
    tests = tuple(TestContent(prompt=prompt, expected="yes", requirement="Polite") for prompt in prompts)
    return create_test_set(scope, NewTestSet(project_id=project.id, name=name, tests=tests)).id


def freeze(scope: Scope, test_set_id: UUID) -> FrozenTestSet:
    with scope.atomic():
        return freeze_test_set(scope, test_set_id)


def test_ids(scope: Scope, test_set_id: UUID) -> list[UUID]:
    return [test.id for test in list_tests(scope, PageRequest(), TestFilter(test_set_id=test_set_id)).items]


test_ids.__test__ = False  # type: ignore[attr-defined]


def frozen_prompts(scope: Scope, version_id: UUID) -> list[tuple[int, str]]:
    item = TestSetVersionItem
    query = (
        select(item.position, TestVersion.prompt)
        .join(TestVersion, TestVersion.id == item.test_version_id)
        .where(item.test_set_version_id == version_id)
        .order_by(item.position)
    )
    return [(position, prompt) for position, prompt in scope.session.execute(query)]


def test_unchanged_content_is_the_same_version(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        test_set_id = make_set(scope, project, ["a", "b", "c"])
        first, second = freeze(scope, test_set_id), freeze(scope, test_set_id)
    assert first == second
    assert (first.number, first.test_count) == (1, 3)
    assert alice.count(TestSetVersion) == 1
    assert alice.count(TestVersion) == 3


def test_an_edit_makes_a_new_version_and_leaves_the_old_one_alone(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        test_set_id = make_set(scope, project, ["a", "b", "c"])
        before = freeze(scope, test_set_id)
        update_test(scope, test_ids(scope, test_set_id)[1], {"prompt": "changed"})
        after = freeze(scope, test_set_id)
        assert after.number == 2
        assert after.content_hash != before.content_hash
        assert frozen_prompts(scope, before.id) == [(1, "a"), (2, "b"), (3, "c")]
        assert frozen_prompts(scope, after.id) == [(1, "a"), (2, "changed"), (3, "c")]
    assert alice.count(TestVersion) == 4


@pytest.mark.parametrize(
    "change",
    [{"expected": "no"}, {"requirement": "Other"}, {"requirement": None}, {"metadata": {"a": 1}}, {"context": ("x",)}],
    ids=str,
)
def test_every_field_that_a_run_depends_on_counts(alice: Person, project: ProjectView, change: dict[str, Any]) -> None:
    with alice.scope() as scope:
        test_set_id = make_set(scope, project, ["a"])
        update_test(scope, test_ids(scope, test_set_id)[0], change)
        assert freeze(scope, test_set_id).number == 2


def test_going_back_gives_the_earlier_version_again(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        test_set_id = make_set(scope, project, ["a", "b"])
        first = freeze(scope, test_set_id)
        test_id = test_ids(scope, test_set_id)[0]
        update_test(scope, test_id, {"prompt": "other"})
        assert freeze(scope, test_set_id).number == 2
        update_test(scope, test_id, {"prompt": "a"})
        assert freeze(scope, test_set_id) == first


def test_order_and_members_are_content(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        test_set_id = make_set(scope, project, ["a", "b", "c"])
        a, b, c = test_ids(scope, test_set_id)
        arrange_tests(scope, test_set_id, [c, a, b])
        turned = freeze(scope, test_set_id)
        assert frozen_prompts(scope, turned.id) == [(1, "c"), (2, "a"), (3, "b")]
        remove_tests(scope, test_set_id, [a])
        fewer = freeze(scope, test_set_id)
        assert (turned.number, fewer.number, fewer.test_count) == (2, 3, 2)
        assert frozen_prompts(scope, fewer.id) == [(1, "c"), (2, "b")]


def test_archived_tests_are_left_out_and_come_back_to_their_place(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        test_set_id = make_set(scope, project, ["a", "b", "c"])
        first = freeze(scope, test_set_id)
        middle = test_ids(scope, test_set_id)[1]
        archive_test(scope, middle)
        assert freeze(scope, test_set_id).test_count == 2
        restore_test(scope, middle)
        assert freeze(scope, test_set_id) == first


def test_a_set_without_live_tests_cannot_be_frozen(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        empty = create_test_set(scope, NewTestSet(project_id=project.id, name="Empty")).id
        with pytest.raises(Invalid, match="no tests"):
            freeze(scope, empty)
        test_set_id = make_set(scope, project, ["a"])
        archive_test(scope, test_ids(scope, test_set_id)[0])
        with pytest.raises(Invalid, match="no tests"):
            freeze(scope, test_set_id)


def test_strangers_find_nothing(alice: Person, charlie: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        test_set_id = make_set(scope, project, ["a"])
    with charlie.scope() as scope, pytest.raises(NotFound):
        freeze(scope, test_set_id)


def test_tests_of_two_sets_share_their_versions(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        first = make_set(scope, project, ["a", "b"])
        other = create_test_set(scope, NewTestSet(project_id=project.id, name="Other")).id
        arrange_tests(scope, other, test_ids(scope, first))
        assert freeze(scope, other).test_count == 2
    assert alice.count(TestVersion) == 2


def test_freezing_takes_the_same_statements_for_any_number_of_tests(
    alice: Person, project: ProjectView, statements: Statements
) -> None:
    counts = []
    for number in (3, 300):
        with alice.scope() as scope:
            test_set_id = make_set(scope, project, ["x"] * number, name=f"Of {number}")
            update_test(scope, test_ids(scope, test_set_id)[0], {"prompt": "changed"})
            with statements() as seen:
                freeze(scope, test_set_id)
            counts.append(len(seen))
    assert counts[0] == counts[1]
    assert counts[0] <= 5


def test_two_at_once_make_one_version(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        test_set_id = make_set(scope, project, ["a", "b"])
        update_test(scope, test_ids(scope, test_set_id)[0], {"prompt": "changed"})
    start, found = threading.Barrier(2), []

    def once() -> None:
        with alice.scope() as scope:
            start.wait(10)
            found.append(freeze(scope, test_set_id))

    threads = [threading.Thread(target=once) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 2
    assert found[0] == found[1]
    assert alice.count(TestSetVersion) == 2


def test_sets_with_the_same_tests_in_another_order_do_not_block_each_other(
    alice: Person, project: ProjectView, superuser: Engine
) -> None:
    with alice.scope() as scope:
        first = make_set(scope, project, ["a", "b", "c"])
        a, b, c = test_ids(scope, first)
        second = create_test_set(scope, NewTestSet(project_id=project.id, name="Turned")).id
        arrange_tests(scope, second, [c, b, a])
    with ThreadPoolExecutor(2) as pool:
        with alice.scope() as scope, scope.atomic():
            update_test(scope, b, {"prompt": "the one in the middle"})
            both = [pool.submit(freeze_alone, alice, which) for which in (first, second)]
            wait_for_waiting(superuser, 2)  # each holds one end and wants the other, unless both began at the same end
        assert [future.result(20).test_count for future in both] == [3, 3]


def test_nothing_enters_a_set_while_it_is_frozen(alice: Person, project: ProjectView, superuser: Engine) -> None:
    with alice.scope() as scope:
        test_set_id = make_set(scope, project, ["a"])
    with ThreadPoolExecutor(1) as pool:
        with alice.scope() as scope, scope.atomic():
            frozen = freeze_test_set(scope, test_set_id)
            late = pool.submit(add_alone, alice, test_set_id)
            wait_for_waiting(superuser, 1)
            assert not late.done()
        assert late.result(20) == 2
    assert frozen.test_count == 1


def freeze_alone(person: Person, test_set_id: UUID) -> FrozenTestSet:
    with person.scope() as scope:
        return freeze(scope, test_set_id)


def add_alone(person: Person, test_set_id: UUID) -> int:
    with person.scope() as scope:
        return add_tests(scope, test_set_id, AddedTests(tests=(TestContent(prompt="late"),))).test_count


def wait_for_waiting(superuser: Engine, number: int) -> None:
    """Until so many connections wait for a lock that another holds."""
    waiting = text("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
    with superuser.connect() as connection:
        for _ in range(500):
            if connection.scalar(waiting) >= number:
                return
            time.sleep(0.01)
    pytest.fail(f"{number} were expected to wait")
