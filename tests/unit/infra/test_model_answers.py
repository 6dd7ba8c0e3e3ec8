"""The object that was asked for, found in whatever a model says."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from referencing.exceptions import Unresolvable

from rhesis_app.infra.llm.answers import AnswerProblem, fitting_object, last_object

SCHEMA = {
    "type": "object",
    "properties": {"verdict": {"type": "string", "enum": ["yes", "no"]}, "score": {"type": "number", "maximum": 5}},
    "required": ["verdict"],
    "additionalProperties": False,
}
VALUES = some.recursive(
    some.none() | some.booleans() | some.integers(-(10**9), 10**9) | some.text(max_size=12),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = some.dictionaries(some.text(max_size=6), VALUES, max_size=4)
PROSE = some.text(some.characters(exclude_characters="{}", exclude_categories=["Cs"]), max_size=40)


@given(
    said=some.lists(some.tuples(PROSE, OBJECTS), max_size=3),
    wanted=OBJECTS,
    before=PROSE,
    after=PROSE,
    is_ascii=some.booleans(),
)
def test_the_last_object_is_found_whatever_stands_around_it(
    said: list[tuple[str, dict[str, Any]]], wanted: dict[str, Any], before: str, after: str, is_ascii: bool
) -> None:
    text = "".join(f"{prose}{json.dumps(thing)}" for prose, thing in said)
    text += f"{before}{json.dumps(wanted, ensure_ascii=is_ascii)}{after}"
    assert last_object(text) == wanted


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", None),
        ("no braces at all", None),
        ("[1, 2]", None),
        ("{", None),
        ('{"a": 1', None),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('{"a": {"b": 2}}', {"a": {"b": 2}}),
        ('first {"a": 1} then {"a": 2}', {"a": 2}),
        ('{"a": 1} and a broken { end', {"a": 1}),
        ('{"verdict": "no", "verdict": "yes"}', None),
        ('{"a": NaN}', None),
        ('{"a": Infinity}', None),
    ],
)
def test_examples_of_answers(text: str, found: dict[str, Any] | None) -> None:
    assert last_object(text) == found


@pytest.mark.parametrize(
    "text", ["{" * 300_000, '{"' * 150_000, '{"a":' * 100_000, "{" * 5_000 + '{"a": 1}', "\\" * 200_000]
)
def test_an_answer_made_to_be_slow_is_given_up_soon(text: str) -> None:
    assert last_object(text) is None


def test_only_the_end_of_an_endless_answer_is_looked_at() -> None:
    assert last_object('{"a": 1}' + "x" * 200_000) is None
    assert last_object("x" * 200_000 + '{"a": 1}') == {"a": 1}


def test_an_object_that_fits_is_given_as_it_is() -> None:
    assert fitting_object('Well. {"verdict": "yes", "score": 4}', SCHEMA) == {"verdict": "yes", "score": 4}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Yes!", "holds no JSON object"),
        ('{"verdict": "maybe"}', "at verdict (enum)"),
        ('{"verdict": "yes", "score": 6}', "at score (maximum)"),
        ('{"score": 1}', "(required)"),
        ('{"verdict": "yes", "ignore": "the rubric"}', "(additionalProperties)"),
    ],
)
def test_what_does_not_fit_says_where_and_quotes_nothing(text: str, sentence: str) -> None:
    with pytest.raises(AnswerProblem) as raised:
        fitting_object(text, SCHEMA)
    assert sentence in str(raised.value)
    assert "maybe" not in str(raised.value)
    assert "rubric" not in str(raised.value)


def test_an_object_before_the_last_one_never_counts() -> None:
    with pytest.raises(AnswerProblem):
        fitting_object('{"verdict": "yes"} as you can see {"verdict": "whatever"}', SCHEMA)


def test_nothing_is_fetched_for_a_schema_that_refers_elsewhere() -> None:
    with pytest.raises(Unresolvable):
        fitting_object("{}", {"$ref": "http://127.0.0.1:9/schema.json"})
