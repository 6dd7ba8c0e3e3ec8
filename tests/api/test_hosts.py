"""An instance that knows its names answers to no others, and makes no link out of what a request says."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from rhesis_app.app import create_app
from rhesis_app.infra.config import Settings
from rhesis_app.web.tokens import cookie_name
from tests.people import Person, WebClient


@pytest.fixture
def named(settings: Settings) -> Iterator[Flask]:
    """The application as `rhesis.example.org`."""
    app = create_app(replace(settings, trusted_hosts=("rhesis.example.org",)))
    yield app
    app.extensions["rhesis"].engine.dispose()
    app.extensions["rhesis"].door.close()


@pytest.fixture
def client(named: Flask) -> FlaskClient:
    """Somebody who does not know its name yet."""
    return named.test_client()


def test_its_own_name_is_answered(client: FlaskClient) -> None:
    assert client.get("/login", headers={"Host": "rhesis.example.org"}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "rhesis.example.org.evil.example", "<script>"])
@pytest.mark.parametrize("extra", [{}, {"HX-Request": "true"}])
def test_another_name_gets_plain_words_without_any_link(client: FlaskClient, host: str, extra: dict[str, str]) -> None:
    answer = client.get("/login", headers={"Host": host, **extra})
    assert answer.status_code == 400, answer.text
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.headers["X-Request-ID"] in answer.text
    assert host not in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_another_name_gets_problem_json_from_the_api(client: FlaskClient) -> None:
    answer = client.get("/api/v1/projects", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")


@pytest.mark.parametrize("host", ["127.0.0.1", "10.2.3.4:8080", "evil.example"])
def test_whoever_watches_over_it_may_ask_its_address(client: FlaskClient, host: str) -> None:
    codes = [
        client.get(path, headers={"Host": host}).status_code
        for path in ("/health", "/health/live", "/health/ready", "/metrics", "/")
    ]
    assert codes == [200, 200, 200, 400, 400]


def invite(app: Flask, person: Person, host: str) -> str:
    """What is answered about the link of a new invitation, asked under this name."""
    body = {"email": "somebody@example.org", "role": "Viewer"}
    token = person.api.post("/tokens", {"name": "Inviting"}).json["token"]
    answer = app.test_client().post(
        "/api/v1/invitations", json=body, headers={"Authorization": f"Bearer {token}", "Host": host}
    )
    return str(answer.json["accept_url"]).rpartition("/")[0]


@pytest.fixture
def placed(settings: Settings) -> Iterator[Callable[..., Flask]]:
    """The application with these settings."""
    with ExitStack() as stack:

        def make(**changes: Any) -> Flask:
            app = create_app(replace(settings, **changes))
            stack.callback(app.extensions["rhesis"].door.close)
            stack.callback(app.extensions["rhesis"].engine.dispose)
            return app

        yield make


@pytest.mark.parametrize(
    ("changes", "asked_as", "link"),
    [
        ({"external_url": "https://rhesis.example.org"}, "evil.example", "https://rhesis.example.org/invitations"),
        ({}, "evil.example", "/invitations"),
        ({}, "localhost.evil.example", "/invitations"),
        ({}, "localhost:8080", "http://127.0.0.1:8080/invitations"),
        ({}, "[::1]:9", "http://127.0.0.1:8080/invitations"),
        ({"bind": "0.0.0.0:8080"}, "localhost:8080", "/invitations"),
    ],
)
def test_a_link_leads_where_the_operator_says_and_never_where_a_request_does(
    placed: Callable[..., Flask], alice: Person, changes: dict[str, Any], asked_as: str, link: str
) -> None:
    assert invite(placed(**changes), alice, asked_as) == link


def test_a_page_says_what_to_put_in_front_of_a_link_that_is_only_a_path(
    placed: Callable[..., Flask], alice: Person, settings: Settings
) -> None:
    cookie = alice.web._client.get_cookie(cookie_name(settings))
    assert cookie is not None
    for bind, is_said in (("0.0.0.0:8080", True), ("127.0.0.1:8080", False)):
        browser = WebClient(placed(bind=bind, allow_http=True), cookie.value, cookie_name(settings))
        page = browser.post("/settings/members/invitations", {"email": f"{bind[:3]}@example.org", "role": "Viewer"})
        assert page.status_code == 201
        assert ("Put in front of it the address" in page.text) is is_said
