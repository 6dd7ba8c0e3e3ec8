"""One call through the API: what was sent, what came back, and 200 with a code for whatever goes wrong out there."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from rhesis_app.infra.http import AllowList, OutboundDoor
from rhesis_app.tenancy.models import AuditEntry
from rhesis_app.web import waiting
from tests.fakes import Reply, ScriptedEndpoint
from tests.people import Person
from tests.scripted_endpoint import RESET, always, gzipped, huge, json_reply, text_reply, throttled

Invoke = Callable[..., dict[str, Any]]


@pytest.fixture
def server() -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint() as running:
        yield running


@pytest.fixture
def invoke(alice: Person, body: dict[str, Any]) -> Invoke:
    """Make an endpoint at `url` and call it once."""

    def call(url: str, said: str = "hello", **changes: Any) -> dict[str, Any]:
        made = alice.api.post("/endpoints", {**body, "url": url, **changes})
        assert made.status_code == 201, made.text
        answer = alice.api.post(f"/endpoints/{made.json['id']}/invoke", {"input": said})
        assert answer.status_code == 200, answer.text
        return dict(answer.json)

    return call


def test_a_call_shows_what_was_sent_and_what_came_back(invoke: Invoke, server: ScriptedEndpoint) -> None:
    said = "Grüße 👋 \u202e{{ input }}"
    got = invoke(server.url, said)
    assert (got["output"], got["error_code"]) == (said, None)
    assert got["request"] == {"method": "POST", "url": server.url, "body": {"message": said}}
    assert got["response"]["status"] == 200
    assert got["latency_ms"] > 0
    assert server.calls[0].headers["x-tenant"] == "acme"


def test_a_call_may_stand_for_a_whole_test(alice: Person, body: dict[str, Any], server: ScriptedEndpoint) -> None:
    template = {"message": "{{ test.metadata.locale }}", "m": "{{ messages }}", "c": "{{ context }}"}
    made = alice.api.post("/endpoints", {**body, "url": server.url, "request_template": template}).json
    said = {
        "input": "hi",
        "metadata": {"locale": "de"},
        "context": ["x"],
        "messages": [{"role": "system", "content": "s"}],
    }
    assert alice.api.post(f"/endpoints/{made['id']}/invoke", said).json["output"] == "de"
    sent = server.calls[0].json
    assert sent["m"] == [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}]
    assert sent["c"] == ["x"]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (json_reply({"reply": "no"}, status=404), "http_4xx"),
        (json_reply({}, status=500), "http_5xx"),
        (throttled("1"), "throttled"),
        (text_reply("<html>"), "not_json"),
        (json_reply({"answer": "elsewhere"}), "mapping"),
        (huge(2_000_000), "too_large"),
        (gzipped({"reply": "x"}), "encoding"),
        (RESET, "reset"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_goes_wrong_out_there_is_a_code_and_a_sentence(invoke: Invoke, reply: Reply, code: str) -> None:
    with ScriptedEndpoint(always(reply)) as broken:
        got = invoke(broken.url)
    assert (got["output"], got["error_code"]) == (None, code)
    assert got["error_detail"]


def test_a_server_that_is_away_is_a_code_too(invoke: Invoke, server: ScriptedEndpoint) -> None:
    url = server.url
    server.close()
    assert invoke(url)["error_code"] == "connect"


def test_a_slow_answer_is_a_time_out(invoke: Invoke) -> None:
    with ScriptedEndpoint(always(json_reply({"reply": "late"}, delay_s=3))) as slow:
        assert invoke(slow.url, timeout_s=1)["error_code"] == "timeout"


def test_an_address_that_was_closed_meanwhile_names_the_line_to_set(
    alice: Person, made: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alice.host, "door", OutboundDoor(AllowList(), allow_local=False))
    got = alice.api.post(f"/endpoints/{made['id']}/invoke", {"input": "hi"})
    assert (got.status_code, got.json["error_code"]) == (200, "blocked_address")
    assert "RHESIS_ALLOW_TARGETS=127.0.0.1:9000" in got.json["error_detail"]


def test_a_closed_address_is_refused_at_the_field_when_saving(
    alice: Person, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alice.host, "door", OutboundDoor(AllowList(), allow_local=False))
    answer = alice.api.post("/endpoints", body)
    assert answer.status_code == 422
    assert "RHESIS_ALLOW_TARGETS=127.0.0.1:9000" in answer.json["errors"]["url"][0]


def test_a_missing_secret_is_said_and_nothing_is_sent(invoke: Invoke, server: ScriptedEndpoint) -> None:
    assert invoke(server.url, auth={"kind": "bearer"})["error_code"] == "secret"
    assert server.count == 0


def test_the_secret_is_sent_and_not_told_even_by_an_endpoint_that_echoes(invoke: Invoke) -> None:
    with ScriptedEndpoint(lambda call: json_reply({"reply": call.headers["authorization"]})) as echo:
        got = invoke(echo.url, auth={"kind": "bearer", "secret": "hush-hush"})
        assert echo.calls[0].headers["authorization"] == "Bearer hush-hush"
    assert "hush" not in str(got)


def test_a_call_is_audited(alice: Person, invoke: Invoke, server: ScriptedEndpoint) -> None:
    invoke(server.url)
    assert alice.count(AuditEntry, action="endpoint.invoke") == 1


@pytest.mark.parametrize("said", [{}, {"input": ""}, {"input": 5}, {"input": "x", "surprise": 1}])
def test_a_call_without_a_usable_input_is_refused(alice: Person, made: dict[str, Any], said: dict[str, Any]) -> None:
    assert alice.api.post(f"/endpoints/{made['id']}/invoke", said).status_code == 422


def test_no_connection_is_held_while_the_endpoint_thinks(alice: Person, invoke: Invoke) -> None:
    held: list[int] = []

    def look(_call: Any) -> Reply:
        held.append(alice.host.engine.pool.checkedout())  # type: ignore[attr-defined]
        return json_reply({"reply": "x"})

    with ScriptedEndpoint(look) as server:
        invoke(server.url)
    assert held == [0]


def test_past_the_slots_a_call_is_turned_away_at_once(alice: Person, made: dict[str, Any], app: Flask) -> None:
    with waiting.callout_slot(), waiting.callout_slot():
        answer = alice.api.post(f"/endpoints/{made['id']}/invoke", {"input": "hi"})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) == 2, "the pause that was meant, not the rest of the limiter's minute"
    assert alice.count(AuditEntry, action="endpoint.invoke") == 0
