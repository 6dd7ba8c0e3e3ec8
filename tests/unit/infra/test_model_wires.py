"""Both wire formats: what is sent where, and what is read of answers of every shape."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from rhesis_app.infra.llm.wires import read_said, request_for
from rhesis_app.kernel.ports import CalledModel, Prices

CLOSED = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}
OPEN = {"type": "object", "properties": {"ok": {"type": "boolean"}}}
OPENAI = CalledModel(
    label="Judge", wire="openai", base_url="https://models.example.org/v1", model_name="m-1", key="sk-1"
)
ANTHROPIC = replace(OPENAI, wire="anthropic")


@pytest.mark.parametrize(
    ("wire", "base_url", "url"),
    [
        ("openai", "https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
        ("openai", "https://api.openai.com/v1/", "https://api.openai.com/v1/chat/completions"),
        ("openai", "http://localhost:11434/v1", "http://localhost:11434/v1/chat/completions"),
        ("openai", "https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1/chat/completions"),
        ("openai", "https://a.example/v1/chat/completions", "https://a.example/v1/chat/completions"),
        (
            "openai",
            "https://r.openai.azure.com/openai/deployments/d?api-version=2024-10-21",
            "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
        ),
        ("anthropic", "https://api.anthropic.com", "https://api.anthropic.com/v1/messages"),
        ("anthropic", "https://api.anthropic.com/v1", "https://api.anthropic.com/v1/messages"),
        ("anthropic", "https://api.anthropic.com/v1/messages", "https://api.anthropic.com/v1/messages"),
    ],
)
def test_the_path_of_the_wire_follows_the_base_url_once(wire: str, base_url: str, url: str) -> None:
    assert request_for(replace(OPENAI, wire=wire, base_url=base_url), "p", CLOSED, by_schema=True).url == url


@pytest.mark.parametrize(
    ("model", "header"),
    [
        (OPENAI, {"Authorization": "Bearer sk-1"}),
        (replace(OPENAI, base_url="https://r.openai.azure.com/openai/v1"), {"api-key": "sk-1"}),
        (replace(OPENAI, base_url="https://azure.com.example.org/v1"), {"Authorization": "Bearer sk-1"}),
        (ANTHROPIC, {"anthropic-version": "2023-06-01", "x-api-key": "sk-1"}),
        (replace(OPENAI, key=None), {}),
        (replace(ANTHROPIC, key=None), {"anthropic-version": "2023-06-01"}),
    ],
)
def test_the_key_travels_in_the_header_of_its_wire_alone(model: CalledModel, header: dict[str, str]) -> None:
    request = request_for(model, "p", CLOSED, by_schema=True)
    assert request.headers == header
    assert "sk-1" not in str(request.body)
    assert "sk-1" not in repr(request)
    assert "sk-1" not in repr(model)


def test_openai_is_asked_by_schema_strictly_only_where_the_schema_is_closed() -> None:
    asked = request_for(OPENAI, "p", CLOSED, by_schema=True).body["response_format"]
    assert asked == {"type": "json_schema", "json_schema": {"name": "answer", "schema": CLOSED, "strict": True}}
    loose = request_for(OPENAI, "p", OPEN, by_schema=True).body["response_format"]
    assert loose["json_schema"]["strict"] is False


def test_anthropic_is_asked_by_a_tool_it_must_use() -> None:
    body = request_for(ANTHROPIC, "p", CLOSED, by_schema=True).body
    assert body["tools"][0]["input_schema"] == CLOSED
    assert body["tool_choice"] == {"type": "tool", "name": body["tools"][0]["name"]}
    assert body["max_tokens"] == 4096


@pytest.mark.parametrize("model", [OPENAI, ANTHROPIC])
def test_without_schemas_the_words_alone_ask_for_one(model: CalledModel) -> None:
    body = request_for(model, "the prompt", CLOSED, by_schema=False).body
    assert not {"response_format", "tools", "tool_choice"} & set(body)
    told = body.get("system") or body["messages"][0]["content"]
    assert '"additionalProperties": false' in told
    assert body["messages"][-1] == {"role": "user", "content": "the prompt"}


def test_parameters_are_added_and_never_change_what_is_asked() -> None:
    model = replace(ANTHROPIC, params={"temperature": 0, "max_tokens": 99, "messages": [], "model": "other"})
    body = request_for(model, "p", CLOSED, by_schema=True).body
    assert (body["temperature"], body["max_tokens"], body["model"]) == (0, 99, "m-1")
    assert body["messages"]


def test_an_answer_of_each_wire_is_read() -> None:
    openai = {
        "model": "m-1-2026",
        "choices": [{"message": {"content": "{}"}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 3},
    }
    said = read_said("openai", openai)
    assert said is not None
    assert (said.text, said.model, said.tokens_in, said.tokens_out, said.is_cut) == ("{}", "m-1-2026", 12, 3, True)
    anthropic = {
        "model": "c",
        "content": [
            {"type": "thinking", "thinking": "{}"},
            {"type": "text", "text": "So:"},
            {"type": "tool_use", "input": {"ok": True}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 5, "output_tokens": 7},
    }
    said = read_said("anthropic", anthropic)
    assert said is not None
    assert (said.text, said.tokens_in, said.tokens_out) == ('So:\n{"ok": true}', 5, 7)


def test_content_in_parts_is_one_text() -> None:
    parts = [{"type": "text", "text": '{"ok"'}, {"type": "text", "text": ": true}"}, {"type": "image"}]
    said = read_said("openai", {"choices": [{"message": {"content": parts}}]})
    assert said is not None
    assert said.text == '{"ok": true}'


@pytest.mark.parametrize(
    ("wire", "document"),
    [
        ("openai", {"choices": [{"message": {"content": None, "refusal": "No."}}]}),
        ("openai", {"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]}),
        ("anthropic", {"content": [], "stop_reason": "refusal"}),
    ],
)
def test_a_refusal_is_told_from_an_answer(wire: str, document: Any) -> None:
    said = read_said(wire, document)
    assert said is not None
    assert said.refusal


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "text",
        3,
        {},
        {"choices": []},
        {"choices": "x"},
        {"choices": [3]},
        {"choices": [{"message": "x"}]},
        {"content": "x"},
    ],
)
def test_what_is_not_of_the_wire_is_no_answer(wire: str, document: Any) -> None:
    assert read_said(wire, document) is None


@pytest.mark.parametrize("count", [-1, 1.5, "3", True, None, 2**40])
def test_a_count_that_is_none_is_not_known(count: Any) -> None:
    said = read_said("openai", {"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": count}})
    assert said is not None
    assert said.tokens_in is None


def test_a_call_is_priced_exactly_or_not_at_all() -> None:
    prices = Prices(input_per_million=Decimal("0.15"), output_per_million=Decimal("0.6"))
    assert prices.cost_of(1000, 500) == Decimal("0.00045")
    assert prices.cost_of(None, 500) is None
    assert Prices(input_per_million=Decimal(1)).cost_of(1, 1) is None
