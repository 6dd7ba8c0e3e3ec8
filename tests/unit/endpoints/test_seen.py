"""A call that was seen, read against a mapping: what each path found, and which would have found the reply."""

import json
from dataclasses import replace

import pytest

from rhesis_app.endpoints.rules.seen import (
    LONGEST_KEPT,
    SeenCall,
    chosen_path,
    found_fields,
    marks,
    reading_problem,
    suggestion_for,
)

REQUEST = {"method": "POST", "url": "http://localhost:9000/chat", "body": {"message": "Hi"}}
BODY = {"reply": {"text": "Hello"}, "sources": [{"doc": "a"}, {"doc": "b"}], "usage": {"in": 3}, "none": None}
SEEN = SeenCall(request=REQUEST, status=200, latency_ms=5.0, content_type="application/json", body=json.dumps(BODY))


def found(mapping: dict[str, str], seen: SeenCall | None = SEEN) -> dict[str, tuple[str, str, str]]:
    return {row.key: (row.state, row.words, row.shown) for row in found_fields(mapping, seen) if row.path}


def test_each_path_says_what_it_found() -> None:
    mapping = {"output": "$.reply.text", "context": "$.sources[*].doc", "tokens_in": "$.usage.in", "tool_calls": "$.no"}
    assert found(mapping) == {
        "output": ("passed", "text, 5 characters", "Hello"),
        "context": ("passed", "2 items", '["a", "b"]'),
        "tokens_in": ("passed", "a number", "3"),
        "tool_calls": ("error", "nothing there", ""),
    }


def test_null_counts_as_nothing() -> None:
    assert found({"output": "$.none"})["output"] == ("error", "nothing there", "")


def test_a_path_that_cannot_be_read_says_why_and_the_others_still_work() -> None:
    rows = found({"output": "reply", "tokens_in": "$.usage.in"})
    assert rows["output"][0] == "error"
    assert "starts with $" in rows["output"][1]
    assert rows["tokens_in"][0] == "passed"


def test_without_a_call_nothing_is_claimed() -> None:
    assert found({"output": "$.reply"}, None) == {"output": ("", "", "")}


def test_the_problem_of_an_answer_names_what_is_there_and_a_path_is_suggested() -> None:
    assert "“reply”" in reading_problem({"output": "$.answer"}, SEEN)
    assert suggestion_for(SEEN)["output"] == "$.reply.text"
    assert reading_problem({"output": "$.reply.text"}, SEEN) == ""


def test_a_plain_text_answer_is_taken_whole() -> None:
    text = replace(SEEN, content_type="text/plain", body="Hello there")
    assert suggestion_for(text) == {"output": "$"}
    assert reading_problem({"output": "$"}, text) == ""
    assert found({"output": "$"}, text)["output"] == ("passed", "text, 11 characters", "Hello there")
    assert found({"output": "$.reply"}, text)["output"][1] == "the answer is not JSON"


def test_a_failed_call_says_its_own_sentence_and_suggests_nothing() -> None:
    failed = replace(SEEN, error_code="http_5xx", error_detail="The endpoint answered 500.")
    assert reading_problem({"output": "$.reply.text"}, failed) == "The endpoint answered 500."
    assert suggestion_for(failed) == {}


@pytest.mark.parametrize(
    ("key", "leaf", "path"),
    [
        ("output", "$.choices[0].text", "$.choices[0].text"),
        ("context", "$.sources[1].doc", "$.sources[*].doc"),
        ("context", "$.a[0].b[2].c", "$.a[0].b[*].c"),
        ("tool_calls", "$.choices[0].message.tool_calls[0].name", "$.choices[0].message.tool_calls"),
        ("tool_calls", "$.call.name", "$.call.name"),
    ],
)
def test_a_click_on_a_leaf_means_what_the_field_takes(key: str, leaf: str, path: str) -> None:
    assert chosen_path(key, leaf) == path


def test_leaves_in_use_carry_their_field() -> None:
    used = marks(
        {"output": "$.reply.text", "context": "$.sources[*].doc", "tool_calls": "$.calls"}, {"output": "Reply"}
    )
    assert used.get("$.reply.text") == "Reply"
    assert used.get("$.sources[1].doc") == "context"
    assert used.get("$.calls[0].name") == "tool_calls"
    assert used.get("$.usage.in", "") == ""


def test_a_call_survives_its_hidden_field() -> None:
    assert SeenCall.from_text(SEEN.to_text()) == SEEN


def test_a_call_too_long_for_the_form_is_not_carried_along() -> None:
    assert replace(SEEN, body="x" * LONGEST_KEPT).to_text() == ""


@pytest.mark.parametrize(
    "text",
    ["", "x", "[]", "{}", "[" * 100_000, SEEN.to_text().replace("200", '"200"'), SEEN.to_text().replace("method", "m")],
)
def test_a_hidden_field_that_was_tampered_with_is_as_good_as_none(text: str) -> None:
    assert SeenCall.from_text(text) is None
