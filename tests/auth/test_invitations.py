"""Inviting people: nobody is made before they accept, a link works once, and nobody gets more than whoever invites has."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from rhesis_app.kernel.keys import digest
from rhesis_app.tenancy.models import AuditEntry, Invitation, Membership, User
from tests.people import PASSWORD, ApiClient, Person, add_member

NEW = "dana@example.org"
CHOSEN = "seven otters read maps of Dana"


@pytest.fixture
def stranger(app: Flask, alice: Person) -> ApiClient:
    """Somebody who is not signed in."""
    return ApiClient(app, None)


def invited(person: Person, email: str = NEW, role: str = "Viewer") -> dict[str, Any]:
    answer = person.api.post("/invitations", {"email": email, "role": role})
    assert answer.status_code == 201, answer.text
    return dict(answer.json)


def token_of(made: dict[str, Any]) -> str:
    return str(made["accept_url"]).rpartition("/")[2]


def accepted(client: ApiClient, made: dict[str, Any], *, name: str = "Dana", password: str = CHOSEN) -> Any:
    return client.post("/invitations/accept", {"token": token_of(made), "name": name, "password": password})


def test_an_invited_colleague_accepts_and_reads_with_the_role_they_were_given(
    alice: Person, stranger: ApiClient
) -> None:
    made = invited(alice)
    assert set(made) == {"id", "email", "role", "expires_at", "accept_url"}
    assert alice.count(User, email=NEW) == 0
    answer = accepted(stranger, made)
    assert answer.status_code == 201
    dana = ApiClient(alice.app, answer.json["access_token"])
    assert dana.get("/projects").status_code == 200
    assert dana.post("/projects", {"name": "Mine"}).status_code == 403
    members = {one["email"]: one["role"] for one in dana.get("/members").json}
    assert members == {"alice@example.org": "Owner", "bob@example.org": "Viewer", NEW: "Viewer"}
    signed_in = stranger.post("/auth/login", {"email": NEW, "password": CHOSEN})
    assert signed_in.status_code == 200
    (one,) = alice.api.get("/invitations").json
    assert (one["state"], one["invited_by"]) == ("accepted", "Alice")
    assert alice.count(AuditEntry, action="invitation.accept") == 1


def test_only_the_digest_of_a_link_is_kept(alice: Person, superuser: Engine) -> None:
    secret = token_of(invited(alice))
    assert len(secret) >= 43
    assert alice.count(Invitation, sha256=digest(secret)) == 1
    with superuser.connect() as connection:
        kept = connection.execute(text("SELECT i::text FROM invitation i UNION ALL SELECT a::text FROM audit_entry a"))
        assert not [row for (row,) in kept if secret in row]


def test_a_link_works_once(alice: Person, stranger: ApiClient) -> None:
    made = invited(alice)
    assert accepted(stranger, made).status_code == 201
    again = accepted(stranger, made)
    assert again.status_code == 404
    assert "accepted already" in again.json["detail"]


def test_of_many_who_use_one_link_at_once_one_joins(alice: Person, app: Flask) -> None:
    made = invited(alice)
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: accepted(ApiClient(app, None), made).status_code, range(12)))
    assert answers.count(201) == 1
    assert set(answers) <= {201, 404, 409, 401}
    assert alice.count(User, email=NEW) == 1


def test_a_revoked_link_an_expired_one_and_an_unknown_one_say_so(
    alice: Person, stranger: ApiClient, superuser: Engine
) -> None:
    revoked = invited(alice)
    assert alice.api.delete(f"/invitations/{revoked['id']}").json["state"] == "revoked"
    assert alice.api.delete(f"/invitations/{revoked['id']}").status_code == 200
    assert "withdrawn" in accepted(stranger, revoked).json["detail"]
    expired = invited(alice)
    with superuser.connect() as connection:
        connection.execute(text("UPDATE invitation SET expires_at = now() WHERE revoked_at IS NULL"))
    answer = accepted(stranger, expired)
    assert (answer.status_code, "run out" in answer.json["detail"]) == (404, True)
    answer = stranger.post("/invitations/accept", {"token": "x" * 43, "name": "X", "password": CHOSEN})
    assert (answer.status_code, "no such invitation" in answer.json["detail"]) == (404, True)
    assert alice.count(User, email=NEW) == 0
    assert alice.count(Membership) == 2


def test_sent_again_the_first_link_works_no_more(alice: Person, stranger: ApiClient) -> None:
    first = invited(alice)
    answer = alice.api.post(f"/invitations/{first['id']}/send")
    assert answer.status_code == 201
    assert accepted(stranger, first).status_code == 404
    assert accepted(stranger, answer.json).status_code == 201
    assert alice.api.post(f"/invitations/{answer.json['id']}/send").status_code == 409
    assert alice.api.delete(f"/invitations/{answer.json['id']}").status_code == 409


def test_somebody_is_invited_once_at_a_time_and_no_member_is(alice: Person, superuser: Engine) -> None:
    invited(alice)
    twice = alice.api.post("/invitations", {"email": f" {NEW.upper()} ", "role": "Member"})
    assert (twice.status_code, "email" in twice.json["errors"]) == (409, True)
    assert alice.api.post("/invitations", {"email": "bob@example.org", "role": "Member"}).status_code == 409
    with superuser.connect() as connection:
        connection.execute(text("UPDATE invitation SET expires_at = now()"))
    invited(alice, role="Member")
    states = sorted(one["state"] for one in alice.api.get("/invitations").json)
    assert states == ["pending", "revoked"]
    assert [one["role"] for one in alice.api.get("/invitations?state=pending").json] == ["Member"]


@pytest.mark.parametrize(
    "body", [{"email": "nobody", "role": "Viewer"}, {"email": NEW, "role": "King"}, {"email": NEW}, {"role": "Viewer"}]
)
def test_what_is_no_invitation_is_refused_at_its_field(alice: Person, body: dict[str, str]) -> None:
    answer = alice.api.post("/invitations", body)
    assert (answer.status_code, bool(answer.json["errors"])) == (422, True)
    assert alice.count(Invitation) == 0


@pytest.mark.parametrize(
    ("field", "name", "password"),
    [("name", " ", CHOSEN), ("password", "Dana", "short"), ("password", "Dana", "password1234")],
)
def test_a_bad_name_or_password_does_not_use_the_link_up(
    alice: Person, stranger: ApiClient, field: str, name: str, password: str
) -> None:
    made = invited(alice)
    answer = accepted(stranger, made, name=name, password=password)
    assert (answer.status_code, list(answer.json["errors"])) == (422, [field])
    assert accepted(stranger, made).status_code == 201


def test_somebody_with_an_account_joins_with_its_password(alice: Person, charlie: Person, stranger: ApiClient) -> None:
    made = invited(alice, charlie.email, "Member")
    wrong = accepted(stranger, made, password="not the right password")
    assert wrong.status_code == 401
    answer = accepted(stranger, made, password=PASSWORD)
    assert answer.status_code == 201
    guest = ApiClient(alice.app, answer.json["access_token"])
    me = guest.get("/me").json
    assert me["organization"]["id"] == str(alice.actor.organization_id)
    assert me["user"]["id"] == str(charlie.actor.user_id)
    assert guest.post("/projects", {"name": "Together"}).status_code == 201
    assert charlie.api.get("/me").json["organization"]["id"] == str(charlie.actor.organization_id)


def test_guessing_the_password_of_an_account_through_a_link_is_told_to_wait(
    alice: Person, charlie: Person, stranger: ApiClient
) -> None:
    made = invited(alice, charlie.email)
    for _ in range(10):
        assert accepted(stranger, made, password="not the right password").status_code == 401
    assert accepted(stranger, made, password=PASSWORD).status_code == 429


def test_nobody_invites_above_their_own_role(alice: Person, stranger: ApiClient) -> None:
    admin = add_member(alice, "erin", "Admin")
    answer = admin.api.post("/invitations", {"email": NEW, "role": "Owner"})
    assert answer.status_code == 403
    invited(admin, role="Admin")
    owners = invited(alice, "f@example.org", "Owner")
    assert admin.api.delete(f"/invitations/{owners['id']}").status_code == 403
    assert admin.api.post(f"/invitations/{owners['id']}/send").status_code == 403
    member = add_member(alice, "finn", "Member")
    assert member.api.post("/invitations", {"email": "g@example.org", "role": "Viewer"}).status_code == 403
    assert member.api.get("/invitations").status_code == 403


def test_what_somebody_invited_ends_with_their_right_to_invite(alice: Person, stranger: ApiClient) -> None:
    admin = add_member(alice, "erin", "Admin")
    made = invited(admin)
    kept = invited(alice, "kept@example.org")
    assert alice.api.patch(f"/members/{admin.actor.user_id}", {"role": "Member"}).status_code == 200
    assert accepted(stranger, made).status_code == 404
    assert accepted(stranger, kept).status_code == 201


def test_another_organizations_invitation_does_not_exist(alice: Person, charlie: Person) -> None:
    made = invited(charlie)
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/send")):
        assert alice.api.call(method, f"/invitations/{made['id']}{path}").status_code == 404
    assert alice.api.get("/invitations").json == []
