"""A server asked from the command line: what may pass is waited for, everything else is said at once."""

import time
from io import BytesIO
from typing import Any

import pytest

from rhesis_app.infra.remote import Away, Refused, Server
from tests.e2e.conftest import free_port
from tests.scripted_endpoint import Call, Reply, ScriptedEndpoint, json_reply

TOKEN = "rhx_of_nobody"


def server(url: str, patience_s: float = 5.0, **more: Any) -> Server:
    return Server(url.rstrip("/"), TOKEN, patience_s, **more)


def in_turn(*replies: Reply) -> Any:
    waiting = iter(replies)
    return lambda _call: next(waiting)


def base(endpoint: ScriptedEndpoint) -> str:
    return "/".join(endpoint.url.split("/")[:3])


def test_the_token_goes_along_and_a_key_with_what_starts_something() -> None:
    with ScriptedEndpoint(lambda _call: json_reply({"id": 1})) as endpoint:
        assert server(base(endpoint)).post("/test-sets/x/runs", {"a": 1}, key="once") == {"id": 1}
        (call,) = endpoint.calls
    assert (call.headers["authorization"], call.headers["idempotency-key"]) == (f"Bearer {TOKEN}", "once")
    assert (call.target, call.json) == ("/api/v1/test-sets/x/runs", {"a": 1})


def test_a_restart_is_waited_for_and_said_once() -> None:
    said: list[str] = []
    script = in_turn(Reply(status=503), Reply(status=502), json_reply([]))
    with ScriptedEndpoint(script) as endpoint:
        assert server(base(endpoint), say=said.append).get("/projects") == []
        assert len(endpoint.calls) == 3
    assert len(said) == 1
    assert "answers 503 for now. Trying again for up to 5 s." in said[0]


def test_a_limit_is_waited_for_as_long_as_it_asks() -> None:
    script = in_turn(Reply(status=429, headers={"Retry-After": "1"}), json_reply({}))
    with ScriptedEndpoint(script) as endpoint:
        started = time.monotonic()
        server(base(endpoint)).get("/projects")
    assert time.monotonic() - started >= 1


def test_patience_ends() -> None:
    with pytest.raises(Away, match="does not answer"):
        server(f"http://127.0.0.1:{free_port()}", 0.2).get("/projects")
    with ScriptedEndpoint(lambda _call: Reply(status=500)) as endpoint, pytest.raises(Away, match="answers 500"):
        server(base(endpoint), 0.2).get("/projects")


def test_a_wrong_name_is_no_restart() -> None:
    started = time.monotonic()
    with pytest.raises(Away, match="NameResolutionError"):
        server("http://no-such-host.invalid", 60).get("/projects")
    assert time.monotonic() - started < 20


def test_the_token_follows_no_redirect() -> None:
    script = in_turn(Reply(status=308, headers={"Location": "https://elsewhere.example/api"}))
    with ScriptedEndpoint(script) as endpoint:
        with pytest.raises(Away, match=r"sends elsewhere: https://elsewhere\.example\."):
            server(base(endpoint)).get("/projects")
        assert len(endpoint.calls) == 1


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (json_reply({"detail": "Not here.", "errors": {}}, status=404), "Not here."),
        (
            json_reply({"detail": "Many.", "errors": {"name": ["Too long.", "Too odd."]}}, status=422),
            "name: Too long. Too odd.",
        ),
        (Reply(status=403, body=b"<html>"), "The server answered 403, and not as a Rhesis App server does."),
    ],
)
def test_what_is_refused_is_said_in_the_servers_words(reply: Reply, said: str) -> None:
    with ScriptedEndpoint(lambda _call: reply) as endpoint, pytest.raises(Refused) as refused:
        server(base(endpoint)).get("/projects")
    assert str(refused.value) == said


def test_another_server_is_no_rhesis_app_server() -> None:
    script = in_turn(Reply(status=200, body=b"<html>welcome</html>"))
    with ScriptedEndpoint(script) as endpoint, pytest.raises(Away, match="is no Rhesis App server"):
        server(base(endpoint)).get("/projects")


def test_a_list_is_read_to_its_end() -> None:
    def pages(call: Call) -> Reply:
        if "cursor=two" in call.target:
            return json_reply([3])
        link = '</api/v1/gates?limit=200&cursor=two>; rel="next", </api/v1/gates>; rel="prev"'
        return json_reply([1, 2], headers={"Link": link})

    with ScriptedEndpoint(pages) as endpoint:
        assert list(server(base(endpoint)).every("/gates", project_id="p")) == [1, 2, 3]


def test_a_file_is_downloaded_as_it_is() -> None:
    file = BytesIO()
    with ScriptedEndpoint(lambda _call: Reply(status=200, body=b"\x00\xff")) as endpoint:
        server(base(endpoint)).download("/reports/x/file", file)
    assert file.getvalue() == b"\x00\xff"
