"""Signing in over the API and on the pages."""

import pytest
from flask import Flask

from tests.people import PASSWORD, Person


@pytest.fixture
def credentials(alice: Person) -> dict[str, str]:
    """Alice's."""
    return {"email": alice.email, "password": PASSWORD}


def test_the_right_password_gives_a_token_that_works(app: Flask, credentials: dict[str, str], alice: Person) -> None:
    client = app.test_client()
    answer = client.post("/api/v1/auth/login", json=credentials)
    assert answer.status_code == 200
    assert set(answer.json) == {"access_token", "refresh_token", "token_type", "expires_in"}
    me = client.get("/api/v1/me", headers={"Authorization": f"Bearer {answer.json['access_token']}"})
    assert me.json["user"]["id"] == str(alice.actor.user_id)


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(app: Flask, credentials: dict[str, str]) -> None:
    client = app.test_client()
    wrong = client.post("/api/v1/auth/login", json={**credentials, "password": "wrong password here"})
    unknown = client.post("/api/v1/auth/login", json={"email": "nobody@example.org", "password": PASSWORD})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json["detail"] == unknown.json["detail"]


def test_the_eleventh_failure_is_told_to_wait(app: Flask, credentials: dict[str, str]) -> None:
    client = app.test_client()
    for _ in range(10):
        assert client.post("/api/v1/auth/login", json={**credentials, "password": "wrong password"}).status_code == 401
    answer = client.post("/api/v1/auth/login", json=credentials)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


def test_registration_is_closed_and_says_why(app: Flask) -> None:
    whole = {"organization_name": "X", "name": "X", "email": "x@example.org", "password": PASSWORD}
    for body in (whole, {"email": "x@example.org"}):
        answer = app.test_client().post("/api/v1/auth/register", json=body)
        assert answer.status_code == 403
        assert "RHESIS_OPEN_REGISTRATION" in answer.json["detail"]


def test_a_refresh_token_works_once(app: Flask, credentials: dict[str, str]) -> None:
    client = app.test_client()
    first = client.post("/api/v1/auth/login", json=credentials).json["refresh_token"]
    assert client.post("/api/v1/auth/refresh", json={"refresh_token": first}).status_code == 200
    assert client.post("/api/v1/auth/refresh", json={"refresh_token": first}).status_code == 401


def test_a_session_that_was_ended_works_no_more(app: Flask, credentials: dict[str, str]) -> None:
    client = app.test_client()
    token = client.post("/api/v1/auth/login", json=credentials).json["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert client.post("/api/v1/auth/logout", headers=bearer).status_code == 204
    assert client.get("/api/v1/me", headers=bearer).status_code == 401


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer junk", "Bearer rhx_junk", "Basic YTpi", "Bearer a.b.c"])
def test_a_credential_that_is_none_gets_401_as_problem_json(app: Flask, header: str) -> None:
    answer = app.test_client().get("/api/v1/projects", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"


def test_the_login_page_sets_a_cookie_and_goes_on(app: Flask, credentials: dict[str, str]) -> None:
    client = app.test_client()
    answer = client.post("/login", data={**credentials, "next": "/settings/tokens"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/settings/tokens")
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    assert client.get("/settings/tokens").status_code == 200


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_the_way_on_never_leads_elsewhere(app: Flask, credentials: dict[str, str], target: str) -> None:
    answer = app.test_client().post("/login", data={**credentials, "next": target})
    assert answer.headers["Location"] == "/"


def test_a_form_from_another_site_is_refused(app: Flask, credentials: dict[str, str]) -> None:
    answer = app.test_client().post("/login", data=credentials, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_a_form_without_its_token_is_refused(alice: Person) -> None:
    answer = alice.web._client.post("/projects", data={"name": "Stolen"})
    assert answer.status_code == 403


def test_pages_send_strangers_to_the_login_page(app: Flask) -> None:
    answer = app.test_client().get("/settings/tokens")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=/settings/tokens")
