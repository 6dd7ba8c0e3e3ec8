"""A prompt told to a model: what is sent with it on each wire, and what of the answer is read."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhesis_app.endpoints.actions.chats import Chat, prepare_chat
from rhesis_app.endpoints.rules import AnswerError, RequestContext, TemplateError, TemplateProblem
from rhesis_app.infra.llm.wires import chat_call

EARLIER = (
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello"},
)
CONTEXT = RequestContext(input="Where is my order?", earlier=EARLIER, metadata={"shop": "Brindlewick"})
LAST = {"role": "user", "content": "Where is my order?"}


def chat(role: str, text: str, wire: str = "openai", **params: Any) -> Chat:
    return prepare_chat({"role": role, "wire": wire, "model_name": "tiny", "params": params}, text)


def test_as_system_the_prompt_stands_before_the_conversation() -> None:
    body = chat("system", "You serve {{ test.metadata.shop }}.", temperature=0).body(CONTEXT)
    told = {"role": "system", "content": "You serve Brindlewick."}
    assert body == {"temperature": 0, "model": "tiny", "messages": [told, *EARLIER, LAST], "stream": False}


def test_as_user_the_prompt_takes_the_place_of_the_tests() -> None:
    body = chat("user", "Answer in one word: {{ input }}").body(CONTEXT)
    said = {"role": "user", "content": "Answer in one word: Where is my order?"}
    assert body["messages"] == [*EARLIER, said]


def test_a_prompt_that_speaks_of_the_messages_is_all_that_is_sent() -> None:
    (only,) = chat("user", "Continue: {{ messages }}").body(CONTEXT)["messages"]
    assert json.loads(only["content"].removeprefix("Continue: ")) == [*EARLIER, LAST]
    (whole,) = chat("user", "{{ messages }}").body(CONTEXT)["messages"]
    assert json.loads(whole["content"]) == [*EARLIER, LAST]


def test_anthropic_takes_what_the_system_says_apart() -> None:
    body = chat("system", "You serve.", "anthropic", max_tokens=9).body(CONTEXT)
    assert body == {
        "max_tokens": 9,
        "model": "tiny",
        "system": "You serve.\n\nBe kind.",
        "messages": [*EARLIER[1:], LAST],
        "stream": False,
    }
    assert "system" not in chat("user", "{{ input }}", "anthropic").body(RequestContext(input="x"))


@given(st.text())
def test_any_prompt_of_a_test_reaches_the_model_as_it_is(text: str) -> None:
    for role, template in (("system", "Be brief."), ("user", "{{ input }}")):
        assert chat(role, template).body(RequestContext(input=text))["messages"][-1]["content"] == text


@pytest.mark.parametrize(
    ("role", "text", "said"),
    [
        ("user", "Be brief.", "Put {{ input }} where it belongs"),
        ("user", "{{ test.metadata.shop }}", "Put {{ input }} where it belongs"),
        ("user", "{{ order }}", "{{ order }} is not known"),
        ("system", "{{ order }}", "{{ order }} is not known"),
        ("system", "{{ input", "never closed"),
    ],
)
def test_a_prompt_that_no_test_can_fill_is_refused(role: str, text: str, said: str) -> None:
    with pytest.raises(TemplateProblem) as raised:
        chat(role, text)
    assert said in str(raised.value)
    assert raised.value.path == ""


def test_a_test_without_the_value_is_an_error_of_its_own() -> None:
    with pytest.raises(TemplateError, match=r"test\.metadata\.order"):
        chat("system", "{{ test.metadata.order }}").body(CONTEXT)


OPENAI = {
    "choices": [{"message": {"role": "assistant", "content": "On its way."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 3},
}
ANTHROPIC = {
    "content": [{"type": "thinking", "thinking": "…"}, {"type": "text", "text": "On its way."}],
    "usage": {"input_tokens": 7, "output_tokens": 3},
}


@pytest.mark.parametrize(("wire", "document"), [("openai", OPENAI), ("anthropic", ANTHROPIC)])
def test_the_answer_is_read_with_its_tokens(wire: str, document: dict[str, Any]) -> None:
    found = chat("system", "x", wire).read(json.dumps(document).encode())
    assert (found.output, found.tokens_in, found.tokens_out) == ("On its way.", 7, 3)


def test_a_refusal_is_what_the_model_said() -> None:
    document = {"choices": [{"message": {"content": None, "refusal": "I will not."}}]}
    assert chat("system", "x").read(json.dumps(document).encode()).output == "I will not."


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (b"nonsense", "not_json", "not JSON"),
        (b'{"reply": "x"}', "mapping", "another format"),
        (b'{"choices": [{"message": {"content": ""}, "finish_reason": "length"}]}', "mapping", "max_tokens"),
        (b'{"choices": [{"message": {"content": null}}]}', "mapping", "said nothing"),
    ],
)
def test_an_answer_of_no_use_says_why(body: bytes, code: str, said: str) -> None:
    with pytest.raises(AnswerError) as raised:
        chat("system", "x").read(body)
    assert raised.value.code == code
    assert said in raised.value.message


@pytest.mark.parametrize(
    ("wire", "base_url", "url", "key_header"),
    [
        ("openai", "https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions", None),
        ("openai", "http://localhost:11434/v1/", "http://localhost:11434/v1/chat/completions", None),
        (
            "openai",
            "https://x.openai.azure.com/openai/deployments/d?api-version=1",
            "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=1",
            "api-key",
        ),
        ("anthropic", "https://api.anthropic.com", "https://api.anthropic.com/v1/messages", "x-api-key"),
    ],
)
def test_each_wire_has_its_address_and_its_header_for_the_key(
    wire: str, base_url: str, url: str, key_header: str | None
) -> None:
    call = chat_call(wire, base_url)
    assert (call.url, call.key_header) == (url, key_header)
    assert ("anthropic-version" in call.headers) == (wire == "anthropic")
