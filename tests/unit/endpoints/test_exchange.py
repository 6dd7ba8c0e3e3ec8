"""One exchange with a door that plays the network: what is sent, what is kept, and which code a failure gets."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from rhesis_app.endpoints.actions.exchange import (
    BoundSecret,
    EndpointSnapshot,
    Exchange,
    ask,
    prepare,
)
from rhesis_app.kernel.ports import OutboundAnswer, OutboundFailure, OutboundRequest

ORIGIN = "https://chat.example.com:443"
SNAPSHOT = EndpointSnapshot(
    endpoint_id=UUID(int=7),
    name="Chat",
    url="https://chat.example.com/api",
    method="POST",
    headers={"Content-Type": "application/json"},
    request_template={"message": "{{ input }}", "run": "{{ run.id }}", "trial": "{{ trial }}"},
    response_mapping={"output": "$.reply"},
    auth_kind="none",
    auth_header=None,
    secret_origin=None,
    timeout_s=30,
    max_concurrency=16,
)
GUARDED = replace(SNAPSHOT, auth_kind="bearer", secret_origin=ORIGIN)
SECRET = BoundSecret("s3cret-value", ORIGIN)
CONTEXT = {
    "input": "Hallo 👋",
    "messages": [{"role": "system", "content": "Be kind"}, {"role": "user", "content": "Hallo 👋"}],
    "turns": [],
    "context": ["a"],
    "test": {"id": "t1", "metadata": {"locale": "de"}},
    "run": {"id": "r1"},
    "trial": 2,
}


class PlayedDoor:
    """A door that gives one answer, or raises one failure, and keeps what was sent."""

    def __init__(self, given: OutboundAnswer | OutboundFailure) -> None:
        self.given = given
        self.sent: list[OutboundRequest] = []

    def send(self, request: OutboundRequest) -> OutboundAnswer:
        self.sent.append(request)
        if isinstance(self.given, OutboundFailure):
            raise self.given
        return self.given

    def check(self, url: str) -> None:
        raise AssertionError(url)


def answer(body: Any, status: int = 200, **headers: str) -> OutboundAnswer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return OutboundAnswer(status=status, headers=named, body=raw, latency_ms=12.5)


def exchange(
    given: OutboundAnswer | OutboundFailure,
    snapshot: EndpointSnapshot = SNAPSHOT,
    secret: BoundSecret | None = None,
    context: Mapping[str, Any] = CONTEXT,
) -> tuple[Exchange, PlayedDoor]:
    door = PlayedDoor(given)
    return ask(door, prepare(snapshot, secret), context, headers={"X-Attempt": "1"}), door


def test_a_snapshot_survives_json_and_holds_no_secret() -> None:
    stored = json.loads(json.dumps(GUARDED.to_json()))
    assert EndpointSnapshot.from_json(stored) == GUARDED
    assert "secret" not in {name for name in stored if name != "secret_origin"}


def test_an_answer_becomes_an_output_with_all_that_was_mapped() -> None:
    mapping = {"output": "$.reply", "context": "$.docs[*]", "tokens_in": "$.usage.in", "tokens_out": "$.usage.out"}
    body = {"reply": "Guten Tag", "docs": ["x", "y"], "usage": {"in": 3, "out": 4}}
    got, door = exchange(answer(body), replace(SNAPSHOT, response_mapping=mapping))
    assert (got.output, got.context, got.tokens_in, got.tokens_out) == ("Guten Tag", ("x", "y"), 3, 4)
    assert (got.latency_ms, got.error_code) == (12.5, None)
    assert got.response == {"status": 200, "body": json.dumps(body)}
    sent = {"message": "Hallo 👋", "run": "r1", "trial": 2}
    assert json.loads(door.sent[0].body or b"") == sent
    assert got.request == {"method": "POST", "url": SNAPSHOT.url, "body": sent}
    assert door.sent[0].headers == {"Content-Type": "application/json", "X-Attempt": "1"}
    assert door.sent[0].timeout_s == 30


def test_the_conversation_ends_with_the_prompt() -> None:
    _, door = exchange(answer({"reply": ""}), replace(SNAPSHOT, request_template={"m": "{{ messages }}"}))
    assert json.loads(door.sent[0].body or b"")["m"] == CONTEXT["messages"]


@pytest.mark.parametrize(
    "code", ["connect", "timeout", "tls", "dns", "reset", "blocked_address", "too_large", "encoding"]
)
def test_a_failed_call_keeps_the_doors_code_and_sentence(code: str) -> None:
    got, _ = exchange(OutboundFailure(code, "What to do.", retry_after_s=3.0))
    assert (got.error_code, got.error_detail, got.retry_after_s) == (code, "What to do.", 3.0)
    assert (got.output, got.response, got.latency_ms) == (None, None, None)


@pytest.mark.parametrize(
    ("status", "code"), [(400, "http_4xx"), (302, "http_4xx"), (408, "timeout"), (429, "throttled"), (500, "http_5xx")]
)
def test_a_status_that_is_no_success_becomes_a_code_and_keeps_the_answer(status: int, code: str) -> None:
    got, _ = exchange(answer({"reply": "no"}, status))
    assert (got.error_code, got.output) == (code, None)
    assert got.response == {"status": status, "body": '{"reply": "no"}'}


def test_a_throttled_answer_says_when_to_come_back() -> None:
    got, _ = exchange(answer({}, 429, retry_after="7"))
    assert got.retry_after_s == 7.0


def test_an_answer_that_is_no_json_or_has_no_reply_says_so() -> None:
    assert exchange(answer(b"<html>"))[0].error_code == "not_json"
    got, _ = exchange(answer({"answer": "hi"}))
    assert got.error_code == "mapping"
    assert "“answer”" in (got.error_detail or "")
    assert got.response is not None


def test_a_placeholder_without_a_value_is_a_template_error_and_nothing_is_sent() -> None:
    template = {"message": "{{ input }}", "tenant": "{{ test.metadata.tenant }}"}
    got, door = exchange(answer({"reply": "x"}), replace(SNAPSHOT, request_template=template))
    assert got.error_code == "template"
    assert not door.sent


def test_a_snapshot_that_cannot_be_compiled_is_an_error_of_each_call() -> None:
    assert exchange(answer({}), replace(SNAPSHOT, request_template={"m": "{{ secret }}"}))[0].error_code == "template"
    assert exchange(answer({}), replace(SNAPSHOT, response_mapping={"output": "x"}))[0].error_code == "mapping"
    assert exchange(answer({}), replace(SNAPSHOT, url="ftp://x"))[0].error_code == "blocked_address"


def test_a_prompt_too_long_for_a_query_is_a_template_error() -> None:
    got, door = exchange(
        answer({"reply": "x"}), replace(SNAPSHOT, method="GET"), context={**CONTEXT, "input": "x" * 3000}
    )
    assert got.error_code == "template"
    assert not door.sent


def test_the_secret_travels_in_its_header_and_stays_out_of_what_is_kept() -> None:
    got, door = exchange(answer({"reply": "ok"}), GUARDED, SECRET)
    assert door.sent[0].headers["Authorization"] == "Bearer s3cret-value"
    assert "s3cret" not in repr(got)
    assert "s3cret" not in repr(prepare(GUARDED, SECRET))


@pytest.mark.parametrize(
    ("snapshot", "secret"),
    [
        (GUARDED, None),
        (GUARDED, BoundSecret("s3cret-value", "https://chat.example.com:8443")),
        (replace(GUARDED, url="http://chat.example.com/api"), SECRET),
        (replace(GUARDED, secret_origin="https://other.example.com:443"), SECRET),
    ],
    ids=["missing", "entered for another port later", "another scheme", "frozen with another origin"],
)
def test_a_secret_is_never_sent_to_another_origin(snapshot: EndpointSnapshot, secret: BoundSecret | None) -> None:
    got, door = exchange(answer({"reply": "ok"}), snapshot, secret)
    assert got.error_code == "secret"
    assert not door.sent


@pytest.mark.parametrize("kind", ["bearer", "basic"])
def test_an_endpoint_that_echoes_its_headers_does_not_show_the_secret(kind: str) -> None:
    secret = BoundSecret("ada:correct-horse", ORIGIN)
    _, door = exchange(answer({"reply": "ok"}), replace(GUARDED, auth_kind=kind), secret)
    echoed = answer({"reply": f"You sent {door.sent[0].headers['Authorization']}"})
    got, _ = exchange(echoed, replace(GUARDED, auth_kind=kind), secret)
    assert got.output == f"You sent {kind.capitalize()} ••••••••"
    assert door.sent[0].headers["Authorization"].split()[1] not in repr(got)


def test_what_cannot_be_stored_is_replaced() -> None:
    body = b'{"reply": "a\\u0000b\\ud800", "n": 123456789012345678901234567890, "calls": [{"name": "x\\u0000"}]}'
    mapping = {"output": "$.reply", "tool_calls": "$.calls", "context": "$.n"}
    got, _ = exchange(answer(body), replace(SNAPSHOT, response_mapping=mapping))
    assert got.output == "a�b�"
    assert got.tool_calls == ({"name": "x�", "arguments": {}},)
    json.dumps(got.tool_calls).encode("utf-8")


def test_a_broken_encoding_is_an_error_and_its_text_can_be_stored() -> None:
    got, _ = exchange(answer(b'{"reply": "\xff\x00"}'))
    assert got.error_code == "encoding"
    assert got.response == {"status": 200, "body": '{"reply": "��"}'}


def test_at_most_twenty_thousand_characters_of_an_answer_are_kept() -> None:
    got, _ = exchange(answer({"reply": "ü" * 30_000}))
    assert got.response is not None
    assert len(got.response["body"]) == 20_000
    assert got.output is not None
    assert len(got.output) == 30_000


@pytest.mark.parametrize(
    ("reported", "kept"),
    [
        ({"name": "f", "arguments": {"a": 1}}, {"name": "f", "arguments": {"a": 1}}),
        (
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
            {"id": "c1", "type": "function", "name": "f", "arguments": {"a": 1}},
        ),
        (
            {"type": "tool_use", "name": "f", "input": {"a": 1}},
            {"type": "tool_use", "name": "f", "arguments": {"a": 1}},
        ),
        ({"name": "f", "arguments": "{broken"}, {"name": "f", "arguments": "{broken"}),
        ({"name": "f", "arguments": "[" * 5000}, {"name": "f", "arguments": "[" * 5000}),
        ({"name": "f", "n": 2**70}, {"name": "f", "n": str(2**70), "arguments": {}}),
        ("search", {"name": "search", "arguments": {}}),
        (5, {"name": "5", "arguments": {}}),
    ],
)
def test_tool_calls_of_every_dialect_get_one_shape(reported: Any, kept: dict[str, Any]) -> None:
    mapping = {"output": "$.reply", "tool_calls": "$.calls"}
    got, _ = exchange(answer({"reply": "", "calls": [reported]}), replace(SNAPSHOT, response_mapping=mapping))
    assert got.tool_calls == (kept,)
