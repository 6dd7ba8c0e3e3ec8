"""Requests forged to reach inside, over every surface that calls out: a listener stands there and counts who comes."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from rhesis_app.infra.http import AllowList, OutboundDoor
from rhesis_app.infra.llm import LlmClient
from rhesis_app.infra.oidc import OidcProvider
from rhesis_app.infra.oidc_settings import OidcSettings
from rhesis_app.kernel.ports import OutboundAnswer, OutboundRequest
from rhesis_app.kernel.sign_on import Challenge, SignOnFailure
from tests.jobs.runs.test_driving import drive
from tests.jobs.runs.world import World, make_world
from tests.pages.forms_in import forms_in
from tests.people import Person
from tests.scripted_endpoint import ScriptedEndpoint, always, redirect

pytestmark = pytest.mark.timeout(600)

# {port} is the listener's, on every address of this machine; what cannot carry it is sent as it is
URLS = [
    "http://127.0.0.1:{port}/", "http://127.1.2.3:{port}/", "http://127.1:{port}/", "http://0.0.0.0:{port}/", "http://0:{port}/",
    "http://2130706433:{port}/", "http://0x7f000001:{port}/", "http://0x7f.0.0.1:{port}/", "http://0177.0.0.1:{port}/",
    "http://017700000001:{port}/", "http://localhost:{port}/", "http://LOCALHOST.:{port}/", "http://app.localhost:{port}/",
    "http://[::1]:{port}/", "http://[0:0:0:0:0:0:0:1]:{port}/", "http://[::]:{port}/", "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/", "http://[::127.0.0.1]:{port}/", "http://[64:ff9b::7f00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/", "http://[2001:0:a::1]:{port}/", "http://[fe80::1]:{port}/", "http://[fc00::1]:{port}/",
    "http://[fd00:ec2::254]:{port}/", "http://[fec0::1]:{port}/", "http://127。0。0。1:{port}/", "http://①②⑦.⓪.⓪.①:{port}/",
    "http://ⓛocalhost:{port}/", "http://user@127.0.0.1:{port}/", "http://example.com@127.0.0.1:{port}/",
    "http://example.com\\@127.0.0.1:{port}/", "http://127.0.0.1:{port}\t/", "http://127.0.0.1%2f@example.com:{port}/",
    "http://127.0.0.1:{port}#@example.com/", "http://10.0.0.1:{port}/", "http://172.16.5.4:{port}/", "http://192.168.1.1:{port}/",
    "http://100.64.0.1:{port}/", "http://169.254.169.254/latest/meta-data/", "http://[::ffff:169.254.169.254]/",
    "http://168.63.129.16/", "http://100.100.100.200/", "http://198.18.0.1:{port}/", "http://224.0.0.1:{port}/",
    "http://255.255.255.255:{port}/", "http://240.0.0.1:{port}/", "https://127.0.0.1:{port}/", "https://[::1]:{port}/",
    "file:///etc/passwd", "gopher://127.0.0.1:{port}/_INFO", "ftp://127.0.0.1:{port}/", "dict://127.0.0.1:{port}/info",
    "http://mixed.example:{port}/", "http://rebinding.example:{port}/", "http://six.example:{port}/", "http://mapped.example:{port}/",
]  # fmt: skip
# what a name server of theirs would answer
NAMES = {
    "mixed.example": ("93.184.216.34", "127.0.0.1"),
    "rebinding.example": ("127.0.0.1",),
    "six.example": ("2606:4700:4700::1111", "::1"),
    "mapped.example": ("::ffff:127.0.0.1",),
}


class Sentinel:
    """Listens on one port of every address of this machine and counts connections."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128)
        self.port = self._listener.getsockname()[1]

    def connections(self) -> int:
        """How many have come so far: those that the system has waiting for us."""
        self._listener.setblocking(False)
        count = 0
        try:
            while True:
                self._listener.accept()[0].close()
                count += 1
        except BlockingIOError:
            return count

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()


@pytest.fixture
def sentinel() -> Iterator[Sentinel]:
    """The listener; it sees a connection that is really made."""
    made = Sentinel()
    for host in ("127.0.0.1", "::1"):
        socket.create_connection((host, made.port), timeout=5).close()
    assert made.connections() == 2
    yield made
    made.close()


def resolve(host: str, port: int, *_rest: Any) -> list[Any]:
    """As the system does, and with the names that somebody set up to get inside."""
    if host not in NAMES:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    families = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in NAMES[host]]
    return [(f, socket.SOCK_STREAM, 6, "", (a, port)) for f, a in zip(families, NAMES[host], strict=True)]


@dataclass(frozen=True)
class Places:
    """What calls out, all of Charlie's: rows that were made while their addresses were still good."""

    charlie: Person
    superuser: Engine
    world: World
    model_id: str
    slug: str

    def move(self, url: str) -> None:
        """Put another address under the rows, as nobody can who has to get past the forms."""
        with self.superuser.connect() as connection:
            for statement in ("UPDATE endpoint SET url = :url", "UPDATE model SET base_url = :url"):
                connection.execute(text(statement), {"url": url.replace("\t", " ")})

    def post(self, path: str, **body: Any) -> str:
        """What the API answers."""
        return self.charlie.api.post(path, {"project_id": str(self.world.project_id)} | body).text


@pytest.fixture
def places(app: Flask, charlie: Person, superuser: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Places]:
    """An organization on an instance that people reach from elsewhere: its door opens to nothing inside."""
    with ScriptedEndpoint() as endpoint:
        world = make_world(charlie, endpoint.url, [("Question", "yes")])
    model = {"wire": "openai", "base_url": "https://models.example.com/v1", "model_name": "m", "name": "judge"}
    made = charlie.api.post("/models", {"project_id": str(world.project_id)} | model)
    assert made.status_code == 201, made.text
    door = OutboundDoor(AllowList(), allow_local=False, resolver=resolve)
    monkeypatch.setattr(charlie.host, "door", door)
    monkeypatch.setattr(charlie.host, "models", LlmClient(door, sleep=lambda _seconds: None))
    yield Places(charlie, superuser, world, made.json["id"], world.ask("SELECT slug FROM project")[0].slug)
    door.close()


def saving_an_endpoint(places: Places, url: str) -> str:
    body = {"request_template": {"message": "{{ input }}"}, "response_mapping": {"output": "$.reply"}}
    return places.post("/endpoints", name=f"bot {url}"[:80], url=url, method="POST", **body)


def calling_an_endpoint(places: Places, url: str) -> str:
    places.move(url)
    return places.charlie.api.post(f"/endpoints/{places.world.endpoint_id}/invoke", {"input": "hello"}).text


def trying_an_endpoint_on_its_page(places: Places, url: str) -> str:
    page = places.charlie.web.get(f"/p/{places.slug}/endpoints/{places.world.endpoint_id}")
    form = next(form for form in forms_in(page.text) if form.action.endswith("/try"))
    return places.charlie.web.post(form.action, form.fields | {"url": url}).text


def checking_before_a_run(places: Places, url: str) -> str:
    places.move(url)
    ids = {"test_set_id": str(places.world.test_set_id), "endpoint_id": str(places.world.endpoint_id)}
    return places.charlie.api.post("/preflights", ids | {"call": True}).text


def saving_a_model(places: Places, url: str) -> str:
    return places.post("/models", name=f"model {url}"[:80], wire="openai", base_url=url, model_name="m")


def trying_a_model(places: Places, url: str) -> str:
    places.move(url)
    return places.charlie.api.post(f"/models/{places.model_id}/test", {}).text


def judging_with_a_model(places: Places, url: str) -> str:
    places.move(url)
    judge = {"evaluator": "judge.binary", "params": {"criteria": "yes"}, "rule": None, "model_id": places.model_id}
    return places.post("/metrics/try", **judge, sample={"output": "yes", "prompt": "hello"})


def running(places: Places, url: str) -> str:
    places.move(url)
    drive(places.world, run := places.world.start())
    rows = places.world.ask("SELECT error_code FROM test_result WHERE run_id = :run", run=UUID(str(run)))
    return json.dumps([row.error_code for row in rows])


SURFACES: tuple[Callable[[Places, str], str], ...] = (
    saving_an_endpoint,
    calling_an_endpoint,
    trying_an_endpoint_on_its_page,
    checking_before_a_run,
    saving_a_model,
    trying_a_model,
    judging_with_a_model,
    running,
)


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.__name__)
def test_nothing_reaches_inside(
    places: Places, sentinel: Sentinel, surface: Callable[[Places, str], str], figure: Callable[..., None]
) -> None:
    quiet = []
    for url in URLS:
        said = surface(places, url.format(port=sentinel.port))
        if "Traceback" in said or not said:
            quiet.append(url)
    came = sentinel.connections()
    how = f"{len(URLS)} URLs: forms of an address, IPv6, names with mixed records, rebinding; a listener on this machine counts"
    figure(f"forged addresses/URLs {surface.__name__.replace('_', ' ')}", len(URLS), "≥ 40", len(URLS) >= 40, how)
    figure(f"forged addresses/connections {surface.__name__.replace('_', ' ')}", came, "= 0", came == 0, how)
    assert quiet == []


@dataclass(frozen=True)
class Discovered:
    """The door of a sign-on provider whose description names another address; all but that description is really asked."""

    door: OutboundDoor
    name: str
    url: str

    def send(self, request: OutboundRequest) -> OutboundAnswer:
        """The description and keys of the provider from here, anything else through the door."""
        if not request.url.startswith(ISSUER):
            return self.door.send(request)
        said = {name: f"{ISSUER}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
        body = {**said, "issuer": ISSUER, "keys": [], self.name: self.url}
        return OutboundAnswer(status=200, headers={}, body=json.dumps(body).encode(), latency_ms=1.0)

    def check(self, url: str) -> None:
        """As the door does."""
        self.door.check(url)


ISSUER = "http://issuer.example.com"


@pytest.mark.parametrize("name", ["jwks_uri", "token_endpoint"])
def test_a_provider_of_sign_on_leads_nowhere(sentinel: Sentinel, name: str, figure: Callable[..., None]) -> None:
    """Its description names where its keys are and where codes are exchanged: both are asked by us."""
    challenge, settings = Challenge(state="s", nonce="n", verifier="v"), OidcSettings(issuer=ISSUER, client_id="us")
    with closing(OutboundDoor(AllowList(), allow_local=False, resolver=resolve)) as door:
        for url in URLS:
            provider = OidcProvider(settings, Discovered(door, name, url.format(port=sentinel.port)))
            with pytest.raises(SignOnFailure):
                provider.identify(challenge, "code", "https://rhesis.example.com/login/sso/callback")
    came = sentinel.connections()
    how = f"{len(URLS)} URLs in the description of an OpenID Connect provider; a listener on this machine counts"
    figure(f"forged addresses/connections {name} of a sign-on provider", came, "= 0", came == 0, how)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_leads_nowhere(
    places: Places, sentinel: Sentinel, monkeypatch: pytest.MonkeyPatch, figure: Callable[..., None], status: int
) -> None:
    """The endpoint itself may be called, and sends whoever calls it inside."""
    target = f"http://127.0.0.1:{sentinel.port}/"
    with ScriptedEndpoint(always(redirect(target, status=status))) as endpoint:
        allowed = AllowList.parse(f"127.0.0.1:{endpoint.port}")
        door = OutboundDoor(allowed, allow_local=False)
        monkeypatch.setattr(places.charlie.host, "door", door)
        calling_an_endpoint(places, endpoint.url)
        assert endpoint.count == 1
        door.close()
    came = sentinel.connections()
    figure(f"forged addresses/connections after a {status}", came, "= 0", came == 0, "an endpoint redirects inside")
