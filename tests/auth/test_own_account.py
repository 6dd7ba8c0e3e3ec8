"""One's own account: name, theme, password and sessions; a token changes none of it."""

from typing import Any

import pytest
from flask import Flask

from rhesis_app.tenancy.models import AuditEntry
from tests.people import PASSWORD, ApiClient, Person, signed_in

NEW = "quite another passphrase"


@pytest.fixture
def mine(app: Flask, alice: Person) -> ApiClient:
    """Alice, logged in as a program."""
    return signed_in(app, alice.email)


def change(client: ApiClient, current: str = PASSWORD, new: str = NEW) -> Any:
    return client.post("/me/password", {"current_password": current, "new_password": new})


def test_me_says_who_where_and_as_what(alice: Person, mine: ApiClient) -> None:
    me = mine.get("/me").json
    assert set(me) == {"user", "organization", "permissions", "kind"}
    user, there = me["user"], me["organization"]
    assert {name: user[name] for name in ("name", "email", "email_verified", "totp", "theme")} == {
        "name": "Alice",
        "email": "alice@example.org",
        "email_verified": False,
        "totp": False,
        "theme": "auto",
    }
    assert user["id"] == str(alice.actor.user_id)
    assert user["last_login_at"] is not None
    assert {name: there[name] for name in ("id", "name", "role")} == {
        "id": str(alice.actor.organization_id),
        "name": "Organization A",
        "role": "Owner",
    }
    assert there["slug"].startswith("organization-a-")
    assert me["kind"] == "user"
    assert alice.api.get("/me").json["kind"] == "token"


def test_name_and_theme_change_and_the_pages_follow(alice: Person, mine: ApiClient) -> None:
    answer = mine.patch("/me", {"name": " Alicia ", "theme": "dark"})
    user = answer.json["user"]
    assert (answer.status_code, user["name"], user["theme"]) == (200, "Alicia", "dark")
    page = alice.web.get("/settings/profile").text
    assert 'data-theme="dark"' in page
    assert "Alicia" in page
    assert mine.patch("/me", {}).json["user"]["name"] == "Alicia"


@pytest.mark.parametrize("body", [{"name": " "}, {"theme": "pink"}, {"email": "x@example.org"}, {"name": "x" * 201}])
def test_what_is_no_change_is_refused_at_its_field(mine: ApiClient, body: dict[str, str]) -> None:
    answer = mine.patch("/me", body)
    assert (answer.status_code, list(answer.json["errors"])) == (422, list(body))


def test_a_new_password_ends_every_other_session_and_this_one_goes_on(app: Flask, alice: Person) -> None:
    first = app.test_client().post("/api/v1/auth/login", json={"email": alice.email, "password": PASSWORD}).json
    other, this = ApiClient(app, first["access_token"]), signed_in(app, alice.email)
    assert alice.web.get("/settings/profile").status_code == 200
    assert change(this).status_code == 204
    assert this.get("/me").status_code == 200
    assert other.get("/me").status_code == 401
    assert ApiClient(app, None).post("/auth/refresh", {"refresh_token": first["refresh_token"]}).status_code == 401
    assert alice.web.get("/settings/profile").status_code == 303
    assert alice.api.get("/me").status_code == 200  # tokens are revoked one by one
    login = app.test_client().post("/api/v1/auth/login", json={"email": alice.email, "password": PASSWORD})
    assert login.status_code == 401
    signed_in(app, alice.email, NEW)
    assert alice.count(AuditEntry, action="password.change") == 1


@pytest.mark.parametrize(
    ("current", "new", "field"),
    [
        ("not my password", NEW, "current_password"),
        (PASSWORD, "short", "new_password"),
        (PASSWORD, "password1234", "new_password"),
    ],
)
def test_a_password_that_is_wrong_or_weak_changes_nothing(
    app: Flask, alice: Person, mine: ApiClient, current: str, new: str, field: str
) -> None:
    answer = change(mine, current, new)
    assert (answer.status_code, list(answer.json["errors"])) == (422, [field])
    signed_in(app, alice.email)


def test_guessing_the_current_password_is_told_to_wait(mine: ApiClient) -> None:
    for _ in range(10):
        assert change(mine, "not my password").status_code == 422
    assert change(mine).status_code == 429


def test_sessions_are_listed_and_ended(app: Flask, alice: Person, mine: ApiClient) -> None:
    other = signed_in(app, alice.email)
    listed = mine.get("/sessions").json
    assert [one["kind"] for one in listed] == ["api", "api"]
    assert mine.delete(f"/sessions/{listed[0]['id']}").status_code == 204
    assert other.get("/me").status_code == 401
    assert mine.delete(f"/sessions/{listed[0]['id']}").status_code == 204
    assert len(mine.get("/sessions").json) == 1
    third = signed_in(app, alice.email)
    assert mine.post("/sessions/end-others").json == {"ended": 1}
    assert third.get("/me").status_code == 401
    assert mine.get("/me").status_code == 200


def test_all_sessions_end_this_one_too(app: Flask, alice: Person, mine: ApiClient) -> None:
    other = signed_in(app, alice.email)
    assert alice.web.get("/settings/profile").status_code == 200
    assert mine.post("/sessions/end-all").json == {"ended": 3}
    assert {mine.get("/me").status_code, other.get("/me").status_code} == {401}
    assert alice.web.get("/settings/profile").status_code == 303
    assert alice.api.get("/me").status_code == 200
    assert alice.count(AuditEntry, action="session.close_all") == 1


def test_a_token_changes_nothing_of_its_owners_account(alice: Person, mine: ApiClient) -> None:
    session = mine.get("/sessions").json[0]["id"]
    answers = [
        alice.api.patch("/me", {"name": "Mallory"}),
        change(alice.api),
        alice.api.delete(f"/sessions/{session}"),
        alice.api.post("/sessions/end-others"),
        alice.api.post("/sessions/end-all"),
        alice.api.post("/organizations", {"name": "Mine"}),
        alice.api.post(f"/organizations/{alice.actor.organization_id}/switch"),
        alice.api.post(f"/organizations/{alice.actor.organization_id}/leave"),
    ]
    assert [answer.status_code for answer in answers] == [403] * len(answers)
    assert mine.get("/me").json["user"]["name"] == "Alice"


def test_sessions_of_others_do_not_exist(app: Flask, alice: Person, charlie: Person, mine: ApiClient) -> None:
    theirs = signed_in(app, charlie.email)
    session = theirs.get("/sessions").json[0]["id"]
    assert mine.delete(f"/sessions/{session}").status_code == 404
    assert theirs.get("/me").status_code == 200
