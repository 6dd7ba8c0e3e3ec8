"""What is exported and imported again is the same."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rhesis_app.authoring.rules.import_columns import guess_mapping
from rhesis_app.authoring.rules.import_rows import tests_of as read_rows
from rhesis_app.authoring.rules.import_sources import read_upload
from rhesis_app.authoring.rules.portable import csv_lines, jsonl_lines
from rhesis_app.authoring.rules.tests import ROLES, TestContent, check_content
from rhesis_app.kernel.registry import Registry

WRITERS = {"csv": csv_lines, "jsonl": jsonl_lines}
anything = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
# what a spreadsheet computes and what escapes are made of, more often than chance would have it
tricky = st.one_of(anything, st.text("'=+-@\t\r\n\"\\,;＝[]{}\u2028\ufeff ", max_size=8))
visible = tricky.filter(lambda text: bool(text.strip()))
numbers = st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9)
values = st.recursive(
    st.none() | st.booleans() | numbers | tricky, lambda inner: st.lists(inner, max_size=3), max_leaves=4
)
messages = st.builds(lambda role, text: {"role": role, "content": text}, st.sampled_from(ROLES), tricky)
contents = st.builds(
    TestContent,
    prompt=visible,
    expected=st.none() | tricky,
    requirement=st.none() | st.text(string.ascii_letters + "=+'-", min_size=1, max_size=10),
    messages=st.lists(messages, max_size=3).map(tuple),
    context=st.lists(visible, max_size=3).map(tuple),
    metadata=st.dictionaries(visible, values, max_size=3),
    trials=st.none() | st.integers(1, 100),
).map(check_content)


@pytest.mark.parametrize("extension", WRITERS)
@settings(max_examples=150, deadline=None)
@given(tests=st.lists(contents, min_size=1, max_size=4))
def test_an_exported_file_comes_back_as_the_same_tests(extension: str, tests: list[TestContent]) -> None:
    written = "".join(WRITERS[extension](tests)).encode()
    read = read_upload(Registry(), f"set.{extension}", written)
    ready, problems = read_rows(read.rows, guess_mapping(read.columns))
    assert not [*read.problems, *problems]
    assert [test.content for test in ready] == tests


@pytest.mark.parametrize("prompt", ["=1+1", "+1", "-1", "@x", "＝1", "'=1", "\tx", "\rx"])
def test_a_cell_that_a_spreadsheet_would_compute_begins_with_a_quote(prompt: str) -> None:
    _, row, *_ = "".join(csv_lines([TestContent(prompt=prompt)])).split("\r\n", 1)
    assert row.lstrip('"').startswith("'")


def test_a_quote_in_somebody_elses_file_is_left_alone() -> None:
    read = read_upload(Registry(), "theirs.csv", b"prompt,expected\n'+' in Python?,adds\n")
    assert read.rows[0].cells["prompt"] == "'+' in Python?"


def test_empty_fields_are_left_out_of_json_lines() -> None:
    assert "".join(jsonl_lines([TestContent(prompt="only")])) == '{"prompt": "only"}\n'
