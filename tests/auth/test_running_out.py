"""What runs out is refused: sessions that lay idle, that were long enough, and tokens whose time, audience or issuer is another."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from flask import Flask
from sqlalchemy import Engine, text

from rhesis_app.infra.config import Settings
from tests.people import PASSWORD, ApiClient, Person


def sign_in(app: Flask, person: Person) -> dict[str, Any]:
    """The tokens of a new session."""
    answer = app.test_client().post("/api/v1/auth/login", json={"email": person.email, "password": PASSWORD})
    assert answer.status_code == 200
    return dict(answer.json)


def who(app: Flask, token: str) -> int:
    return ApiClient(app, token).get("/me").status_code


@pytest.mark.parametrize(
    ("column", "then", "status"),
    [
        ("last_seen_at", "now() - interval '11 hours'", 200),
        ("last_seen_at", "now() - interval '13 hours'", 401),
        ("expires_at", "now() + interval '1 minute'", 200),
        ("expires_at", "now() - interval '1 second'", 401),
    ],
)
def test_a_session_ends_after_twelve_idle_hours_and_at_its_end(
    app: Flask, alice: Person, superuser: Engine, column: str, then: str, status: int
) -> None:
    token = sign_in(app, alice)["access_token"]
    with superuser.connect() as connection:
        connection.execute(text(f"UPDATE session SET {column} = {then}"))
    assert who(app, token) == status


def test_a_refresh_token_ends_with_its_session(app: Flask, alice: Person, superuser: Engine) -> None:
    refresh = sign_in(app, alice)["refresh_token"]
    with superuser.connect() as connection:
        connection.execute(text("UPDATE session SET expires_at = now() - interval '1 second'"))
    answer = app.test_client().post("/api/v1/auth/refresh", json={"refresh_token": refresh})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": datetime.now(UTC) - timedelta(seconds=1)},
        {"nbf": datetime.now(UTC) + timedelta(hours=1)},
        {"aud": "another service"},
        {"iss": "another issuer"},
        {"type": "refresh"},
        {"sid": "00000000-0000-7000-8000-000000000000"},
        {"aud": None},
    ],
    ids=str,
)
def test_a_token_is_for_its_time_its_service_and_its_purpose(
    app: Flask, alice: Person, settings: Settings, changed: dict[str, Any]
) -> None:
    token = sign_in(app, alice)["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    headers = {"kid": jwt.get_unverified_header(token)["kid"]}
    again = {name: value for name, value in (claims | changed).items() if value is not None}
    assert who(app, jwt.encode(claims, settings.secret_keys[0], "HS256", headers=headers)) == 200
    assert who(app, jwt.encode(again, settings.secret_keys[0], "HS256", headers=headers)) == 401
