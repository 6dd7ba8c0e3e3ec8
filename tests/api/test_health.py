"""What operators and load balancers ask, with everything up and with Redis or the database away."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask

from rhesis_app.app import create_app
from rhesis_app.infra.config import Settings
from tests.people import Person

NOWHERE = "unix:///nonexistent/redis.sock"
NO_DATABASE = "postgresql+psycopg2://nobody@/nothing?host=/nonexistent"


def made(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    yield app
    app.extensions["rhesis"].engine.dispose()
    app.extensions["rhesis"].door.close()


@pytest.fixture
def without_redis(settings: Settings) -> Iterator[Flask]:
    """The application while Redis is away, with the limits of an ordinary instance."""
    yield from made(replace(settings, redis_url=NOWHERE, rate_limit_token=40, rate_limit_anonymous=40))


@pytest.fixture
def without_database(settings: Settings) -> Iterator[Flask]:
    """The application while the database is away."""
    yield from made(replace(settings, database_url=NO_DATABASE))


def test_health_is_exactly_four_words(app: Flask) -> None:
    answer = app.test_client().get("/health")
    assert answer.status_code == 200
    assert list(answer.json) == ["status", "database", "redis", "timestamp"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", answer.json.pop("timestamp"))
    assert answer.json == {**answer.json, "status": "healthy", "database": "connected", "redis": "connected"}


def test_without_redis_it_is_degraded_and_still_200(without_redis: Flask) -> None:
    answer = without_redis.test_client().get("/health")
    assert (answer.status_code, answer.json["status"], answer.json["redis"]) == (200, "degraded", "disconnected")


def test_without_a_database_it_is_unhealthy_and_503_but_lives(without_database: Flask) -> None:
    client = without_database.test_client()
    answer = client.get("/health")
    assert (answer.status_code, answer.json["status"], answer.json["database"]) == (503, "unhealthy", "disconnected")
    assert client.get("/health/ready").status_code == 503
    assert client.get("/health/live").status_code == 200


def test_a_call_while_the_database_is_away_is_503_in_the_one_error_shape(without_database: Flask) -> None:
    answer = without_database.test_client().post("/api/v1/auth/login", json={"email": "a@b.c", "password": "x"})
    assert answer.status_code == 503
    assert answer.content_type == "application/problem+json"
    assert "psycopg" not in answer.text


def test_without_redis_pages_and_api_work_and_limits_hold_at_a_quarter(without_redis: Flask, alice: Person) -> None:
    client = without_redis.test_client()
    assert client.get("/login").status_code == 200
    codes = [client.get("/login").status_code for _ in range(14)]
    assert codes[0] == 200
    assert codes[-1] == 429, "a quarter of 40 a minute"


def test_past_the_limit_the_answer_says_when_to_come_back(settings: Settings, alice: Person) -> None:
    for app in made(replace(settings, rate_limit_anonymous=3)):
        client = app.test_client()
        answers = [client.post("/api/v1/auth/refresh", json={"refresh_token": "x"}) for _ in range(5)]
        assert answers[-1].status_code == 429
        assert int(answers[-1].headers["Retry-After"]) > 0
        assert answers[-1].json["status"] == 429
        assert int(answers[0].headers["X-RateLimit-Remaining"]) == 2
        assert "Retry-After" not in answers[0].headers, "an answer that was given asks nobody to come back"


def test_figures_need_their_token_and_exist_only_with_one(app: Flask, settings: Settings) -> None:
    assert app.test_client().get("/metrics").status_code == 404
    for guarded in made(replace(settings, metrics_token="a token of the operator's")):
        client = guarded.test_client()
        assert client.get("/metrics").status_code == 404
        shown = client.get("/metrics", headers={"Authorization": "Bearer a token of the operator's"})
        assert shown.status_code == 200
        assert 'rhesis_up{part="database"} 1.0' in shown.text


def test_every_answer_carries_an_id_and_the_security_headers(app: Flask) -> None:
    client = app.test_client()
    for path in ("/login", "/api/v1/projects", "/health", "/nowhere"):
        headers = client.get(path, headers={"X-Request-ID": "trace-12345678"}).headers
        assert headers["X-Request-ID"] == "trace-12345678"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Werkzeug" not in headers.get("Server", "")
    assert client.get("/login", headers={"X-Request-ID": "<script>"}).headers["X-Request-ID"] != "<script>"
