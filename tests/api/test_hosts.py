"""An instance that knows its names answers to no others."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from rhesis_app.app import create_app
from rhesis_app.infra.config import Settings


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
