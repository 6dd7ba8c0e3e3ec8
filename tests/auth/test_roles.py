"""Roles of an organization's own: nobody puts into one what they may not do, a change acts at once, one in use stays."""

from typing import Any

import pytest

from rhesis_app.kernel.permissions import BUILT_IN_ROLES, Permission
from rhesis_app.tenancy.models import AuditEntry
from rhesis_app.tenancy.rules import MOST_ROLES
from tests.pages.forms_in import forms_in
from tests.people import ApiClient, Person, add_member

REVIEWER = ["project:read", "review:write", "run:read"]


def made(person: Person, name: str = "Reviewer", permissions: Any = REVIEWER) -> dict[str, Any]:
    answer = person.api.post("/roles", {"name": name, "permissions": permissions})
    assert answer.status_code == 201, answer.text
    return dict(answer.json)


def given(owner: Person, name: str, role: str) -> Person:
    """Somebody in the owner's organization with a role of its own."""
    somebody = add_member(owner, name, "Viewer")
    answer = owner.api.patch(f"/members/{somebody.actor.user_id}", {"role": role})
    assert answer.status_code == 200, answer.text
    return somebody


def test_a_role_is_made_read_changed_and_deleted(alice: Person, bob: Person) -> None:
    role = made(alice)
    assert (role["is_builtin"], role["permissions"], role["members"]) == (False, REVIEWER, 0)
    assert bob.api.get(f"/roles/{role['id']}").json["name"] == "Reviewer"
    assert [one["name"] for one in bob.api.get("/roles").json][-1] == "Reviewer"
    changed = alice.api.patch(f"/roles/{role['id']}", {"permissions": ["run:read", "run:read"]})
    assert (changed.json["name"], changed.json["permissions"]) == ("Reviewer", ["run:read"])
    renamed = alice.api.patch(f"/roles/{role['id']}", {"name": " Night  watch "})
    assert (renamed.json["name"], renamed.json["permissions"]) == ("Night watch", ["run:read"])
    assert alice.api.delete(f"/roles/{role['id']}").status_code == 204
    assert alice.api.get(f"/roles/{role['id']}").status_code == 404
    assert alice.api.delete(f"/roles/{role['id']}").status_code == 404
    assert made(alice, "night watch")["id"] != role["id"]
    for action, times in (("role.create", 2), ("role.update", 2), ("role.delete", 1)):
        assert alice.count(AuditEntry, action=action) == times


def test_it_acts_at_the_next_request_of_whoever_has_it(alice: Person) -> None:
    role = made(alice)
    erin = given(alice, "erin", "reviewer")
    assert set(erin.api.get("/me").json["permissions"]) == set(REVIEWER)
    assert erin.api.post("/projects", {"name": "Mine"}).status_code == 403
    alice.api.patch(f"/roles/{role['id']}", {"permissions": [*REVIEWER, "project:write"]})
    assert erin.api.post("/projects", {"name": "Mine"}).status_code == 201
    alice.api.patch(f"/roles/{role['id']}", {"permissions": []})
    assert erin.api.get("/projects").status_code == 403
    assert erin.web.get("/").status_code == 200, "a page without anything, and no error"
    assert "no project you may read" in erin.web.get("/").text


def test_names_are_unique_without_case_also_beside_the_built_in_ones(alice: Person, charlie: Person) -> None:
    first, second = made(alice, "Reviewer"), made(alice, "Auditor")
    for name in ("REVIEWER", " reviewer ", "owner"):
        answer = alice.api.post("/roles", {"name": name, "permissions": []})
        assert (answer.status_code, list(answer.json["errors"])) == (409, ["name"])
        assert alice.api.patch(f"/roles/{second['id']}", {"name": name}).status_code == 409
    assert alice.api.patch(f"/roles/{first['id']}", {"name": "reViewer"}).json["name"] == "reViewer"
    assert made(charlie, "Reviewer")


def test_nobody_lifts_a_role_above_themselves(alice: Person) -> None:
    admin = add_member(alice, "erin", "Admin")
    above = {"name": "Above", "permissions": ["organization:delete"]}
    assert admin.api.post("/roles", above).status_code == 403
    role, high = made(admin), made(alice, "High", [str(one) for one in Permission])
    assert admin.api.patch(f"/roles/{role['id']}", {"permissions": ["organization:delete"]}).status_code == 403
    for answer in (
        admin.api.patch(f"/roles/{high['id']}", {"permissions": []}),
        admin.api.patch(f"/roles/{high['id']}", {"name": "Low"}),
        admin.api.delete(f"/roles/{high['id']}"),
        admin.api.patch(f"/members/{admin.actor.user_id}", {"role": "High"}),
        admin.api.post("/invitations", {"email": "dana@example.org", "role": "High"}),
    ):
        assert answer.status_code == 403, answer.text
    offered = {one["name"]: (one["can_grant"], one["can_edit"]) for one in admin.api.get("/roles").json}
    assert offered["High"] == (False, False)
    assert offered["Reviewer"] == (True, True)
    assert offered["Viewer"] == (True, False)


def test_a_role_that_manages_roles_alone_adds_nothing_that_its_holder_lacks(alice: Person) -> None:
    keeper = made(alice, "Keeper", ["member:read", "role:manage"])
    erin = given(alice, "erin", "Keeper")
    assert erin.api.patch(f"/roles/{keeper['id']}", {"permissions": ["member:read", "run:read"]}).status_code == 403
    assert erin.api.post("/roles", {"name": "More", "permissions": ["run:read"]}).status_code == 403
    assert made(erin, "Less", ["member:read"])
    assert erin.api.patch(f"/members/{erin.actor.user_id}", {"role": "Owner"}).status_code == 403


def test_a_token_makes_no_role_that_may_more_than_it(app: Any, alice: Person) -> None:
    wanted = {"name": "narrow", "scopes": ["role:manage", "member:read"]}
    narrow = ApiClient(app, alice.api.post("/tokens", wanted).json["token"])
    assert narrow.post("/roles", {"name": "More", "permissions": ["run:read"]}).status_code == 403
    assert narrow.post("/roles", {"name": "Less", "permissions": ["member:read"]}).status_code == 201


def test_the_built_in_ones_stay_as_they_are(alice: Person) -> None:
    built_in = {one["name"]: one["id"] for one in alice.api.get("/roles").json}
    assert set(built_in) == set(BUILT_IN_ROLES)
    for role_id in built_in.values():
        assert alice.api.patch(f"/roles/{role_id}", {"permissions": []}).status_code == 403
        assert alice.api.patch(f"/roles/{role_id}", {"name": "Other"}).status_code == 403
        assert alice.api.delete(f"/roles/{role_id}").status_code == 403


def test_one_in_use_is_not_deleted_and_says_who_has_it(alice: Person, bob: Person) -> None:
    role = made(alice)
    project = alice.api.post("/projects", {"name": "Support"}).json["id"]
    erin = given(alice, "erin", "Reviewer")
    alice.api.post(f"/projects/{project}/members", {"user_id": str(bob.actor.user_id), "role": "Reviewer"})
    invited = alice.api.post("/invitations", {"email": "dana@example.org", "role": "Reviewer"}).json["id"]
    address = f"/roles/{role['id']}"
    assert alice.api.get(address).json["members"] == 1
    refused = alice.api.delete(address)
    assert refused.status_code == 409
    assert "Erin; Bob in Support; invited: dana@example.org" in refused.json["detail"]
    alice.api.patch(f"/members/{erin.actor.user_id}", {"role": "Viewer"})
    assert "Bob in Support; invited" in alice.api.delete(address).json["detail"]
    alice.api.delete(f"/projects/{project}/members/{bob.actor.user_id}")
    assert "invited: dana@example.org" in alice.api.delete(address).json["detail"]
    assert alice.api.delete(f"/invitations/{invited}").status_code in {200, 204}
    alice.api.delete(f"/members/{given(alice, 'finn', 'Reviewer').actor.user_id}")
    assert alice.api.delete(address).status_code == 204, "who has left holds nothing"
    assert [one["role"] for one in alice.api.get("/invitations").json] == ["Reviewer"], "it was one of these"
    again = alice.api.post(f"/projects/{project}/members", {"user_id": str(bob.actor.user_id), "role": "Reviewer"})
    assert again.status_code == 422


def test_somebody_is_invited_with_a_role_of_its_own(app: Any, alice: Person) -> None:
    made(alice)
    link = alice.api.post("/invitations", {"email": "dana@example.org", "role": "Reviewer"}).json["accept_url"]
    body = {"token": link.rpartition("/")[2], "name": "Dana", "password": "correct horse battery staple"}
    dana = ApiClient(app, ApiClient(app, None).post("/invitations/accept", body).json["access_token"])
    assert (dana.get("/me").json["organization"]["role"], dana.get("/me").json["permissions"]) == ("Reviewer", REVIEWER)


def test_what_a_narrowed_role_has_sent_and_could_not_send_any_more_ends(alice: Person) -> None:
    inviting = ["member:manage", "member:read", *REVIEWER]
    role = made(alice, "Inviter", inviting)
    made(alice)
    erin = given(alice, "erin", "Inviter")
    for name in ("one", "two"):
        assert erin.api.post("/invitations", {"email": f"{name}@example.org", "role": "Reviewer"}).status_code == 201
    states = lambda: {one["email"]: one["state"] for one in alice.api.get("/invitations").json}  # noqa: E731
    alice.api.patch(f"/roles/{role['id']}", {"permissions": [*inviting, "plugin:read"]})
    assert set(states().values()) == {"pending"}
    alice.api.patch(f"/roles/{role['id']}", {"permissions": ["member:manage", "member:read"]})
    assert set(states().values()) == {"revoked"}


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x"},
        {"permissions": []},
        {"name": " ", "permissions": []},
        {"name": "x" * 61, "permissions": []},
        {"name": "a\x07b", "permissions": []},
        {"name": "x", "permissions": ["king:read"]},
        {"name": "x", "permissions": ["run:read", 1]},
        {"name": "x", "permissions": "run:read"},
        {"name": "x", "permissions": [], "is_builtin": True},
    ],
)
def test_what_is_no_role_is_refused(alice: Person, body: dict[str, Any]) -> None:
    assert alice.api.post("/roles", body).status_code == 422


def test_there_are_at_most_so_many(alice: Person) -> None:
    for number in range(MOST_ROLES - len(BUILT_IN_ROLES)):
        made(alice, f"Role {number}", [])
    assert alice.api.post("/roles", {"name": "One more", "permissions": []}).status_code == 409


def test_a_change_of_something_newer_is_refused(alice: Person) -> None:
    role = made(alice)
    stale = {"If-Match": role["etag"]}
    assert alice.api.patch(f"/roles/{role['id']}", {"permissions": []}, headers=stale).status_code == 200
    assert alice.api.patch(f"/roles/{role['id']}", {"permissions": []}, headers=stale).status_code == 412


@pytest.mark.parametrize("role", ["Member", "Viewer"])
def test_others_change_none(alice: Person, role: str) -> None:
    somebody, own = add_member(alice, "finn", role), made(alice)
    assert somebody.api.post("/roles", {"name": "Mine", "permissions": []}).status_code == 403
    assert somebody.api.patch(f"/roles/{own['id']}", {"permissions": []}).status_code == 403
    assert somebody.api.delete(f"/roles/{own['id']}").status_code == 403
    page = somebody.web.get("/settings/roles")
    assert page.status_code == 200
    assert "checkbox" not in page.text
    assert "New role" not in page.text


def test_the_matrix_is_filled_in_without_a_script(alice: Person) -> None:
    alice.web.post("/settings/roles", {"name": "Guest", "like": "Viewer"})
    role = next(one for one in alice.api.get("/roles").json if one["name"] == "Guest")
    assert set(role["permissions"]) == {str(one) for one in BUILT_IN_ROLES["Viewer"]}
    page = alice.web.get("/settings/roles").text
    assert all(f'aria-label="Guest: {one}"' in page for one in Permission)
    assert 'aria-label="Owner: run:read"' not in page
    form = next(form for form in forms_in(page) if form.action == f"/settings/roles/{role['id']}")
    alice.web.post(form.action, {"etag": role["etag"], "permissions": ["run:read", "test:read"]})
    assert alice.api.get(f"/roles/{role['id']}").json["permissions"] == ["run:read", "test:read"]
    alice.web.post(form.action, {"etag": role["etag"], "permissions": []})
    assert "Somebody changed this since you read it" in alice.web.get("/settings/roles").text
    alice.web.post(f"{form.action}/name", {"name": "Visitor"})
    assert "The role is called “Visitor” now" in alice.web.get("/settings/roles").text
    alice.web.post(f"{form.action}/delete")
    assert "“Visitor” was deleted" in alice.web.get("/settings/roles").text
    assert alice.web.post("/settings/roles", {"name": "viewer", "like": "Viewer"}).status_code == 409


def test_an_admin_ticks_only_what_they_may_do(alice: Person) -> None:
    made(alice, "Guest", [])
    page = add_member(alice, "erin", "Admin").web.get("/settings/roles").text
    (deleting,) = (tag for tag in page.split("<input") if 'aria-label="Guest: organization:delete"' in tag)
    assert "disabled" in deleting
    assert page.count(" disabled") == 1
