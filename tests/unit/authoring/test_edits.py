"""What a change makes of a test's metadata, and which changes are none."""

from typing import Any

import pytest

from rhesis_app.authoring.rules.edits import TestChanges, changed_metadata, check_changes, check_edited
from rhesis_app.authoring.rules.tests import TestContent
from rhesis_app.kernel.errors import Invalid


@pytest.mark.parametrize(
    ("facts", "changes", "after"),
    [
        ({"a": 1}, {"metadata": {"b": 2}}, {"a": 1, "b": 2}),
        ({"a": 1, "b": None}, {"metadata": {"a": None}}, {"b": None}),
        ({}, {"add_tags": ("x", "y")}, {"tags": ["x", "y"]}),
        ({"tags": ["b", "x"]}, {"add_tags": ("x", "a")}, {"tags": ["b", "x", "a"]}),
        ({"tags": ["b", "x"]}, {"remove_tags": ("b",)}, {"tags": ["x"]}),
        ({"tags": ["b"], "a": 1}, {"remove_tags": ("b",)}, {"a": 1}),
        ({"tags": "alone"}, {"add_tags": ("x",)}, {"tags": ["alone", "x"]}),
        ({"a": 1}, {"remove_tags": ("b",)}, {"a": 1}),
        ({"a": 1}, {"archive": True}, {"a": 1}),
    ],
)
def test_metadata_is_merged_and_tags_keep_their_order(
    facts: dict[str, Any], changes: dict[str, Any], after: dict[str, Any]
) -> None:
    assert changed_metadata(facts, TestChanges(**changes)) == after


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({}, "changes"),
        ({"requirement": "Tone"}, "changes"),
        ({"add_tags": (" ", "")}, "changes"),
        ({"add_tags": ("a",), "remove_tags": ("a",)}, "remove_tags"),
        ({"add_tags": ("x" * 61,)}, "add_tags"),
        ({"add_tags": ("a\0b",)}, "add_tags"),
        ({"add_tags": tuple(map(str, range(51)))}, "add_tags"),
        ({"sets_requirement": True, "requirement": "x" * 5000}, "requirement"),
    ],
)
def test_what_changes_nothing_or_cannot_be_is_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_changes(TestChanges(**changes))
    assert list(refused.value.errors) == [field]


def test_changes_survive_the_row_that_keeps_them() -> None:
    changes = TestChanges(sets_requirement=True, add_tags=("a",), metadata={"list": [1, 2]}, archive=True)
    assert TestChanges.from_json(changes.to_json()) == changes


def test_a_test_that_the_change_does_not_fit_is_named() -> None:
    content = TestContent(prompt="Where is it? " * 20, metadata={"long": "x" * 30_000})
    with pytest.raises(Invalid, match=r"“Where is it\? .*…” cannot be changed like this\. Use at most 20,000"):
        check_edited(content)
