"""An organization is handed over as one deed, and never left without an owner who can sign in."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from rhesis_app.tenancy.actions.members import sole_owner_of
from rhesis_app.tenancy.actions.organizations import found_another
from rhesis_app.tenancy.models import AuditEntry
from tests.auth.test_members import roles
from tests.people import ApiClient, Person, add_member, signed_in


@pytest.fixture
def mine(app: Flask, alice: Person) -> ApiClient:
    """Alice, logged in as a program."""
    return signed_in(app, alice.email)


def hand_over(client: ApiClient, giver: Person, taker: Person, **more: Any) -> Any:
    body = {"user_id": str(taker.actor.user_id), **more}
    return client.post(f"/organizations/{giver.actor.organization_id}/transfer", body)


def test_the_other_owns_it_and_one_is_what_one_chose(alice: Person, bob: Person, mine: ApiClient) -> None:
    answer = hand_over(mine, alice, bob, role="Member")
    assert (answer.status_code, answer.json["name"], answer.json["role"]) == (200, "Bob", "Owner")
    assert roles(alice) == {"Alice": "Member", "Bob": "Owner"}
    assert hand_over(mine, alice, bob).status_code == 403
    assert alice.count(AuditEntry, action="organization.transfer") == 1


def test_without_a_word_one_becomes_an_admin(alice: Person, bob: Person, mine: ApiClient) -> None:
    assert hand_over(mine, alice, bob).status_code == 200
    assert roles(alice) == {"Alice": "Admin", "Bob": "Owner"}


def test_what_cannot_be_changes_nothing(
    alice: Person, bob: Person, charlie: Person, mine: ApiClient, superuser: Engine
) -> None:
    erin = add_member(alice, "erin", "Member")
    with superuser.connect() as connection:
        connection.execute(text("UPDATE app_user SET is_active = false WHERE id = :erin"), {"erin": erin.actor.user_id})
    assert hand_over(mine, alice, charlie).status_code == 404
    assert hand_over(mine, charlie, bob).status_code == 404
    assert hand_over(mine, alice, alice).status_code == 409
    assert hand_over(mine, alice, erin).status_code == 409
    assert hand_over(mine, alice, bob, role="Owner").status_code == 422
    assert hand_over(mine, alice, bob, role="King").status_code == 422
    assert hand_over(alice.api, alice, bob).status_code == 403, "a token hands nothing over"
    admin = add_member(alice, "dana", "Admin")
    assert hand_over(admin.api, alice, bob).status_code == 403
    assert roles(alice) == {"Alice": "Owner", "Bob": "Viewer", "Dana": "Admin", "Erin": "Member"}


def test_a_role_that_may_everything_is_still_no_owner(app: Flask, alice: Person, bob: Person) -> None:
    everything = [
        one for role in alice.api.get("/roles").json if role["name"] == "Owner" for one in role["permissions"]
    ]
    alice.api.post("/roles", {"name": "Deputy", "permissions": everything})
    erin = add_member(alice, "erin", "Viewer")
    assert alice.api.patch(f"/members/{erin.actor.user_id}", {"role": "Deputy"}).status_code == 200
    page = erin.web.post("/settings/organization/transfer", {"user_id": str(bob.actor.user_id), "role": "Admin"})
    assert page.status_code == 403
    assert alice.api.patch(f"/members/{alice.actor.user_id}", {"role": "Deputy"}).status_code == 409
    assert erin.api.patch(f"/members/{erin.actor.user_id}", {"role": "Viewer"}).status_code == 200, "no owner leaves"


def test_several_who_hand_over_at_once_leave_an_owner(app: Flask, alice: Person) -> None:
    owners = [alice, *(add_member(alice, f"owner{number}", "Owner") for number in range(4))]
    for owner in owners:
        assert owner.web.get("/settings/organization").status_code == 200

    def act(place: int) -> int:
        other = owners[(place + 1) % len(owners)]
        form = {"user_id": str(other.actor.user_id), "role": "Viewer"}
        return int(owners[place].web.post("/settings/organization/transfer", form).status_code)

    with ThreadPoolExecutor(len(owners)) as pool:
        answers = list(pool.map(act, range(len(owners))))
    assert set(answers) <= {303, 403}
    assert "Owner" in {one["role"] for one in owners[0].api.get("/members").json}


def test_the_page_hands_over(alice: Person, bob: Person) -> None:
    page = alice.web.get("/settings/organization").text
    assert "Bob, bob@example.org, Viewer" in page
    assert '<option value="Owner"' not in page
    form = {"user_id": str(bob.actor.user_id), "role": "Viewer"}
    assert alice.web.post("/settings/organization/transfer", {**form, "user_id": "x"}).status_code == 422
    assert alice.web.post("/settings/organization/transfer", form).headers["Location"] == "/settings/members"
    assert "Bob owns the organization now, and you are Viewer." in alice.web.get("/settings/members").text
    assert alice.web.get("/settings/organization").status_code == 403


def test_who_alone_owns_what_is_known_before_they_go(alice: Person, bob: Person, superuser: Engine) -> None:
    def owned(person: Person) -> list[str]:
        with person.scope() as scope, scope.atomic():
            return [name for _, name in sole_owner_of(scope)]

    assert owned(alice) == ["Organization A"]
    assert owned(bob) == []
    with alice.scope() as scope:
        found_another(alice.host, scope, "Another")
    assert owned(alice) == ["Another", "Organization A"]
    alice.api.patch(f"/members/{bob.actor.user_id}", {"role": "Owner"})
    assert owned(alice) == ["Another"]
    assert owned(bob) == []
    with superuser.connect() as connection:
        connection.execute(text("UPDATE app_user SET is_active = false WHERE id = :bob"), {"bob": bob.actor.user_id})
    assert owned(alice) == ["Another", "Organization A"], "who is shut out is none to rely on"


def test_two_owners_who_go_at_once_do_not_rely_on_each_other(alice: Person, bob: Person) -> None:
    """As the deed of deactivation does it: Bob asks while Alice has said that she goes, and not committed yet."""
    alice.api.patch(f"/members/{bob.actor.user_id}", {"role": "Owner"})

    def owned_by_bob() -> int:
        with bob.scope() as scope, scope.atomic():
            return len(sole_owner_of(scope))

    with alice.scope() as scope, scope.atomic() as session, ThreadPoolExecutor(1) as pool:
        assert sole_owner_of(scope) == ()
        session.execute(text("UPDATE app_user SET is_active = false WHERE id = app_user_id()"))
        asking = pool.submit(owned_by_bob)
        blocked = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()")
        until = time.monotonic() + 10
        while not session.scalar(blocked):
            assert time.monotonic() < until, "nobody waits for the owners to be let go"
            time.sleep(0.01)
        session.commit()
        assert asking.result() == 1
