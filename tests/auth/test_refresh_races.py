"""Refresh tokens: among many who bring one exactly one wins, and one that comes back late ends all that came of it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from rhesis_app.auth.actions.sign_in import refresh_session
from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.errors import Unauthenticated
from tests.people import PASSWORD, ApiClient, Person

THREADS = 50


@pytest.fixture
def pair(app: Flask, alice: Person) -> dict[str, Any]:
    """Alice's program has logged in."""
    answer = app.test_client().post("/api/v1/auth/login", json={"email": alice.email, "password": PASSWORD})
    return dict(answer.json)


def refreshed(app: Flask, token: str) -> Any:
    return app.test_client().post("/api/v1/auth/refresh", json={"refresh_token": token})


def alive(app: Flask, pair: dict[str, Any]) -> bool:
    return ApiClient(app, pair["access_token"]).get("/me").status_code == 200


def later(superuser: Engine, table: str, column: str, interval: str) -> None:
    """Time goes by for a column of all rows."""
    with superuser.connect() as connection:
        connection.execute(text(f"UPDATE {table} SET {column} = {column} - interval '{interval}'"))


def test_of_fifty_who_bring_it_at_once_one_wins(
    app: Flask, host: Runtime, pair: dict[str, Any], figure: Callable[..., None]
) -> None:
    at_once = Barrier(THREADS)

    def bring(_number: int) -> str | None:
        at_once.wait()
        try:
            return refresh_session(host, pair["refresh_token"]).refresh_token
        except Unauthenticated:
            return None

    with ThreadPoolExecutor(THREADS) as pool:
        won = [token for token in pool.map(bring, range(THREADS)) if token]
    how = f"{THREADS} threads bring one refresh token at the same moment"
    figure("refresh tokens/threads that win one race", len(won), "= 1", len(won) == 1, how)
    assert alive(app, pair), "a race of one client with itself is no theft"
    assert refreshed(app, won[0]).status_code == 200


def test_one_that_comes_back_late_ends_the_session_for_good(
    app: Flask, pair: dict[str, Any], superuser: Engine, figure: Callable[..., None]
) -> None:
    following = refreshed(app, pair["refresh_token"]).json
    newest = refreshed(app, following["refresh_token"]).json
    later(superuser, "refresh_token", "used_at", "11 seconds")
    assert refreshed(app, pair["refresh_token"]).status_code == 401
    family = (pair, following, newest)
    lives = sum(alive(app, one) or refreshed(app, one["refresh_token"]).status_code != 401 for one in family)
    how = "a used token comes back after 11 s: all access and refresh tokens of its family are tried"
    figure("refresh tokens/of a stolen family still alive", lives, "= 0", lives == 0, how)
    with superuser.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM session WHERE revoked_at IS NULL AND kind = 'api'")) == 0


def test_another_session_of_the_same_person_goes_on(
    app: Flask, alice: Person, pair: dict[str, Any], superuser: Engine
) -> None:
    other = app.test_client().post("/api/v1/auth/login", json={"email": alice.email, "password": PASSWORD}).json
    refreshed(app, pair["refresh_token"])
    later(superuser, "refresh_token", "used_at", "11 seconds")
    assert refreshed(app, pair["refresh_token"]).status_code == 401
    assert alive(app, other)
    assert refreshed(app, other["refresh_token"]).status_code == 200


def test_a_session_that_lay_idle_does_not_come_back(app: Flask, pair: dict[str, Any], superuser: Engine) -> None:
    later(superuser, "session", "last_seen_at", "12 hours 1 minute")
    assert not alive(app, pair)
    assert refreshed(app, pair["refresh_token"]).status_code == 401


def test_one_that_did_not_lie_idle_for_that_long_goes_on(app: Flask, pair: dict[str, Any], superuser: Engine) -> None:
    later(superuser, "session", "last_seen_at", "11 hours")
    assert refreshed(app, pair["refresh_token"]).status_code == 200
    later(superuser, "session", "last_seen_at", "11 hours")
    assert alive(app, pair)
