"""Browsers of other origins: by a list, for the API alone, and never with the session's cookie."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask

from rhesis_app.app import create_app
from rhesis_app.infra.config import Settings

FRIEND = "https://tools.example.org"


@pytest.fixture
def shared(settings: Settings) -> Iterator[Flask]:
    """The application that one other origin may call."""
    app = create_app(replace(settings, cors_origins=(FRIEND,)))
    yield app
    app.extensions["rhesis"].door.close()
    app.extensions["rhesis"].engine.dispose()


def test_an_origin_of_the_list_may_call_the_api_without_credentials(shared: Flask) -> None:
    answer = shared.test_client().get("/api/v1/projects", headers={"Origin": FRIEND})
    assert answer.headers["Access-Control-Allow-Origin"] == FRIEND
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://tools.example.org.evil.example", "null", "http://tools.example.org"]
)
def test_any_other_origin_is_told_nothing(shared: Flask, app: Flask, origin: str) -> None:
    for asked in (shared, app):
        answer = asked.test_client().get("/api/v1/projects", headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_pages_are_for_their_own_origin_alone(shared: Flask) -> None:
    answer = shared.test_client().get("/login", headers={"Origin": FRIEND})
    assert "Access-Control-Allow-Origin" not in answer.headers
