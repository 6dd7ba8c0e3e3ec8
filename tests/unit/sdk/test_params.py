"""Params: dataclass fields become validation, JSON schema and form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rhesis_app.sdk import NoParams, ParamError, param
from rhesis_app.sdk.params import defaults_of, fields_of, is_storable, json_schema, parse, read_form, to_mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    phrase: str = param(help="A text.")
    share: float = param(0.5, help="A number.", minimum=0, maximum=1)
    count: int = param(3, help="A whole number.", minimum=1)
    strict: bool = param(False, help="A switch.")
    mode: str = param("soft", help="One of two.", choices=("soft", "hard"))
    words: tuple[str, ...] = param((), help="Some texts.")
    schema: Mapping[str, Any] = param({"type": "object"}, help="Some JSON.", title="The schema")
    ceiling: int | None = param(None, help="Perhaps a number.", maximum=10)

    def problems(self) -> Mapping[str, str]:
        return {"ceiling": "Must not be below count."} if self.ceiling is not None and self.ceiling < self.count else {}


def errors_of(given: Any, cls: type[Any] = Everything) -> dict[str, list[str]]:
    with pytest.raises(ParamError) as caught:
        parse(cls, given)
    return caught.value.errors


def test_every_type_has_its_kind_of_form_field() -> None:
    kinds = {field.name: field.kind for field in fields_of(Everything)}
    assert kinds == {
        "phrase": "text",
        "share": "number",
        "count": "integer",
        "strict": "boolean",
        "mode": "choice",
        "words": "list",
        "schema": "json",
        "ceiling": "integer",
    }


def test_a_field_carries_what_a_form_needs() -> None:
    fields = {field.name: field for field in fields_of(Everything)}
    assert fields["phrase"].required
    assert fields["share"].default == 0.5
    assert (fields["share"].minimum, fields["share"].maximum) == (0, 1)
    assert fields["mode"].choices == ("soft", "hard")
    assert fields["schema"].title == "The schema"
    assert fields["count"].title == "Count"
    assert fields["ceiling"].optional


def test_what_is_left_out_takes_its_default() -> None:
    params = parse(Everything, {"phrase": "hello"})
    assert params == Everything(phrase="hello")


def test_a_whole_number_is_a_number() -> None:
    assert parse(Everything, {"phrase": "x", "share": 1}).share == 1.0


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("phrase", 3, "text"),
        ("phrase", "  ", "empty"),
        ("phrase", None, "text"),
        ("phrase", "a\0b", "stored"),
        ("phrase", "half \ud83d", "stored"),
        ("phrase", "x" * 100_001, "100,000"),
        ("share", "0.5", "number"),
        ("share", 1.5, "at most 1"),
        ("share", float("nan"), "ordinary size"),
        ("share", float("inf"), "ordinary size"),
        ("share", True, "number"),
        ("count", 2.0, "whole"),
        ("count", 0, "at least 1"),
        ("count", 10**400, "ordinary size"),
        ("strict", 1, "true or false"),
        ("mode", "medium", "soft, hard"),
        ("mode", ["soft"], "soft, hard"),
        ("words", "one", "list"),
        ("words", ["one", 2], "text"),
        ("schema", [1], "object"),
        ("schema", {"a": float("nan")}, "JSON values"),
        ("schema", {"a": "\0"}, "JSON values"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_wanted(name: str, value: Any, says: str) -> None:
    errors = errors_of({"phrase": "x", name: value})
    assert list(errors) == [name]
    assert says in errors[name][0]


def test_every_problem_is_told_at_once() -> None:
    errors = errors_of({"share": 7, "colour": "red"})
    assert set(errors) == {"phrase", "share", "colour"}
    assert errors["phrase"] == ["Required."]


def test_an_unknown_field_is_refused_with_the_known_ones() -> None:
    assert "phrase, share" in errors_of({"phrase": "x", "colour": "red"})["colour"][0]
    assert "no params" in errors_of({"colour": "red"}, NoParams)["colour"][0]


def test_something_other_than_an_object_is_refused() -> None:
    assert errors_of(["phrase"]) == {"": ["Params must be an object."]}


def test_a_class_checks_its_own_fields_together() -> None:
    assert errors_of({"phrase": "x", "count": 5, "ceiling": 4}) == {"ceiling": ["Must not be below count."]}


def test_a_class_that_fails_to_check_itself_is_a_finding_without_its_words() -> None:
    @dataclass(frozen=True)
    class Broken:
        size: int = param(1, help="A size.")

        def problems(self) -> Mapping[str, str]:
            raise RuntimeError("secret")

    errors = errors_of({}, Broken)
    assert "RuntimeError" in errors[""][0]
    assert "secret" not in errors[""][0]


def test_a_list_as_default_is_not_shared() -> None:
    first, second = defaults_of(WithMapping), defaults_of(WithMapping)
    assert first.schema == second.schema
    assert first.schema is not second.schema


@dataclass(frozen=True)
class WithMapping:
    schema: Mapping[str, Any] = param({"a": [1]}, help="Some JSON.")


def test_a_class_with_a_required_field_has_no_defaults() -> None:
    assert defaults_of(Everything) is None


def test_a_type_without_a_form_is_refused() -> None:
    @dataclass(frozen=True)
    class Odd:
        when: complex = param(1j, help="?")

    with pytest.raises(TypeError, match="when"):
        fields_of(Odd)
    with pytest.raises(TypeError, match="dataclass"):
        fields_of(int)


@settings(max_examples=25, deadline=None)
@given(
    st.fixed_dictionaries(
        {"phrase": st.text(min_size=1).filter(lambda text: text.strip() and is_storable(text))},
        optional={
            "share": st.floats(0, 1),
            "count": st.integers(1, 9),
            "strict": st.booleans(),
            "mode": st.sampled_from(("soft", "hard")),
            "words": st.lists(st.sampled_from(("a", "b c", ""))),
            "schema": st.dictionaries(
                st.sampled_from("abc"), st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.just([])
            ),
        },
    )
)
def test_params_survive_storage_and_fit_their_schema(given_params: dict[str, Any]) -> None:
    params = parse(Everything, given_params)
    stored = to_mapping(params)
    assert parse(Everything, stored) == params
    jsonschema.Draft202012Validator(json_schema(Everything)).validate(stored)


def test_the_schema_refuses_what_parse_refuses() -> None:
    validator = jsonschema.Draft202012Validator(json_schema(Everything))
    jsonschema.Draft202012Validator.check_schema(json_schema(Everything))
    for wrong in (
        {},
        {"phrase": 1},
        {"phrase": "x", "share": 2},
        {"phrase": "x", "mode": "no"},
        {"phrase": "x", "z": 1},
    ):
        assert not validator.is_valid(wrong)


def test_a_form_becomes_values() -> None:
    form = {
        "phrase": "two\r\nlines",
        "share": "0.25",
        "count": "4",
        "strict": "on",
        "mode": "hard",
        "words": " one \n\n two",
        "schema": '{"a": 1}',
        "ceiling": "",
        "other": "ignored",
    }
    assert parse(Everything, read_form(Everything, form)) == Everything(
        phrase="two\nlines", share=0.25, count=4, strict=True, mode="hard", words=("one", "two"), schema={"a": 1}
    )


def test_an_absent_checkbox_is_off_and_an_empty_number_takes_its_default() -> None:
    assert read_form(Everything, {"phrase": "x", "count": " "}) == {"phrase": "x", "strict": False}


def test_what_a_form_cannot_read_is_named_by_parse() -> None:
    errors = errors_of(read_form(Everything, {"phrase": "x", "count": "many", "schema": "{", "share": "nan"}))
    assert set(errors) == {"count", "schema", "share"}


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "x", [1, {"a": []}], {"a": {"b": None}}])
def test_ordinary_json_can_be_stored(value: Any) -> None:
    assert is_storable(value)


@pytest.mark.parametrize(
    "value", ["\0", "\ud800", float("inf"), 1e30, -1e19, object(), {"a": {"\0": 1}}, {1: 2}, [["\0"]]]
)
def test_what_a_database_refuses_cannot_be_stored(value: Any) -> None:
    assert not is_storable(value)


def test_bottomless_nesting_cannot_be_stored() -> None:
    value: Any = 1
    for _ in range(60):
        value = [value]
    assert not is_storable(value)
