"""Requests forged to reach inside: none of these opens a connection."""

import socket

import pytest

from rhesis_app.kernel.ports import OutboundFailure
from tests.scripted_endpoint import Reply, ScriptedEndpoint, always, redirect

pytestmark = pytest.mark.integration

INSIDE = [
    "http://127.0.0.1/", "http://127.0.0.1:9000/", "http://127.1.2.3/", "http://localhost/", "http://LOCALHOST./",
    "http://app.localhost/", "http://[::1]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/", "http://[::127.0.0.1]/", "http://0.0.0.0/", "http://0/", "http://[::]/", "http://10.0.0.1/",
    "http://172.16.5.4/", "http://192.168.1.1/", "http://100.64.0.1/", "http://169.254.169.254/latest/meta-data/",
    "http://[::ffff:169.254.169.254]/", "http://[64:ff9b::a9fe:a9fe]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/",
    "http://[2001:0:a::1]/", "http://[fd00:ec2::254]/", "http://[fc00::1]/", "http://[fe80::1]/", "http://[fec0::1]/",
    "http://168.63.129.16/", "http://100.100.100.200/", "http://198.18.0.1/", "http://192.0.0.192/", "http://224.0.0.1/",
    "http://255.255.255.255/", "http://240.0.0.1/", "http://2130706433/", "http://0x7f000001/", "http://0x7f.0.0.1/",
    "http://0177.0.0.1/", "http://127.1/", "http://017700000001/", "http://127。0。0。1/", "http://①②⑦.⓪.⓪.①/",
    "http://ⓛocalhost/", "http://user@127.0.0.1/", "http://example.com@127.0.0.1/", "http://example.com\\@127.0.0.1/",
    "http://127.0.0.1\t/", "http://127.0.0.1%2f@example.com/", "file:///etc/passwd", "gopher://127.0.0.1:6379/_INFO",
    "ftp://127.0.0.1/", "http://example.com:22/", "http://example.com:6379/", "http://example.com:25/", "https://127.0.0.1/",
]  # fmt: skip


def resolving_to(*addresses):
    """A resolver that answers with these addresses, whatever it is asked."""

    def resolve(_host, port, *_rest):
        families = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in addresses]
        return [(f, socket.SOCK_STREAM, 6, "", (a, port)) for f, a in zip(families, addresses, strict=True)]

    return resolve


@pytest.fixture
def no_sockets(monkeypatch):
    """Any attempt to connect fails the test."""
    attempts = []
    monkeypatch.setattr(socket.socket, "connect", lambda _self, place: attempts.append(place))
    yield
    assert attempts == []


@pytest.mark.usefixtures("no_sockets")
@pytest.mark.parametrize("url", INSIDE)
def test_an_inside_url_is_refused(url, open_door, ask):
    door = open_door(allow_local=False, resolver=resolving_to("127.0.0.1"))
    with pytest.raises(OutboundFailure) as caught:
        door.send(ask(url))
    assert caught.value.code == "blocked_address"
    with pytest.raises(OutboundFailure):
        door.check(url)


@pytest.mark.usefixtures("no_sockets")
@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"], ["10.0.0.1"], ["::1"], ["169.254.169.254"], ["::ffff:10.0.0.1"], ["fe80::1%lo"],
        ["93.184.216.34", "127.0.0.1"], ["2606:4700:4700::1111", "fd00::1"], ["127.0.0.1", "93.184.216.34"],
        ["93.184.216.34"] * 10 + ["10.0.0.1"],
    ],
)  # fmt: skip
def test_a_name_is_refused_when_any_of_its_addresses_is_inside(addresses, open_door, ask):
    door = open_door(allow_local=False, resolver=resolving_to(*addresses))
    with pytest.raises(OutboundFailure) as caught:
        door.send(ask("https://innocent.example/"))
    assert caught.value.code == "blocked_address"
    assert not any(address in caught.value.message for address in addresses)


def test_the_address_that_was_checked_is_the_one_connected_to(open_door, ask):
    asked = []
    with ScriptedEndpoint() as endpoint:

        def rebinding(host, port, *_rest):
            asked.append(host)
            address = "127.0.0.1" if len(asked) == 1 else "169.254.169.254"
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

        door = open_door(resolver=rebinding)
        door.send(ask(f"http://rebinding.example:{endpoint.port}/"))
        assert endpoint.calls[0].headers["host"] == f"rebinding.example:{endpoint.port}"
    assert asked == ["rebinding.example"]
    with pytest.raises(OutboundFailure) as caught:
        door.send(ask(f"http://rebinding.example:{endpoint.port}/"))
    assert caught.value.code == "blocked_address"


def test_the_peer_is_checked_again_after_connecting(open_door, ask, monkeypatch):
    with ScriptedEndpoint() as endpoint:
        monkeypatch.setattr(socket.socket, "getpeername", lambda _self: ("169.254.169.254", 80))
        with pytest.raises(OutboundFailure) as caught:
            open_door().send(ask(endpoint.url))
        assert caught.value.code == "blocked_address"
        assert endpoint.count == 0


def test_a_redirect_to_the_inside_is_returned_not_followed(open_door, ask):
    with ScriptedEndpoint() as inside, ScriptedEndpoint(always(redirect(inside.url))) as endpoint:
        assert open_door().send(ask(endpoint.url)).status == 302
        assert inside.count == 0


def test_a_proxy_of_the_environment_is_not_used(open_door, ask, monkeypatch):
    with ScriptedEndpoint() as proxy, ScriptedEndpoint() as endpoint:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.origin)
        open_door().send(ask(endpoint.url))
        assert (proxy.count, endpoint.count) == (0, 1)


def test_cookies_are_not_kept(open_door, ask):
    with ScriptedEndpoint() as endpoint:
        door = open_door()
        endpoint.script = always(Reply(headers={"Set-Cookie": "session=1; Path=/"}))
        door.send(ask(endpoint.url))
        door.send(ask(endpoint.url))
        assert "cookie" not in endpoint.calls[1].headers


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_the_message_holds_the_line_that_opens_the_address(host, open_door, ask):
    with ScriptedEndpoint(host="::1" if host == "[::1]" else "127.0.0.1") as endpoint:
        url = f"http://{host}:{endpoint.port}/chat"
        with pytest.raises(OutboundFailure) as caught:
            open_door(allow_local=False).send(ask(url))
        line = f"RHESIS_ALLOW_TARGETS={host}:{endpoint.port}"
        assert line in caught.value.message
        assert open_door(line.partition("=")[2], allow_local=False).send(ask(url)).status == 200


def test_a_port_of_another_protocol_opens_only_by_name(open_door):
    with pytest.raises(OutboundFailure, match="another protocol"):
        open_door().check("http://127.0.0.1:6379/")
    open_door("127.0.0.1:6379").check("http://127.0.0.1:6379/")


def test_metadata_says_that_nothing_opens_it(open_door):
    with pytest.raises(OutboundFailure, match="never called"):
        open_door("169.254.169.254:80").check("http://169.254.169.254/")
