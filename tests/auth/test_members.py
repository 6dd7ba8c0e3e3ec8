"""Roles and places: nobody rises above those who lift them, what is taken away is gone at once, and one owner always stays."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from rhesis_app.kernel.permissions import BUILT_IN_ROLES
from rhesis_app.tenancy.actions.members import change_role, hold_members
from rhesis_app.tenancy.models import AuditEntry, Membership, Role
from tests.people import PASSWORD, ApiClient, Person, add_member


def roles(person: Person) -> dict[str, str]:
    return {one["name"]: one["role"] for one in person.api.get("/members").json}


def change(person: Person, other: Person, role: str) -> Any:
    return person.api.patch(f"/members/{other.actor.user_id}", {"role": role})


def test_the_four_roles_are_listed_with_what_they_may_do(bob: Person, alice: Person) -> None:
    listed = bob.api.get("/roles").json
    assert [one["name"] for one in listed] == ["Owner", "Admin", "Member", "Viewer"]
    assert {one["name"]: set(one["permissions"]) for one in listed} == {
        name: {str(permission) for permission in may} for name, may in BUILT_IN_ROLES.items()
    }
    with alice.scope() as scope:
        assert {one["id"]: one["name"] for one in listed} == {
            str(row.id): row.name for row in scope.session.execute(scope.select(Role.id, Role.name))
        }
    assert not any(one["can_grant"] for one in listed)
    assert all(one["can_grant"] for one in alice.api.get("/roles").json)


def test_a_roles_name_is_understood_in_any_case(alice: Person, bob: Person) -> None:
    assert change(alice, bob, "member").json["role"] == "Member"
    made = alice.api.post("/invitations", {"email": "dana@example.org", "role": "VIEWER"})
    assert (made.status_code, made.json["role"]) == (201, "Viewer")


def test_members_are_listed_in_pages_by_name(alice: Person) -> None:
    for name in ("zoe", "carl", "mona"):
        add_member(alice, name, "Member")
    first = alice.api.get("/members?limit=3&count=true")
    assert [one["name"] for one in first.json] == ["Alice", "Bob", "Carl"]
    assert first.headers["X-Total-Count"] == "5"
    following = first.headers["Link"].split(">")[0].strip("<")
    assert [one["name"] for one in alice.api.get(following).json] == ["Mona", "Zoe"]


def test_when_somebody_was_last_here_is_for_those_who_manage_members(
    alice: Person, bob: Person, charlie: Person
) -> None:
    assert {one["name"]: one["last_seen_at"] for one in alice.api.get("/members").json}["Bob"] is None
    assert bob.api.get("/me").status_code == 200
    assert charlie.web.get("/").status_code in {200, 303}
    seen = {one["name"]: one["last_seen_at"] for one in alice.api.get("/members").json}
    assert seen["Bob"]
    assert {one["last_seen_at"] for one in bob.api.get("/members").json} == {None}


def test_a_changed_role_acts_at_the_next_request(alice: Person, bob: Person) -> None:
    assert bob.api.post("/projects", {"name": "Mine"}).status_code == 403
    assert change(alice, bob, "Member").json["role"] == "Member"
    assert bob.api.post("/projects", {"name": "Mine"}).status_code == 201
    assert change(alice, bob, "Viewer").status_code == 200
    assert bob.api.post("/projects", {"name": "Another"}).status_code == 403
    assert change(alice, bob, "Viewer").status_code == 200
    assert alice.count(AuditEntry, action="member.change_role") == 2


def test_somebody_removed_is_out_at_the_next_request_and_what_they_did_keeps_their_name(
    alice: Person, bob: Person
) -> None:
    assert bob.web.get("/settings/members").status_code == 200
    assert bob.api.get("/me").status_code == 200
    assert alice.api.delete(f"/members/{bob.actor.user_id}").status_code == 204
    assert bob.api.get("/me").status_code == 401
    assert bob.web.get("/settings/members").headers["Location"].startswith("/login")
    assert roles(alice) == {"Alice": "Owner"}
    assert alice.api.get(f"/members/{bob.actor.user_id}").status_code == 404
    assert alice.count(Membership, user_id=bob.actor.user_id) == 1


def test_the_refresh_tokens_of_somebody_removed_end_as_well(app: Flask, alice: Person, charlie: Person) -> None:
    link = alice.api.post("/invitations", {"email": charlie.email, "role": "Viewer"}).json["accept_url"]
    body = {"token": link.rpartition("/")[2], "password": PASSWORD}
    pair = ApiClient(app, None).post("/invitations/accept", body).json
    again = ApiClient(app, None).post("/auth/refresh", {"refresh_token": pair["refresh_token"]})
    assert again.status_code == 200
    assert alice.api.delete(f"/members/{charlie.actor.user_id}").status_code == 204
    refused = ApiClient(app, None).post("/auth/refresh", {"refresh_token": again.json["refresh_token"]})
    assert refused.status_code == 401
    assert charlie.api.get("/me").status_code == 200  # at home nothing has changed


def test_what_somebody_removed_held_stays_closed_when_they_come_back(
    alice: Person, bob: Person, superuser: Engine
) -> None:
    assert bob.web.get("/settings/members").status_code == 200
    assert bob.api.get("/me").status_code == 200
    alice.api.delete(f"/members/{bob.actor.user_id}")
    with superuser.connect() as connection:
        connection.execute(text("UPDATE membership SET left_at = NULL"))
    assert bob.api.get("/me").status_code == 401
    assert bob.web.get("/settings/members").status_code == 303


def test_an_admin_does_not_touch_owners_or_make_them(alice: Person, bob: Person) -> None:
    admin = add_member(alice, "erin", "Admin")
    assert change(admin, alice, "Viewer").status_code == 403
    assert admin.api.delete(f"/members/{alice.actor.user_id}").status_code == 403
    assert change(admin, bob, "Owner").status_code == 403
    assert change(admin, admin, "Owner").status_code == 403
    assert change(admin, bob, "Admin").status_code == 200
    assert change(admin, bob, "Viewer").status_code == 200
    assert roles(alice) == {"Alice": "Owner", "Bob": "Viewer", "Erin": "Admin"}
    seen = {one["name"]: one["can_manage"] for one in admin.api.get("/members").json}
    assert seen == {"Alice": False, "Bob": True, "Erin": True}


@pytest.mark.parametrize("role", ["Member", "Viewer"])
def test_others_manage_nobody(alice: Person, bob: Person, role: str) -> None:
    somebody = add_member(alice, "finn", role)
    assert change(somebody, bob, "Member").status_code == 403
    assert change(somebody, somebody, "Owner").status_code == 403
    assert somebody.api.delete(f"/members/{bob.actor.user_id}").status_code == 403
    assert roles(alice)["Bob"] == "Viewer"


def test_the_last_owner_stays(alice: Person, bob: Person) -> None:
    for answer in (change(alice, alice, "Admin"), alice.api.delete(f"/members/{alice.actor.user_id}")):
        assert answer.status_code == 409
        assert "owner" in answer.json["detail"]
    assert change(alice, bob, "Owner").status_code == 200
    assert change(alice, alice, "Viewer").status_code == 200
    assert roles(bob) == {"Alice": "Viewer", "Bob": "Owner"}


def test_an_owner_who_is_shut_out_is_none_to_rely_on(alice: Person, bob: Person, superuser: Engine) -> None:
    erin = add_member(alice, "erin", "Owner")
    with superuser.connect() as connection:
        connection.execute(text("UPDATE app_user SET is_active = false WHERE id = :erin"), {"erin": erin.actor.user_id})
    for answer in (change(alice, alice, "Admin"), alice.api.delete(f"/members/{alice.actor.user_id}")):
        assert answer.status_code == 409
    assert change(alice, erin, "Viewer").status_code == 200, "she is not the one who has to stay"
    assert roles(alice) == {"Alice": "Owner", "Bob": "Viewer", "Erin": "Viewer"}


@pytest.mark.parametrize("deed", ["demote each other", "remove each other", "step down"])
def test_owners_who_act_at_once_leave_one(app: Flask, alice: Person, deed: str) -> None:
    owners = [alice, *(add_member(alice, f"owner{number}", "Owner") for number in range(5))]
    for owner in owners:
        assert owner.api.get("/me").status_code == 200

    def act(place: int) -> int:
        other = owners[(place + 1) % len(owners)]
        if deed == "demote each other":
            return int(change(owners[place], other, "Viewer").status_code)
        if deed == "remove each other":
            return int(owners[place].api.delete(f"/members/{other.actor.user_id}").status_code)
        return int(change(owners[place], owners[place], "Viewer").status_code)

    with ThreadPoolExecutor(len(owners)) as pool:
        answers = list(pool.map(act, range(len(owners))))
    with alice.scope() as scope:
        query = text(
            "SELECT count(*) FROM membership m JOIN role r ON r.id = m.role_id WHERE r.name = 'Owner' AND m.left_at IS NULL"
        )
        left = scope.session.scalar(query)
    assert left
    assert left >= 1
    assert answers.count(200) + answers.count(204) == len(owners) - left
    assert set(answers) <= {200, 204, 401, 403, 404, 409}


def test_somebody_demoted_while_they_waited_changes_nothing(alice: Person, bob: Person) -> None:
    """The request began while Erin was an owner; when it gets its turn she is none any more."""
    erin = add_member(alice, "erin", "Owner")
    with alice.scope() as scope, scope.atomic() as session:
        hold_members(scope)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(change, erin, bob, "Owner")
            blocked = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()")
            until = time.monotonic() + 10
            while not session.scalar(blocked):
                assert time.monotonic() < until, "nobody waits for the members to be let go"
                time.sleep(0.01)
            change_role(scope, erin.actor.user_id, "Viewer")  # type: ignore[arg-type]
            session.commit()
            assert waiting.result().status_code == 403
    assert roles(alice)["Bob"] == "Viewer"


def test_a_member_of_another_organization_does_not_exist(alice: Person, charlie: Person) -> None:
    assert change(alice, charlie, "Viewer").status_code == 404
    assert alice.api.delete(f"/members/{charlie.actor.user_id}").status_code == 404
    assert alice.api.get(f"/members/{charlie.actor.user_id}").status_code == 404


@pytest.mark.parametrize("body", [{}, {"role": "King"}, {"role": ""}, {"role": "Viewer", "name": "x"}])
def test_what_is_no_role_is_refused(alice: Person, bob: Person, body: dict[str, str]) -> None:
    assert alice.api.patch(f"/members/{bob.actor.user_id}", body).status_code == 422
