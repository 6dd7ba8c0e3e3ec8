"""Response mappings: JSONPath without filters, a miss that says what was there, answers that can be stored."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rhesis_app.endpoints.rules import (
    AnswerError,
    MappingProblem,
    compile_mapping,
    parse_json,
    read_answer,
    storable,
    suggest_mapping,
)

ANSWER = {
    "reply": "Yes.",
    "my name": {"it's": "odd"},
    "data": {"items": [{"text": "a"}, {"text": "b"}, {"other": 1}]},
    "usage": {"prompt_tokens": 12, "completion_tokens": 3.0},
    "tools": [{"name": "search"}],
    "nothing": None,
    "sources": [],
    "schlüssel": "ü",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def texts_of(value):
    if isinstance(value, str):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        yield from texts_of(item)


def output(path, answer=ANSWER):
    return compile_mapping({"output": path}).apply(answer).output


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("$.reply", "Yes."),
        ("$['my name']['it\\'s']", "odd"),
        ('$["my name"]', '{"it\'s": "odd"}'),
        ("$.data.items[0].text", "a"),
        ("$.data.items[-1].other", "1"),
        ("$.data.items[*].text", '["a", "b"]'),
        ("$.data.items[0:2].text", '["a", "b"]'),
        ("$..text", '["a", "b"]'),
        ("$['schlüssel']", "ü"),
        ("$.usage.prompt_tokens", "12"),
    ],
)
def test_a_path_finds(path, text):
    assert output(path) == text


@pytest.mark.parametrize(
    "path",
    [
        "reply", "$.items[?(@.x == 1)]", "$.a where b", "$.a|b", "$.a & b", "$.a,b", "$[0,1]", "$.`len`", "$.`parent`",
        "$..a..b", "$.items[(@.length-1)]", "$.a.", "$[", "", "$" + ".a" * 200, "$.items[::2]", "$.a~", "$.größe",
        "$.x['unclosed]",
    ],
)  # fmt: skip
def test_what_is_not_plain_is_refused(path):
    with pytest.raises(MappingProblem) as caught:
        compile_mapping({"output": path})
    assert caught.value.key == "output"


def test_names_in_quotes_may_hold_anything():
    assert output("$['a|b (c) ? @']", {"a|b (c) ? @": "found"}) == "found"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("$.answer", ["$.answer found nothing", "“reply”", "“data”"]),
        ("$.data.reply", ["$.data is an object with “items”"]),
        ("$.data.items[7].text", ["$.data.items is a list of 3"]),
        ("$.reply.text", ["$.reply is a text"]),
        ("$.nothing", ["is null"]),
        ("$.sources[*]", ["is a list of 0"]),
    ],
)
def test_a_miss_says_what_was_there(path, words):
    with pytest.raises(AnswerError) as caught:
        output(path)
    assert caught.value.code == "mapping"
    for word in words:
        assert word in caught.value.message


def test_the_other_entries_are_read_and_may_be_absent():
    mapped = compile_mapping({
        "output": "$.reply", "context": "$.data.items[*].text", "tool_calls": "$.tools", "session": "$.session",
        "tokens_in": "$.usage.prompt_tokens", "tokens_out": "$.usage.completion_tokens",
    }).apply(ANSWER)  # fmt: skip
    assert (mapped.context, mapped.tool_calls) == (("a", "b"), ({"name": "search"},))
    assert (mapped.tokens_in, mapped.tokens_out, mapped.session) == (12, 3, None)
    assert mapped.missing == ("session",)


def test_an_empty_context_is_not_a_missing_one():
    mapped = compile_mapping({"output": "$.reply", "context": "$.sources[*].text"}).apply(ANSWER)
    assert (mapped.context, mapped.missing) == ((), ())


def test_a_turn_that_only_calls_tools_says_nothing():
    mapping = compile_mapping({"output": "$.nothing", "tool_calls": "$.tools"})
    assert mapping.apply(ANSWER).output == ""


@pytest.mark.parametrize("mapping", [{}, {"context": "$.a"}, {"output": "$", "reply": "$.b"}, {"output": 3}])
def test_a_mapping_needs_its_output_and_known_entries(mapping):
    with pytest.raises(MappingProblem):
        compile_mapping(mapping)


def test_plain_text_is_the_output_of_the_whole_answer():
    mapping = compile_mapping({"output": "$"})
    assert read_answer("Grüß Gott".encode(), "text/plain", mapping).output == "Grüß Gott"
    assert read_answer(b'{"a": 1}', "application/json", mapping).output == '{"a": 1}'


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<html>", "not_json"), (b"", "not_json"), (b"\xff\xfe", "encoding"), (b"NaN", "not_json"),
        (b"[1e999]", "not_json"), (b"[" * 100_000, "not_json"), (b"[" * 500 + b"]" * 500, "not_json"),
        (b'{"reply": 1' + b"0" * 5000 + b"}", "not_json"), (b'{"answer": "x"}', "mapping"),
    ],
)  # fmt: skip
def test_a_wrong_answer_has_its_code(body, code):
    with pytest.raises(AnswerError) as caught:
        read_answer(body, "application/json", compile_mapping({"output": "$.reply"}))
    assert caught.value.code == code


def test_what_the_database_cannot_hold_is_replaced():
    body = rb'{"reply": "a\u0000b\ud800c", "tools": [{"\u0000": "\u0000"}]}'
    mapped = read_answer(body, "application/json", compile_mapping({"output": "$.reply", "tool_calls": "$.tools"}))
    assert (mapped.output, mapped.tool_calls) == ("a�b�c", ({"�": "�"},))


@settings(max_examples=40)
@given(JSON)
def test_a_suggested_mapping_finds_a_text_of_the_answer(answer):
    suggested = suggest_mapping(answer)
    if suggested:
        assert compile_mapping(suggested).apply(answer).output in {storable(text) for text in texts_of(answer)}


@settings(max_examples=40)
@given(JSON)
def test_every_answer_is_read_or_misses(answer):
    mapping = compile_mapping({"output": "$..a[*]"})
    read = parse_json(json.dumps(answer).encode())
    if mapping.paths["output"].find(read):
        assert mapping.apply(read).output
    else:
        with pytest.raises(AnswerError, match="found nothing"):
            mapping.apply(read)
