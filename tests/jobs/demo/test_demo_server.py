"""The chatbot over HTTP: both formats, bad input, many at once, one connection for many requests."""

import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest


def post(connection: http.client.HTTPConnection, path: str, body: Any, **headers: str) -> tuple[int, Any]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request("POST", path, content, {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


@pytest.fixture
def connection(chatbot_port_number: int) -> Iterator[http.client.HTTPConnection]:
    with closing(http.client.HTTPConnection("127.0.0.1", chatbot_port_number, timeout=20)) as opened:
        yield opened


def test_a_message_gets_a_reply_and_its_sources(connection: http.client.HTTPConnection) -> None:
    status, document = post(connection, "/v2/chat", {"message": "What does express delivery cost?"})
    assert status == 200
    assert document == {
        "reply": "Express delivery costs €9.90.",
        "sources": ["delivery.md § 3: Express costs €9.90."],
    }


def test_chat_completions_are_spoken_as_well(connection: http.client.HTTPConnection) -> None:
    turns = [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Was Abraham Lincoln born before Andrew Johnson? Answer Y or N."},
    ]
    status, document = post(connection, "/v1/openai/chat/completions", {"model": "any", "messages": turns})
    assert status == 200
    assert document["choices"][0]["message"] == {"role": "assistant", "content": "N"}
    assert document["usage"]["prompt_tokens"] == 11


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/chat", {}, 422),
        ("/v1/chat", {"message": ["no text"]}, 422),
        ("/v1/chat", b"{", 400),
        ("/v1/chat", [], 400),
        ("/v1/openai/chat/completions", {"messages": []}, 422),
        ("/v3/chat", {"message": "hello"}, 404),
        ("/v1/chat", {"message": "long " * 200}, 413),
    ],
)
def test_bad_requests_are_told_what_is_wrong(
    connection: http.client.HTTPConnection, path: str, body: Any, status: int
) -> None:
    answered, document = post(connection, path, body)
    assert answered == status
    assert document["error"]
    # and the connection goes on
    assert post(connection, "/v1/chat", {"message": "Hello"})[0] == 200


def test_sixty_four_ask_at_once(chatbot_port_number: int) -> None:
    def ask(number: int) -> list[int]:
        with closing(http.client.HTTPConnection("127.0.0.1", chatbot_port_number, timeout=30)) as opened:
            return [post(opened, "/v2/chat", {"message": f"How can I pay, {number}?"})[0] for _ in range(5)]

    with ThreadPoolExecutor(64) as pool:
        assert {status for statuses in pool.map(ask, range(64)) for status in statuses} == {200}


def test_a_run_decides_what_wavers(connection: http.client.HTTPConnection) -> None:
    def ask(key: str) -> str:
        asked = {"message": "Do you deliver to Switzerland?"}
        return str(post(connection, "/v1/chat", asked, **{"Idempotency-Key": key})[1]["reply"])

    assert ask("run-1:test:1") == ask("run-1:test:2")
    assert len({ask(f"run-{number}:test:1") for number in range(20)}) == 2
