"""What was refused stands in the audit log of whose business it is, and nobody can tell from the answer that it does."""

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from rhesis_app.app import create_app
from rhesis_app.auth.actions.refusals import MOST_A_MINUTE
from rhesis_app.auth.rules import FAILURES_PER_ACCOUNT, new_api_token
from rhesis_app.infra.config import Settings
from rhesis_app.kernel.ids import new_id
from rhesis_app.projects.queries import ProjectView
from rhesis_app.tenancy.models import AuditEntry
from tests.people import PASSWORD, Person

REFUSALS = ("session.refuse", "session.throttle", "token.refuse", "refresh.refuse", "access.deny")


def entries(person: Person) -> list[dict[str, Any]]:
    """What was refused in this person's organization, oldest first."""
    found = person.api.get("/audit?limit=200").json
    return [entry for entry in reversed(found) if entry["action"] in REFUSALS]


def log_in(app: Flask, email: str, password: str) -> int:
    with app.test_client().post("/api/v1/auth/login", json={"email": email, "password": password}) as answer:
        return answer.status_code


def sent(person: Person, method: str, path: str, **options: Any) -> Any:
    """A call of the API whose answer has left."""
    with person.api.call(method, path, **options) as answer:
        return answer.status_code, answer.text


def test_a_failed_sign_in_is_noted_where_the_account_belongs(app: Flask, alice: Person, charlie: Person) -> None:
    assert log_in(app, " Alice@Example.org", "not her password") == 401
    form = {"email": alice.email, "password": "wrong as well"}
    with app.test_client().post("/login", data=form) as answer:
        assert answer.status_code == 401
    assert log_in(app, "nobody@example.org", "whatever it is") == 401
    (by_api, by_page) = entries(alice)
    assert by_api["action"] == by_page["action"] == "session.refuse"
    assert by_api["object_name"] == "Alice"
    assert by_api["user_id"] is None
    assert by_api["ip"] == "127.0.0.1"
    assert by_api["facts"] == {"rule": "/api/v1/auth/login"}
    assert entries(charlie) == []
    assert "failed to sign in as Alice" in alice.web.get("/settings/audit").text


def test_a_sign_in_that_succeeds_is_no_refusal(app: Flask, alice: Person) -> None:
    assert log_in(app, alice.email, PASSWORD) == 200
    assert entries(alice) == []


def test_sign_ins_that_were_kept_back_are_noted_and_a_flood_is_cut(app: Flask, alice: Person) -> None:
    statuses = [log_in(app, alice.email, "guess") for _ in range(FAILURES_PER_ACCOUNT + MOST_A_MINUTE + 5)]
    assert statuses.count(401) == FAILURES_PER_ACCOUNT
    noted = entries(alice)
    actions = [entry["action"] for entry in noted]
    assert actions.count("session.refuse") == min(FAILURES_PER_ACCOUNT, MOST_A_MINUTE)
    assert actions.count("session.throttle") == MOST_A_MINUTE
    assert "left out" in noted[-1]["facts"]["note"]


def test_what_the_rate_limit_turns_away_is_not_noted(settings: Settings, alice: Person) -> None:
    limited = create_app(replace(settings, rate_limit_anonymous=2))
    try:
        assert [log_in(limited, alice.email, "guess") for _ in range(6)] == [401] * 2 + [429] * 4
    finally:
        limited.extensions["rhesis"].engine.dispose()
        limited.extensions["rhesis"].door.close()
    assert [entry["action"] for entry in entries(alice)] == ["session.refuse"] * 2


def test_a_wrong_password_for_an_invitation_is_noted(app: Flask, alice: Person, charlie: Person) -> None:
    invited = charlie.api.post("/invitations", {"email": alice.email, "role": "Viewer"}).json
    token = invited["accept_url"].rpartition("/")[2]
    body = {"token": token, "name": "x", "password": "not her password"}
    with app.test_client().post("/api/v1/invitations/accept", json=body) as answer:
        assert answer.status_code == 401
    with app.test_client().post(f"/invitations/{token}", data={"password": "not hers"}) as answer:
        assert answer.status_code == 401
    assert [entry["action"] for entry in entries(charlie)] == ["session.refuse"] * 2
    assert entries(alice) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("revoked_at = now()", "revoked"),
        ("expires_at = now() - interval '1 day'", "expired"),
    ],
)
def test_an_api_token_that_is_none_any_more_is_noted(
    app: Flask, alice: Person, superuser: Engine, change: str, reason: str
) -> None:
    made = alice.api.post("/tokens", {"name": "pipeline", "expires_in_days": 30}).json
    with superuser.connect() as connection:
        connection.execute(text(f"UPDATE api_token SET {change} WHERE id = :id"), {"id": made["id"]})
    headers = {"Authorization": f"Bearer {made['token']}"}
    with app.test_client().get("/api/v1/me", headers=headers) as answer:
        assert answer.status_code == 401
    (entry,) = entries(alice)
    assert entry["action"] == "token.refuse"
    assert entry["object_id"] == made["id"]
    assert entry["facts"]["name"] == "pipeline"
    assert entry["facts"]["reason"] == reason
    assert made["token"] not in str(entry)


def test_a_token_that_never_was_one_is_nobodys_business(app: Flask, alice: Person, charlie: Person) -> None:
    for secret in (new_api_token(), "rhx_junk", "eyJhbGciOiJub25lIn0.e30."):
        with app.test_client().get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"}) as answer:
            assert answer.status_code == 401
    assert entries(alice) == entries(charlie) == []


def test_a_refresh_token_that_comes_back_is_noted(app: Flask, alice: Person, superuser: Engine) -> None:
    login = app.test_client().post("/api/v1/auth/login", json={"email": alice.email, "password": PASSWORD}).json
    body = {"refresh_token": login["refresh_token"]}
    assert app.test_client().post("/api/v1/auth/refresh", json=body).status_code == 200
    with superuser.connect() as connection:
        connection.execute(
            text("UPDATE refresh_token SET used_at = used_at - interval '1 minute' WHERE used_at IS NOT NULL")
        )
    with app.test_client().post("/api/v1/auth/refresh", json=body) as answer:
        assert answer.status_code == 401
    (entry,) = entries(alice)
    assert (entry["action"], entry["object_type"], entry["facts"]["reason"]) == ("refresh.refuse", "session", "used")


@pytest.mark.parametrize("kind", ["address", "body", "page", "member", "organization"])
def test_reaching_for_another_organizations_rows_is_noted_in_ones_own(
    alice: Person, charlie: Person, project: ProjectView, kind: str
) -> None:
    theirs = charlie.api.post("/projects", {"name": "Charlies"}).json["id"]
    ways: dict[str, tuple[str, str, dict[str, Any], str]] = {
        "address": ("GET", f"/projects/{theirs}", {}, theirs),
        "body": ("POST", "/requirements", {"json": {"project_id": theirs, "name": "Mine now"}}, theirs),
        "page": ("POST", f"/p/{project.slug}/metrics/{theirs}/archive", {}, theirs),
        "member": ("GET", f"/members/{charlie.actor.user_id}", {}, str(charlie.actor.user_id)),
        "organization": (
            "GET",
            f"/organizations/{charlie.actor.organization_id}",
            {},
            str(charlie.actor.organization_id),
        ),
    }
    method, path, options, foreign = ways[kind]
    if kind == "page":
        with alice.web.post(path) as answer:
            assert answer.status_code == 404
    else:
        assert sent(alice, method, path, **options)[0] == 404
    (entry,) = entries(alice)
    assert entry["action"] == "access.deny"
    assert entry["object_id"] == foreign
    assert entry["facts"]["ids"] == [foreign]
    assert entry["user_id"] == str(alice.actor.user_id)
    assert entries(charlie) == []


def test_the_answer_is_the_one_for_a_row_that_nobody_has(alice: Person, charlie: Person) -> None:
    theirs = charlie.api.post("/projects", {"name": "Charlies"}).json["id"]
    found = [sent(alice, "GET", f"/projects/{one}") for one in (theirs, new_id())]
    bodies = [{name: value for name, value in answer.items() if name != "request_id"} for answer in map(_json, found)]
    assert bodies[0] == bodies[1]
    assert len(entries(alice)) == 1


def test_what_is_nobodys_or_ones_own_is_no_denial(alice: Person, project: ProjectView) -> None:
    assert sent(alice, "GET", f"/test-runs/{new_id()}")[0] == 404
    assert sent(alice, "GET", f"/test-runs/{project.id}")[0] == 404
    assert sent(alice, "GET", f"/members/{alice.actor.user_id}")[0] == 200
    assert entries(alice) == []


def test_denials_are_at_most_so_many_a_minute(alice: Person, charlie: Person) -> None:
    theirs = charlie.api.post("/projects", {"name": "Charlies"}).json["id"]
    for _ in range(MOST_A_MINUTE + 5):
        sent(alice, "GET", f"/projects/{theirs}")
    assert len(entries(alice)) == MOST_A_MINUTE


def test_an_answer_that_has_not_left_has_noted_nothing(app: Flask, alice: Person) -> None:
    answer = app.test_client().post("/api/v1/auth/login", json={"email": alice.email, "password": "wrong"})
    assert answer.status_code == 401
    assert alice.count(AuditEntry, action="session.refuse") == 0
    answer.close()
    assert alice.count(AuditEntry, action="session.refuse") == 1


def test_the_database_function_tells_of_ids_alone(alice: Person, charlie: Person) -> None:
    theirs = UUID(charlie.api.post("/projects", {"name": "Charlies"}).json["id"])
    with alice.scope() as scope:
        statement = text("SELECT * FROM rows_of_strangers(CAST(:ids AS uuid[]))")
        rows = scope.session.execute(statement, {"ids": [str(theirs), str(new_id())]}).all()
    assert [tuple(row) for row in rows] == [(theirs,)]


def _json(found: tuple[int, str]) -> dict[str, Any]:
    return dict(json.loads(found[1]))


def test_what_is_too_large_to_be_read_is_answered_as_before(alice: Person, charlie: Person) -> None:
    theirs = charlie.api.post("/projects", {"name": "Charlies"}).json["id"]
    large = {"data": b"x" * (13 * 1024 * 1024), "content_type": "application/json"}
    assert sent(alice, "DELETE", f"/projects/{theirs}", **large)[0] == 404
