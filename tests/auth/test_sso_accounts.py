"""Whose account a sign-on is, where it leads, and what the provider's groups make of somebody."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from rhesis_app.auth.models import SsoIdentity
from rhesis_app.tenancy.models import AuditEntry, Membership, Role, User
from tests.auth.oidc import Browser, Provider, refused
from tests.people import Person, add_member

# the provider's own use of a library that moves on
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def role_of(alice: Person, email: str) -> str:
    with alice.scope() as scope:
        query = scope.select(Membership.user_id, Role.name).join(Role, Role.id == Membership.role_id)
        row = scope.session.execute(query.join(User, User.id == Membership.user_id).where(User.email == email)).one()
    return str(row.name)


@pytest.mark.parametrize("said", [{"email_verified": False}, {"email_verified": None}, {"email": ""}])
def test_an_address_that_is_not_verified_makes_no_account(
    app: Flask, joining: Provider, alice: Person, said: dict[str, Any]
) -> None:
    joining.knows("dana", **said)
    refused(Browser(app).signs_in(joining, "dana"), 403, "does not vouch for your e-mail address")
    assert alice.count(Membership) == 2
    assert alice.count(AuditEntry, action="sso.refuse") == 1


def test_an_address_that_is_not_verified_finds_no_account(app: Flask, joining: Provider, bob: Person) -> None:
    """Bob has no password that would keep others out."""
    joining.knows("mallory", email=bob.email, email_verified=False)
    refused(Browser(app).signs_in(joining, "mallory"), 403, "does not vouch for your e-mail address")


def test_an_account_with_a_password_is_not_taken_over(app: Flask, joining: Provider, alice: Person) -> None:
    joining.knows("mallory", email=alice.email, groups=["founders"])
    answer = Browser(app).signs_in(joining, "mallory")
    refused(answer, 409, "Sign in with the password")
    assert 'href="/login?next=/settings/profile/single-sign-on"' in answer.text
    with alice.scope() as scope:
        assert scope.session.query(SsoIdentity).count() == 0


def test_whoever_has_signed_in_connects_their_account_and_disconnects_it(
    app: Flask, joining: Provider, alice: Person
) -> None:
    joining.knows("a.lice", email="another.address@example.org", email_verified=False, groups=["founders"])
    assert "Not connected" in alice.web.get("/settings/profile/single-sign-on").text
    page = alice.web.post("/settings/profile/single-sign-on/connect").text
    address = page.partition('href="http://localhost:')[2].partition('"')[0].replace("&amp;", "&")
    back = joining.signs_in(f"http://localhost:{address}", "a.lice")
    assert alice.web.get(back).headers["Location"] == "/settings/profile/single-sign-on"
    assert "Disconnect" in alice.web.get("/settings/profile/single-sign-on").text
    browser = Browser(app)
    assert browser.signs_in(joining, "a.lice").status_code == 303
    assert "Alice" in browser.client.get("/settings/profile").text
    alice.web.post("/settings/profile/single-sign-on/disconnect")
    refused(Browser(app).signs_in(joining, "a.lice"), 403, "does not vouch")


def test_an_account_without_a_password_is_not_disconnected(app: Flask, joining: Provider, alice: Person) -> None:
    """Bob's account was made without one; the provider's verified address finds it once, and nobody else with it."""
    joining.knows("bob")
    browser = Browser(app)
    assert browser.signs_in(joining, "bob").status_code == 303
    page = browser.client.get("/settings/profile/single-sign-on").text
    assert "only way in" in page
    csrf = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    answer = browser.client.post("/settings/profile/single-sign-on/disconnect", data={"csrf_token": csrf})
    assert answer.status_code == 409
    joining.knows("bob.the.second", email="bob@example.org")
    refused(Browser(app).signs_in(joining, "bob.the.second"), 409, "somebody else at the provider")


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        ([], "Viewer"),
        (["testers"], "Member"),
        (["testers", "platform"], "Admin"),
        (["founders"], "Owner"),
        ("testers", "Member"),
    ],
)
def test_groups_give_the_role_that_may_most(
    app: Flask, joining: Provider, alice: Person, groups: list[str], role: str
) -> None:
    joining.knows("dana", groups=groups)
    assert Browser(app).signs_in(joining, "dana").status_code == 303
    assert role_of(alice, "dana@example.org") == role


def test_groups_are_asked_for_again_at_each_sign_in(app: Flask, joining: Provider, alice: Person) -> None:
    for groups, role in ((["platform"], "Admin"), ([], "Viewer"), (["testers"], "Member")):
        joining.knows("dana", groups=groups)
        Browser(app).signs_in(joining, "dana")
        assert role_of(alice, "dana@example.org") == role
    assert alice.count(AuditEntry, action="member.change_role") == 2


def test_the_last_owner_stays_one_and_others_do_not(app: Flask, joining: Provider, alice: Person) -> None:
    add_member(alice, "oscar", "Owner")
    joining.knows("oscar")
    Browser(app).signs_in(joining, "oscar")
    assert role_of(alice, "oscar@example.org") == "Viewer"
    with alice.scope() as scope, scope.atomic() as session:
        owner = session.scalars(scope.select(Role).where(Role.name == "Owner")).one()
        viewer = session.scalars(scope.select(Role).where(Role.name == "Viewer")).one()
        for place in session.scalars(scope.select(Membership)):
            place.role_id = viewer.id if place.user_id == alice.actor.user_id else place.role_id
        oscar = session.query(User).filter_by(email="oscar@example.org").one()
        session.query(Membership).filter_by(user_id=oscar.id).one().role_id = owner.id
    assert Browser(app).signs_in(joining, "oscar").status_code == 303
    assert role_of(alice, "oscar@example.org") == "Owner"
    assert alice.count(AuditEntry, action="sso.keep_owner") == 1


def test_nobody_comes_in_without_a_group(app: Flask, use: Any, provider: Provider, alice: Person) -> None:
    use(provider, organization=str(alice.actor.organization_id), roles={"testers": "Member"})
    provider.knows("dana", groups=["cooks"])
    refused(Browser(app).signs_in(provider, "dana"), 403, "None of your groups")
    provider.knows("dana", groups=["testers"])
    assert Browser(app).signs_in(provider, "dana").status_code == 303
    provider.knows("dana", groups=["cooks"])
    refused(Browser(app).signs_in(provider, "dana"), 403, "None of your groups")


def test_a_role_that_does_not_exist_lets_nobody_in(app: Flask, use: Any, provider: Provider, alice: Person) -> None:
    use(provider, organization=str(alice.actor.organization_id), roles={"*": "Tester"})
    refused(Browser(app).signs_in(provider, "dana"), 503, "does not exist in the organization")
    use(provider, organization="nowhere")
    refused(Browser(app).signs_in(provider, "dana"), 503, "does not exist on this instance")


def test_without_an_organization_only_those_who_have_an_account_sign_in(
    app: Flask, use: Any, provider: Provider, alice: Person, bob: Person
) -> None:
    use(provider)
    refused(Browser(app).signs_in(provider, "dana"), 403, "Ask somebody to invite you")
    provider.knows("bob")
    assert Browser(app).signs_in(provider, "bob").status_code == 303
    assert role_of(alice, bob.email) == "Viewer"


def test_whoever_was_removed_does_not_come_back_by_it(
    app: Flask, joining: Provider, alice: Person, bob: Person
) -> None:
    joining.knows("bob")
    assert Browser(app).signs_in(joining, "bob").status_code == 303
    assert alice.api.delete(f"/members/{bob.actor.user_id}").status_code == 204
    refused(Browser(app).signs_in(joining, "bob"), 403, "has ended")
    invited = alice.api.post("/invitations", {"email": bob.email, "role": "Member"})
    assert invited.status_code == 201
    assert Browser(app).signs_in(joining, "bob").status_code == 303
    assert alice.api.get("/invitations").json[0]["state"] == "accepted"
    assert {one["email"] for one in alice.api.get("/members").json} == {alice.email, bob.email}


def test_an_invitation_is_accepted_by_signing_in(app: Flask, use: Any, provider: Provider, alice: Person) -> None:
    """Where nobody joins by the provider alone; an address that is not verified accepts nothing."""
    use(provider)
    alice.api.post("/invitations", {"email": "dana@example.org", "role": "Member"})
    provider.knows("dana", email_verified=False)
    refused(Browser(app).signs_in(provider, "dana"), 403, "does not vouch")
    provider.knows("dana")
    assert Browser(app).signs_in(provider, "dana").status_code == 303
    assert role_of(alice, "dana@example.org") == "Member"
    assert alice.count(AuditEntry, action="invitation.accept") == 1
    provider.knows("erin")
    alice.api.post("/invitations", {"email": "erin@example.org", "role": "Member"})
    (open_one,) = (one for one in alice.api.get("/invitations").json if one["state"] == "pending")
    alice.api.delete(f"/invitations/{open_one['id']}")
    refused(Browser(app).signs_in(provider, "erin"), 403, "Ask somebody to invite you")


def test_an_invitation_elsewhere_takes_nobody_along(
    app: Flask, joining: Provider, alice: Person, bob: Person, charlie: Person
) -> None:
    """Whoever has a place already is asked by the link, and not moved by a sign-in."""
    joining.knows("bob")
    charlie.api.post("/invitations", {"email": bob.email, "role": "Admin"})
    assert Browser(app).signs_in(joining, "bob").status_code == 303
    assert charlie.api.get("/invitations").json[0]["state"] == "pending"


def test_an_account_that_is_switched_off_stays_so(
    app: Flask, joining: Provider, alice: Person, bob: Person, superuser: Engine
) -> None:
    joining.knows("bob")
    with superuser.connect() as connection:
        connection.execute(text("UPDATE app_user SET is_active = false WHERE email = 'bob@example.org'"))
    refused(Browser(app).signs_in(joining, "bob"), 403, "switched off")
