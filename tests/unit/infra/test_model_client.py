"""Asking a model patiently: which failures are asked again, for how long, and what is said in the end."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest

from rhesis_app.infra.llm import LlmClient
from rhesis_app.kernel.ports import (
    CalledModel,
    ModelFailure,
    ModelQuestion,
    OutboundAnswer,
    OutboundFailure,
    OutboundRequest,
    Prices,
)

KEY = "sk-canary-5f1c0a97"
SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
QUESTION = ModelQuestion(prompt="Is it good?", schema=SCHEMA, patience_s=100)
MODEL = CalledModel(
    label="Judge",
    wire="openai",
    base_url="https://models.example.org/v1",
    model_name="m-1",
    key=KEY,
    prices=Prices(input_per_million=Decimal(1), output_per_million=Decimal(2)),
    timeout_s=30,
)
Said = OutboundAnswer | OutboundFailure | Callable[[OutboundRequest], OutboundAnswer]


def answer(content: str = '{"ok": true}', status: int = 200, headers: dict[str, str] | None = None) -> OutboundAnswer:
    document = {
        "model": "m-1",
        "choices": [{"message": {"content": content}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5},
    }
    return OutboundAnswer(status=status, headers=headers or {}, body=json.dumps(document).encode(), latency_ms=12.0)


@dataclass
class Door:
    """Says one thing after the other, the last one for ever; time passes only in it and in pauses."""

    script: list[Said]
    takes_s: float = 0.0
    now: float = 0.0
    sent: list[OutboundRequest] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def send(self, request: OutboundRequest) -> OutboundAnswer:
        self.sent.append(request)
        self.now += self.takes_s
        said = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(said, OutboundFailure):
            raise said
        return said(request) if callable(said) else said

    def check(self, url: str) -> None:
        pass

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def client(self) -> LlmClient:
        return LlmClient(self, clock=lambda: self.now, sleep=self.sleep)


def failure_of(door: Door, model: CalledModel = MODEL, question: ModelQuestion = QUESTION) -> ModelFailure:
    with pytest.raises(ModelFailure) as raised:
        door.client().ask(model, question)
    assert KEY not in str(raised.value) + repr(raised.value.request)
    return raised.value


def test_an_answer_comes_with_what_it_cost_and_what_was_sent() -> None:
    door = Door([answer('I think: {"ok": true}')])
    found = door.client().ask(MODEL, QUESTION)
    assert found.answer == {"ok": True}
    assert found.spent.text == 'I think: {"ok": true}'
    assert (found.spent.tokens_in, found.spent.tokens_out, found.spent.cost) == (10, 5, Decimal("0.00002"))
    assert found.request["url"] == "https://models.example.org/v1/chat/completions"
    assert KEY not in str(found.request)
    assert door.sent[0].headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("code", ["connect", "dns", "reset"])
def test_a_server_that_is_away_is_asked_three_times(code: str) -> None:
    door = Door([OutboundFailure(code, "away")])
    assert failure_of(door).code == code
    assert len(door.sent) == 3
    assert all(0.25 <= pause <= 2 for pause in door.pauses)


def test_a_time_out_is_asked_twice_and_says_how_long() -> None:
    door = Door([OutboundFailure("timeout", "late")], takes_s=30)
    assert failure_of(door).message == "The model “Judge” did not answer within 30 s."
    assert len(door.sent) == 2


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
def test_what_may_pass_is_asked_again_and_can_succeed(status: int) -> None:
    door = Door([answer(status=status), answer()])
    assert door.client().ask(MODEL, QUESTION).answer == {"ok": True}
    assert len(door.sent) == 2


@pytest.mark.parametrize("status", [301, 401, 403, 410])
def test_what_will_not_pass_is_asked_once(status: int) -> None:
    door = Door([answer(status=status)])
    assert failure_of(door).code == "http_4xx"
    assert len(door.sent) == 1


def test_a_refused_key_names_the_key_and_never_shows_it() -> None:
    assert "did not accept the key" in failure_of(Door([answer(status=401)])).message


def test_the_pause_a_server_asks_for_is_kept() -> None:
    door = Door([answer(status=429, headers={"retry-after": "7"}), answer()])
    door.client().ask(MODEL, QUESTION)
    assert door.pauses == [7.0]


@pytest.mark.parametrize(("asked", "patience_s"), [("31", 100), ("20", 15)])
def test_a_pause_that_is_too_long_ends_it_at_once(asked: str, patience_s: float) -> None:
    door = Door([answer(status=429, headers={"retry-after": asked}), answer()])
    assert failure_of(door, question=replace(QUESTION, patience_s=patience_s)).code == "throttled"
    assert door.pauses == []


def test_no_try_takes_longer_than_what_is_left_of_the_patience() -> None:
    door = Door([OutboundFailure("timeout", "late"), answer()], takes_s=8)
    door.client().ask(MODEL, replace(QUESTION, patience_s=20))
    assert door.sent[0].timeout_s == 20
    assert door.sent[1].timeout_s < 12


def test_a_server_without_schemas_is_asked_in_words_and_remembered() -> None:
    def plain(request: OutboundRequest) -> OutboundAnswer:
        return answer(status=400) if b"response_format" in (request.body or b"") else answer()

    door = Door([plain])
    client = door.client()
    assert client.ask(MODEL, QUESTION).answer == {"ok": True}
    assert client.ask(MODEL, QUESTION).answer == {"ok": True}
    assert [b"response_format" in (request.body or b"") for request in door.sent] == [True, False, False]
    other = {"type": "object", "properties": {"ok": {"type": "boolean"}, "why": {"type": "string"}}}
    client.ask(MODEL, replace(QUESTION, schema=other))
    assert b"response_format" in (door.sent[3].body or b""), "another schema may be one that it knows"


def test_a_400_that_was_not_about_schemas_is_told_and_not_remembered() -> None:
    door = Door([answer(status=400), answer(status=400), answer()])
    client = door.client()
    with pytest.raises(ModelFailure, match="answered 400"):
        client.ask(MODEL, QUESTION)
    client.ask(MODEL, QUESTION)
    assert b"response_format" in (door.sent[-1].body or b"")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("no", "it holds no JSON object"), ('{"ok": "yes"}', "at ok (type)"), ("", "it holds no JSON object")],
)
def test_a_useless_answer_is_an_error_that_says_why_with_its_cost(content: str, sentence: str) -> None:
    failure = failure_of(Door([answer(content)]))
    assert failure.code == "not_json"
    assert sentence in failure.message
    assert failure.spent is not None
    assert (failure.spent.text, failure.spent.cost) == (content, Decimal("0.00002"))


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"object": "list"}', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_model_is_told_as_such(body: bytes) -> None:
    failure = failure_of(Door([OutboundAnswer(status=200, headers={}, body=body, latency_ms=1)]))
    assert failure.code == "not_json"
    assert "another format" in failure.message


def test_a_key_that_the_server_repeats_is_cut_out() -> None:
    found = Door([answer(f'You said {KEY}. {{"ok": true}}')]).client().ask(MODEL, QUESTION)
    assert KEY not in found.spent.text
    assert "••••" in found.spent.text


def test_halves_of_surrogate_pairs_and_nul_never_leave_the_client() -> None:
    found = Door([answer('\ud83d \0 {"ok": true}')]).client().ask(MODEL, QUESTION)
    assert found.spent.text == '? \ufffd {"ok": true}'


def test_a_prompt_with_half_a_surrogate_pair_is_sent() -> None:
    door = Door([answer()])
    door.client().ask(MODEL, replace(QUESTION, prompt="half \ud83d of a pair"))
    assert b"half ? of a pair" in (door.sent[0].body or b"")


def test_who_gets_no_turn_in_time_hears_how_many_there_are() -> None:
    inner: list[ModelFailure] = []

    def nested(_request: OutboundRequest) -> OutboundAnswer:
        with pytest.raises(ModelFailure) as raised:
            client.ask(alone, replace(QUESTION, patience_s=0))
        inner.append(raised.value)
        return answer()

    alone = replace(MODEL, max_concurrency=1)
    client = Door([nested]).client()
    client.ask(alone, QUESTION)
    assert "limited to 1" in inner[0].message
    assert client.ask(alone, QUESTION).answer == {"ok": True}


def test_a_blocked_address_names_what_to_set() -> None:
    failure = failure_of(Door([OutboundFailure("blocked_address", "Set RHESIS_ALLOW_TARGETS=10.0.0.1:80.")]))
    assert failure.message.endswith("Set RHESIS_ALLOW_TARGETS=10.0.0.1:80.")
