"""Whatever an endpoint does on the wire becomes one error code, within the deadline."""

import socket
import threading

import pytest

from rhesis_app.infra.http import classify
from rhesis_app.kernel.ports import OutboundFailure
from tests import scripted_endpoint as scripted
from tests.scripted_endpoint import ScriptedEndpoint, always

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (scripted.HANG, "timeout"),
        (scripted.json_reply({"reply": "too late"}, delay_s=5), "timeout"),
        (scripted.DRIP, "timeout"),
        (scripted.DRIP_HEADERS, "timeout"),
        (scripted.RESET, "reset"),
        (scripted.CLOSE, "reset"),
        (scripted.TRUNCATED, "reset"),
        (scripted.NOT_HTTP, "reset"),
        (scripted.ENDLESS, "too_large"),
        (scripted.huge(1024 * 1024 + 1), "too_large"),
        (scripted.gzipped({"reply": "hi"}), "encoding"),
    ],
    ids=["hang", "late", "drip", "drip_headers", "reset", "close", "truncated", "not_http", "endless", "huge", "gzip"],
)
def test_a_fault_has_its_code(reply, code, open_door, ask):
    with ScriptedEndpoint(always(reply)) as endpoint:
        door = open_door()
        with pytest.raises(OutboundFailure) as caught:
            door.send(ask(endpoint.url, timeout_s=0.3))
        assert caught.value.code == code
        assert endpoint.count == 1
        endpoint.script = scripted.echo
        assert door.send(ask(endpoint.url)).status == 200, "the door works on after a fault"


@pytest.mark.parametrize(
    ("reply", "body"),
    [
        (scripted.UNSIZED, b'{"reply": "until the end"}'),
        (scripted.CHUNKED, b'{"reply": "in pieces"}'),
        (scripted.huge(1024 * 1024), b"x" * 1024 * 1024),
        (scripted.text_reply(""), b""),
    ],
    ids=["unsized", "chunked", "exactly_1_mib", "empty"],
)
def test_every_framing_is_read_to_its_end(reply, body, open_door, ask):
    with ScriptedEndpoint(always(reply)) as endpoint:
        assert open_door().send(ask(endpoint.url)).body == body


@pytest.mark.parametrize(("status", "code"), [(200, None), (404, "http_4xx"), (429, "throttled"), (500, "http_5xx")])
def test_an_answer_of_any_status_is_returned(status, code, open_door, ask):
    with ScriptedEndpoint(always(scripted.json_reply({"detail": "x"}, status=status))) as endpoint:
        answer = open_door().send(ask(endpoint.url))
        assert (answer.status, classify(answer), answer.body) == (status, code, b'{"detail": "x"}')


def test_nobody_listening_is_a_failure_to_connect(open_door, ask):
    with ScriptedEndpoint() as gone:
        url = gone.url
    with pytest.raises(OutboundFailure) as caught:
        open_door().send(ask(url))
    assert caught.value.code == "connect"


def test_a_listener_that_never_accepts_is_a_failure_to_connect(open_door, ask):
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    waiting = [socket.socket() for _ in range(3)]
    for one in waiting:
        one.setblocking(False)
        one.connect_ex(full.getsockname())
    try:
        with pytest.raises(OutboundFailure) as caught:
            open_door().send(ask(f"http://127.0.0.1:{full.getsockname()[1]}/", connect_timeout_s=0.2, timeout_s=0.4))
        assert caught.value.code in {"connect", "timeout"}
    finally:
        for one in [full, *waiting]:
            one.close()


def test_an_unknown_name_is_a_failure_of_dns(open_door, ask):
    def nothing(*_args):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(OutboundFailure) as caught:
        open_door(resolver=nothing).send(ask("https://nowhere.example/"))
    assert caught.value.code == "dns"


def test_the_second_address_is_tried_when_the_first_refuses(open_door, ask):
    with ScriptedEndpoint() as endpoint:

        def both(_host, port, *_rest):
            v6 = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0))
            return [v6, (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        assert open_door(resolver=both).send(ask(f"http://localhost:{endpoint.port}/")).status == 200


def test_http_spoken_to_an_https_url_is_a_tls_failure(open_door, ask):
    with ScriptedEndpoint(always(scripted.NOT_HTTP)) as endpoint, pytest.raises(OutboundFailure) as caught:
        open_door().send(ask(endpoint.url.replace("http:", "https:"), connect_timeout_s=0.5))
    assert caught.value.code in {"tls", "reset", "connect"}


def test_a_refusal_before_the_body_was_read_is_still_heard(open_door, ask):
    listener = socket.create_server(("127.0.0.1", 0))

    def refuse():
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass

    thread = threading.Thread(target=refuse)
    thread.start()
    with listener:
        answer = open_door().send(ask(f"http://127.0.0.1:{listener.getsockname()[1]}/", body=b"x" * 900_000))
        thread.join()
    assert answer.status == 413


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("TRACE", {}),
        ("POST", {"Host": "evil"}),
        ("POST", {"X": "a\r\nY: b"}),
        ("POST", {"Bad Name": "x"}),
        ("GET\r\n", {}),
    ],
)
def test_a_request_that_would_break_its_frame_is_not_sent(method, headers, open_door, ask):
    with ScriptedEndpoint() as endpoint:
        with pytest.raises(OutboundFailure) as caught:
            open_door().send(ask(endpoint.url, method=method, headers=headers))
        assert (caught.value.code, endpoint.count) == ("template", 0)


def test_a_prompt_arrives_as_it_was_sent(open_door, ask):
    body = '{"message":"größe\\u0000 😀 \\" }{"}'.encode()
    with ScriptedEndpoint() as endpoint:
        open_door().send(
            ask(endpoint.url, body=body, headers={"X-Name": "größe", "content-type": "application/json; v=1"})
        )
        call = endpoint.calls[0]
        assert (call.body, call.headers["accept-encoding"]) == (body, "identity")
        assert call.headers["x-name"].encode("latin-1").decode() == "größe"
        assert call.headers["content-type"] == "application/json; v=1"
