"""Prompts: which variables a text has, what is put in stays what it was, and what is missing is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhesis_app.authoring.rules.prompts import MAX_TEMPLATE, MAX_VARIABLES, check_note, read_template
from rhesis_app.authoring.rules.tests import MAX_TEXT
from rhesis_app.kernel.errors import Invalid


def refused(template: str, values: dict[str, object]) -> dict[str, list[str]]:
    with pytest.raises(Invalid) as raised:
        read_template(template).render(values)
    return raised.value.errors


@given(st.text())
def test_any_value_arrives_byte_for_byte(value: str) -> None:
    written = read_template("<{{ text }}>").render({"text": value})
    assert written.encode("utf-8", "surrogatepass") == f"<{value}>".encode("utf-8", "surrogatepass")


@given(st.text().filter(lambda text: "{{" not in text and text.strip()), st.text())
def test_the_text_around_a_value_stays_as_it_was_written(around: str, value: str) -> None:
    storable = around.replace("\0", "").encode("utf-8", "ignore").decode() + "."
    if storable.endswith("{."):
        storable += "x"
    assert read_template(storable + "{{ text }}").render({"text": value}) == storable + value


def test_a_value_that_looks_like_a_placeholder_is_not_read_again() -> None:
    assert read_template("{{ a }}{{ b }}").render({"a": "{{ b }}", "b": "{{ a }}"}) == "{{ b }}{{ a }}"


def test_variables_are_the_free_names_in_the_order_of_their_first_use() -> None:
    template = read_template('{{ b.name }} {{ a }} {{ b }} {{ größe | default("L") | upper }} {{ a | trim }}')
    found = [(one.name, one.is_structured, one.is_required) for one in template.variables]
    assert found == [("b", True, True), ("a", False, True), ("größe", False, False)]
    assert read_template("Hello").variables == ()


@pytest.mark.parametrize(
    ("template", "values", "text"),
    [
        ("{{ user.name }}", {"user": {"name": "Ada"}}, "Ada"),
        ("{{ items.1 }}", {"items": ["a", "b"]}, "b"),
        ("{{ n }} {{ yes }}", {"n": 3, "yes": True}, "3 true"),
        ("{{ user }}", {"user": {"größe": "L"}}, '{"größe": "L"}'),
        ("[{{ nothing }}]", {"nothing": None}, "[]"),
        ('{{ tone | default("kind") }}', {}, "kind"),
        ('{{ tone | default("kind") }}', {"tone": ""}, ""),
        ("{{ word | trim | upper }}", {"word": " a "}, "A"),
        ("{{ word | json }}", {"word": 'a"b'}, '"a\\"b"'),
        ('{"a": {"b": 1}} {{ x }}', {"x": "y"}, '{"a": {"b": 1}} y'),
    ],
)
def test_values_are_put_in(template: str, values: dict[str, object], text: str) -> None:
    assert read_template(template).render(values) == text


def test_what_is_missing_or_unknown_is_named_at_its_value() -> None:
    errors = refused("{{ order }} {{ user.name }} {{ city }}", {"user": {}, "oder": 1, "city": "Bonn"})
    assert set(errors) == {"values.oder", "values.order", "values.user"}
    assert "no variable “oder”" in errors["values.oder"][0]
    assert "order, user, city" in errors["values.oder"][0]
    assert "“order” has no value" in errors["values.order"][0]
    assert "nothing at {{ user.name }}" in errors["values.user"][0]
    assert "It has none" in refused("Hello", {"x": 1})["values.x"][0]


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        ("Hello {{ name", "never closed"),
        ("{{ }}", "cannot be read"),
        ("{{ a + b }}", "cannot be read"),
        ("{{ a() }}", "cannot be read"),
        ("{{ a | upper(1) }}", "takes no value"),
        ("{{ a | reverse }}", "no filter “reverse”"),
        ("{{ a | default(x) }}", "not a JSON value"),
        ("a\0b", "cannot be stored"),
        ("x" * (MAX_TEMPLATE + 1), "at most"),
        ("{{ " + "n" * 81 + " }}", "at most 80"),
        (" ".join(f"{{{{ v{number} }}}}" for number in range(MAX_VARIABLES + 1)), "at most 50 variables"),
    ],
)
def test_a_text_that_cannot_be_used_says_why(template: str, said: str) -> None:
    with pytest.raises(Invalid) as raised:
        read_template(template)
    assert list(raised.value.errors) == ["template"]
    assert said in raised.value.detail


def test_a_text_that_grows_too_long_is_refused_before_it_is_built() -> None:
    many = read_template("{{ a }}" * 10_000)
    with pytest.raises(Invalid) as raised:
        many.render({"a": "x" * 1_000_000})
    assert list(raised.value.errors) == ["values"]
    assert len(read_template("{{ a }}").render({"a": "x" * MAX_TEXT})) == MAX_TEXT


def test_filling_in_leaves_what_has_no_value_as_it_is_written() -> None:
    pieces = read_template('Dear {{ name }}, {{ tone | default("bye") }} {{  at.home  }}').fill({"name": "{{ x }}"})
    assert [(piece.text, piece.variable) for piece in pieces] == [
        ("Dear ", ""),
        ("{{ x }}", ""),
        (", ", ""),
        ("bye", ""),
        (" ", ""),
        ("{{  at.home  }}", "at"),
    ]


def test_the_pieces_of_a_text_are_the_text() -> None:
    text = 'Dear {{ name }},\n{{ tone | default("}") }} bye'
    pieces = read_template(text).pieces
    assert "".join(piece.text for piece in pieces) == text
    assert [piece.variable for piece in pieces] == ["", "name", "", "tone", ""]


def test_a_note_is_short_and_storable() -> None:
    assert check_note(" a\r\nb ") == "a\nb"
    for note in ("x" * 501, "a\0b"):
        with pytest.raises(Invalid):
            check_note(note)
