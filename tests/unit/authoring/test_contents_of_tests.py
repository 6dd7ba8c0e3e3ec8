"""What a test may hold, and when two contents are the same."""

from dataclasses import replace
from typing import Any

import pytest

from rhesis_app.authoring.rules.tests import MAX_TESTS, TestContent, check_content, check_contents, content_hash
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.ids import new_id

PLAIN = TestContent(prompt="Where is my order?")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt", " "),
        ("prompt", "x" * 100_001),
        ("prompt", "a\0b"),
        ("expected", "\ud800"),
        ("requirement", "x" * 121),
        ("context", ("x",) * 101),
        ("messages", ({"role": "user"},)),
        ("messages", ({"role": "user", "content": "x", "tool_calls": []},)),
        ("metadata", {"a": float("nan")}),
        ("metadata", {"a": 2**60}),
        ("metadata", {"a": [1e300]}),
        ("metadata", {" ": 1}),
        ("metadata", {"a": "x" * 20_001}),
        ("metadata", {"a": object()}),
    ],
)
def test_what_cannot_be_kept_is_refused_at_its_field(field: str, value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        check_content(replace(PLAIN, **{field: value}))
    assert list(caught.value.errors) == [field]


def test_texts_stay_as_they_are_and_empty_ones_become_none() -> None:
    checked = check_content(TestContent(prompt="  two\r\n", expected="", requirement="  Is   polite "))
    assert checked == TestContent(prompt="  two\r\n", expected=None, requirement="Is polite")


def test_every_wrong_test_is_named_by_its_place() -> None:
    with pytest.raises(Invalid) as caught:
        check_contents([PLAIN, TestContent(prompt=""), TestContent(prompt="x", metadata={"": 1})])
    assert set(caught.value.errors) == {"tests.1.prompt", "tests.2.metadata"}


def test_more_tests_than_fit_are_refused() -> None:
    with pytest.raises(Invalid, match=f"{MAX_TESTS:,}"):
        check_contents([PLAIN, PLAIN], room=1)


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "?"},
        {"expected": "x"},
        {"messages": ({"role": "system", "content": "x"},)},
        {"context": ("x",)},
        {"metadata": {"a": 1}},
    ],
)
def test_whatever_a_run_depends_on_changes_the_hash(change: dict[str, Any]) -> None:
    assert content_hash(replace(PLAIN, **change), None) != content_hash(PLAIN, None)
    assert content_hash(PLAIN, new_id()) != content_hash(PLAIN, None)


def test_the_order_of_keys_does_not_change_the_hash() -> None:
    one, other = ({"a": 1, "b": 2}, {"b": 2, "a": 1})
    assert content_hash(replace(PLAIN, metadata=one), None) == content_hash(replace(PLAIN, metadata=other), None)
