"""Request templates: what is put in stays what it was, and mistakes are named when saving."""

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhesis_app.endpoints.rules import RequestContext, TemplateError, TemplateProblem, compile_template, encode_request
from rhesis_app.endpoints.rules.placeholders import _between_bars

CONTEXT = RequestContext(
    input="Hello?",
    earlier=({"role": "system", "content": "Be kind."},),
    turns=({"prompt": "one"},),
    context=["a", "b"],
    test_id="t1",
    metadata={"topic": "refunds", "depth": {"level": 3}, "größe": "L", "empty": None},
    run_id="r1",
    trial=2,
)


def render(template, context=CONTEXT):
    return compile_template(template).render(context)


@given(st.text())
def test_any_prompt_reaches_the_endpoint_byte_for_byte(prompt):
    template = compile_template({"message": "{{ input }}", "fixed": 'quotes " and {braces}'})
    _, body = encode_request("POST", "https://x.example/", {}, template.render(RequestContext(input=prompt)))
    assert json.loads(body)["message"].encode() == prompt.encode()
    assert json.loads(body)["fixed"] == 'quotes " and {braces}'


@given(st.text())
def test_a_prompt_inside_a_longer_text_stays_whole(prompt):
    assert render({"m": "<{{ input }}>"}, RequestContext(input=prompt))["m"] == f"<{prompt}>"


def test_a_prompt_that_looks_like_a_placeholder_is_not_read_again():
    assert render({"m": "{{ input }}"}, RequestContext(input="{{ run.id }}"))["m"] == "{{ run.id }}"


def test_a_prompt_cannot_add_fields():
    attack = RequestContext(input='", "admin": true, "x": "')
    assert set(render({"m": "{{ input }}"}, attack)) == {"m"}


@pytest.mark.parametrize(
    ("leaf", "value"),
    [
        ("{{ input }}", "Hello?"),
        ("{{input}}", "Hello?"),
        ("{{ trial }}", 2),
        ("{{ context }}", ["a", "b"]),
        ("{{ context.1 }}", "b"),
        ("{{ turns.0.prompt }}", "one"),
        ("{{ test.id }}/{{ run.id }}", "t1/r1"),
        ("{{ test.metadata.topic }}", "refunds"),
        ("{{ test.metadata.depth.level }}", 3),
        ("{{ test.metadata.größe }}", "L"),
        ("level {{ test.metadata.depth.level }}", "level 3"),
        ("{{ test.metadata.depth }}", {"level": 3}),
        ("{{ test.metadata.depth | json }}", '{"level": 3}'),
        ('{{ test.metadata.unknown | default("none") }}', "none"),
        ('{{ test.metadata.unknown | default("a | b") | upper }}', "A | B"),
        ("{{ test.metadata.unknown | default(0) }}", 0),
        ("{{ test.metadata.empty | default(true) }}", True),
        ("{{ trial | string }}", "2"),
        ("{{ input | lower | trim }}", "hello?"),
        ("{{ messages.0.content }}", "Be kind."),
        ("no placeholder", "no placeholder"),
    ],
)
def test_a_leaf_becomes(leaf, value):
    assert render({"leaf": leaf, "message": "{{ input }}"})["leaf"] == value


def test_messages_end_with_the_prompt():
    assert render({"messages": "{{ messages }}"})["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hello?"},
    ]


@pytest.mark.parametrize(
    ("template", "path", "word"),
    [
        ({"a": {"b": ["{{ inptu }}"]}}, "a.b.0", "test.metadata.*"),
        ({"a": "{{ input.first }}"}, "a", "not known"),
        ({"a": "{{ test.prompt }}"}, "a", "not known"),
        ({"a": "{{ input | shout }}"}, "a", "There is no filter"),
        ({"a": "{{ input | default }}"}, "a", "default"),
        ({"a": "{{ input | trim(1) }}"}, "a", "no value"),
        ({"a": "{{ input | default(oops) }}"}, "a", "double quotes"),
        ({"a": "{{ input"}, "a", "never closed"),
        ({"a": "{{ }}"}, "a", "cannot be read"),
        ({"a": "{{ input() }}"}, "a", "cannot be read"),
        ({"{{ input }}": 1}, "{{ input }}", "not in names"),
        ({"a": "always the same"}, "", "{{ input }}"),
        ({"a": ["{{ run.id }}"]}, "", "prompt"),
    ],
)
def test_a_mistake_is_named_with_its_place(template, path, word):
    with pytest.raises(TemplateProblem) as caught:
        compile_template(template)
    assert caught.value.path == path
    assert word in caught.value.message


def test_a_missing_metadata_key_is_an_error_that_names_the_way_out():
    with pytest.raises(TemplateError, match="default"):
        render({"a": "{{ test.metadata.missing }}", "b": "{{ input }}"})


def test_attributes_of_objects_are_out_of_reach():
    with pytest.raises(TemplateError):
        render({"a": "{{ test.metadata.__class__ }}", "b": "{{ input }}"})


def test_deep_and_wide_templates_are_refused():
    deep: object = "{{ input }}"
    for _ in range(50):
        deep = [deep]
    with pytest.raises(TemplateProblem, match="deeper"):
        compile_template(deep)
    with pytest.raises(TemplateProblem, match="more than"):
        compile_template(["{{ input }}"] * 3000)


OLD_BARS = re.compile(r"\|(?=(?:[^\"]*\"[^\"]*\")*[^\"]*\Z)")
"""A bar that an even number of quotes follows, as an expression that is clear and slow."""


@given(st.text(alphabet='a|"( ', max_size=20))
def test_filters_are_parted_by_the_bars_outside_of_quotes(text: str) -> None:
    assert list(_between_bars(text)) == OLD_BARS.split(text)


@pytest.mark.parametrize(
    "text", ["{{" * 50_000, "{{ a" + "|" * 99_000 + " }}", '{{ a | default("' + '"|"' * 30_000 + "}}"]
)
def test_a_hostile_text_is_refused_at_once(text: str) -> None:
    began = time.perf_counter()
    with pytest.raises(TemplateProblem):
        compile_template({"m": text})
    assert time.perf_counter() - began < 2
