"""Deactivating one's own account: everything that it opened ends, a last owner stays, and the operator brings it back."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from rhesis_app.auth.actions.deactivate import activate, take_second_factor_away
from rhesis_app.auth.actions.reset import make_operators_link
from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.errors import NotFound
from rhesis_app.tenancy.models import AuditEntry
from tests.auth.second_factors import logged_in, turn_on
from tests.people import PASSWORD, PASSWORD_HASH, ApiClient, Person, add_member, signed_in


@pytest.fixture
def erin(alice: Person) -> Person:
    """A second owner of Alice's organization, with a password."""
    return with_password(add_member(alice, "erin", "Owner"))


def with_password(person: Person) -> Person:
    with person.scope() as scope, scope.atomic() as session:
        session.execute(text("SELECT set_password(:who, :hash)"), {"who": person.actor.user_id, "hash": PASSWORD_HASH})
    return person


def deactivate(client: ApiClient, person: Person, **changes: str) -> Any:
    return client.post("/me/deactivate", {"email": person.email, "password": PASSWORD, **changes})


def test_everything_that_the_account_opened_ends(
    app: Flask, alice: Person, erin: Person, host: Runtime, superuser: Engine
) -> None:
    login = logged_in(app, erin.email).json
    mine, other = ApiClient(app, login["access_token"]), signed_in(app, erin.email)
    link = erin.api.post("/invitations", {"email": "dana@example.org", "role": "Viewer"}).json["accept_url"]
    reset = make_operators_link(host, erin.email).rpartition("/")[2]
    assert erin.web.get("/settings/profile").status_code == 200
    assert deactivate(mine, erin).status_code == 204
    assert {client.get("/me").status_code for client in (mine, other, erin.api)} == {401}
    assert erin.web.get("/settings/profile").headers["Location"].startswith("/login")
    stranger = ApiClient(app, None)
    assert stranger.post("/auth/refresh", {"refresh_token": login["refresh_token"]}).status_code == 401
    assert stranger.post("/auth/reset/confirm", {"token": reset, "password": "quite another one"}).status_code == 404
    token = link.rpartition("/")[2]
    assert stranger.post("/invitations/accept", {"token": token, "name": "D", "password": PASSWORD}).status_code == 404
    unknown = logged_in(app, "nobody@example.org")
    assert (logged_in(app, erin.email).status_code, logged_in(app, erin.email).json["detail"]) == (
        401,
        unknown.json["detail"],
    )
    assert alice.count(AuditEntry, action="user.deactivate") == 1


def test_the_others_see_it_among_the_members(alice: Person, erin: Person, app: Flask) -> None:
    reset = f"/settings/members/{erin.actor.user_id}/reset-link"
    page = alice.web.get("/settings/members").text
    assert ("Deactivated" in page, reset in page) == (False, True)
    deactivate(signed_in(app, erin.email), erin)
    page = alice.web.get("/settings/members").text
    assert ("Deactivated" in page, reset in page) == (True, False)
    told = {one["email"]: one["is_active"] for one in alice.api.get("/members").json}
    assert (told[alice.email], told[erin.email]) == (True, False)


def test_it_ends_in_every_organization(app: Flask, alice: Person, erin: Person, charlie: Person) -> None:
    made = charlie.api.post("/invitations", {"email": erin.email, "role": "Viewer"}).json
    body = {"token": made["accept_url"].rpartition("/")[2], "password": PASSWORD}
    joined = ApiClient(app, None).post("/invitations/accept", body)
    there = ApiClient(app, joined.json["access_token"])
    token = ApiClient(app, there.post("/tokens", {"name": "there", "scopes": []}).json["token"])
    assert token.get("/me").json["organization"]["name"] == "Organization B"
    assert deactivate(signed_in(app, erin.email), erin).status_code == 204
    assert {there.get("/me").status_code, token.get("/me").status_code} == {401}


def test_a_last_owner_stays_and_hears_of_which_organization(
    app: Flask, alice: Person, bob: Person, superuser: Engine
) -> None:
    mine = signed_in(app, alice.email)
    refused = deactivate(mine, alice)
    assert (refused.status_code, "Organization A" in refused.json["detail"]) == (409, True)
    page = alice.web.get("/settings/profile/deactivate").text
    assert "last owner of Organization A" in page
    assert 'name="password"' not in page
    erin = add_member(alice, "erin", "Owner")
    with superuser.connect() as connection:
        shut_out = text("UPDATE app_user SET is_active = false WHERE id = :erin")
        connection.execute(shut_out, {"erin": erin.actor.user_id})
    assert deactivate(mine, alice).status_code == 409, "an owner who cannot sign in is none to rely on"
    assert mine.get("/me").status_code == 200


def test_owners_who_go_at_once_leave_one(app: Flask, alice: Person) -> None:
    owners = [alice, *(with_password(add_member(alice, f"owner{number}", "Owner")) for number in range(4))]
    clients = [signed_in(app, owner.email) for owner in owners]
    with ThreadPoolExecutor(len(owners)) as pool:
        answers = list(pool.map(lambda pair: deactivate(*pair).status_code, zip(clients, owners, strict=True)))
    assert sorted(answers) == [204] * 4 + [409]


@pytest.mark.parametrize(
    ("changes", "field"), [({"email": "somebody@example.org"}, "email"), ({"password": "wrong"}, "password")]
)
def test_it_is_done_only_when_it_is_meant(app: Flask, erin: Person, changes: dict[str, str], field: str) -> None:
    mine = signed_in(app, erin.email)
    refused = deactivate(mine, erin, **changes)
    assert (refused.status_code, list(refused.json["errors"])) == (422, [field])
    assert mine.get("/me").status_code == 200


def test_a_second_factor_is_asked_for(app: Flask, erin: Person, superuser: Engine) -> None:
    _, codes = turn_on(app, erin, superuser)
    mine = ApiClient(app, logged_in(app, erin.email, codes[0]).json["access_token"])
    assert list(deactivate(mine, erin).json["errors"]) == ["code"]
    assert deactivate(mine, erin, code=codes[1]).status_code == 204


def test_the_operator_brings_an_account_back_and_nothing_that_it_had_open(
    app: Flask, erin: Person, host: Runtime
) -> None:
    mine = signed_in(app, erin.email)
    assert erin.api.get("/me").status_code == 200
    deactivate(mine, erin)
    activate(host, erin.email.upper())
    assert {mine.get("/me").status_code, erin.api.get("/me").status_code} == {401}
    signed_in(app, erin.email)
    assert erin.count(AuditEntry, action="user.activate") == 1
    for email in (erin.email, "nobody@example.org"):
        with pytest.raises(NotFound):
            activate(host, email)


def test_the_operator_takes_a_lost_second_factor_away(
    app: Flask, erin: Person, host: Runtime, superuser: Engine
) -> None:
    turn_on(app, erin, superuser)
    assert logged_in(app, erin.email).status_code == 401
    take_second_factor_away(host, erin.email)
    assert logged_in(app, erin.email).status_code == 200
    with pytest.raises(NotFound):
        take_second_factor_away(host, erin.email)


def test_the_page_asks_and_ends_the_session(erin: Person) -> None:
    page = erin.web.get("/settings/profile/deactivate")
    assert (page.status_code, "API tokens end now" in page.text) == (200, True)
    refused = erin.web.post("/settings/profile/deactivate", {"email": erin.email, "password": "wrong"})
    assert (refused.status_code, "not your password" in refused.text) == (422, True)
    done = erin.web.post("/settings/profile/deactivate", {"email": erin.email, "password": PASSWORD})
    assert (done.status_code, done.headers["Location"]) == (303, "/login")
    assert "account is deactivated" in erin.web.get("/login").text


def test_a_token_does_not_end_its_owners_account(erin: Person) -> None:
    assert deactivate(erin.api, erin).status_code == 403
