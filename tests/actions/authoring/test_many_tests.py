"""Many tests at once: order, requirements and audit, in as few statements as one test takes."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from rhesis_app.authoring.actions.set_items import AddedTests, add_tests
from rhesis_app.authoring.actions.sets import NewTestSet, create_test_set
from rhesis_app.authoring.models import Requirement, Test, TestSetItem
from rhesis_app.authoring.queries.tests import TestFilter, list_tests
from rhesis_app.authoring.rules.tests import TestContent
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.paging import PageRequest
from rhesis_app.projects.queries import ProjectView
from rhesis_app.tenancy.models import AuditEntry
from tests.people import Person

Statements = Callable[[], AbstractContextManager[list[str]]]


def some(number: int) -> tuple[TestContent, ...]:
    return tuple(
        TestContent(
            prompt=f"Frage {at} – ß\u2028", expected="ja", requirement=("Höflich", "Knapp")[at % 2], context=("a", "b"),
            messages=({"role": "system", "content": "x"},), metadata={"at": at, "deep": {"list": [1, None, 2.5]}},
        )
        for at in range(number)
    )  # fmt: skip


def test_every_field_arrives_and_the_order_is_kept(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        made = create_test_set(scope, NewTestSet(project_id=project.id, name="Many", tests=some(30)))
        listed = list_tests(scope, PageRequest(), TestFilter(test_set_id=made.id)).items
    assert [test.prompt for test in listed] == [content.prompt for content in some(30)]
    assert [test.metadata["at"] for test in listed] == list(range(30))
    assert (listed[1].requirement, listed[1].context, listed[1].expected) == ("Knapp", ("a", "b"), "ja")
    assert listed[1].messages == ({"role": "system", "content": "x"},)
    assert listed[1].metadata["deep"] == {"list": [1, None, 2.5]}
    assert alice.count(Requirement) == 2
    assert alice.count(AuditEntry, action="test_set.create") == 1


def test_the_newest_test_is_first_in_the_list_of_all(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        create_test_set(scope, NewTestSet(project_id=project.id, name="Many", tests=some(30)))
        listed = list_tests(scope, PageRequest(), TestFilter(project_id=project.id)).items
    assert [test.prompt for test in listed] == [content.prompt for content in reversed(some(30))]


def test_making_many_takes_the_statements_of_making_one(
    alice: Person, project: ProjectView, statements: Statements
) -> None:
    counts = []
    for number in (2, 400):
        with alice.scope() as scope, statements() as seen:
            create_test_set(scope, NewTestSet(project_id=project.id, name=f"Of {number}", tests=some(number)))
        counts.append(len(seen))
    assert counts[1] <= min(counts[0], 10)  # the requirements are there the second time


def test_tests_are_put_behind_those_that_are_there(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        made = create_test_set(scope, NewTestSet(project_id=project.id, name="Growing", tests=some(2)))
        other = create_test_set(scope, NewTestSet(project_id=project.id, name="Other", tests=some(1)))
        borrowed = list_tests(scope, PageRequest(), TestFilter(test_set_id=other.id)).items[0].id
        added = AddedTests(tests=(TestContent(prompt="new"),), test_ids=(borrowed, borrowed))
        add_tests(scope, made.id, added)
        again = add_tests(scope, made.id, AddedTests(test_ids=(borrowed,)))
        listed = list_tests(scope, PageRequest(), TestFilter(test_set_id=made.id)).items
    assert [test.prompt for test in listed] == [*(content.prompt for content in some(2)), "new", some(1)[0].prompt]
    assert again.test_count == 4


def test_one_wrong_test_keeps_all_of_them_out(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope, pytest.raises(Invalid):
        create_test_set(
            scope, NewTestSet(project_id=project.id, name="Half", tests=(*some(3), TestContent(prompt=" ")))
        )
    assert alice.count(Test) == alice.count(TestSetItem) == alice.count(Requirement) == 0
