"""Roles in a project: they add to the organization's, open this project and no other, and nobody grants above themselves."""

from typing import Any
from uuid import UUID

import pytest

from rhesis_app.projects.actions import create_project
from rhesis_app.projects.queries import ProjectView
from rhesis_app.tenancy.models import AuditEntry
from tests.people import Person, add_member

EMPTY = "Guest"
"""A role of the organization that may nothing at all."""


@pytest.fixture
def other(alice: Person) -> ProjectView:
    """Another project of Alice's."""
    with alice.scope() as scope:
        return create_project(scope, "Warehouse")


@pytest.fixture
def guest(alice: Person) -> Person:
    """Somebody whose role across the organization may nothing."""
    assert alice.api.post("/roles", {"name": EMPTY, "permissions": []}).status_code == 201
    somebody = add_member(alice, "gina", "Viewer")
    assert alice.api.patch(f"/members/{somebody.actor.user_id}", {"role": EMPTY}).status_code == 200
    return somebody


def joined(owner: Person, project: ProjectView, person: Person, role: str) -> Any:
    body = {"user_id": str(person.actor.user_id), "role": role}
    return owner.api.post(f"/projects/{project.id}/members", body)


def address(project: ProjectView, person: Person) -> str:
    return f"/projects/{project.id}/members/{person.actor.user_id}"


def test_a_role_in_a_project_adds_there_and_nowhere_else(
    alice: Person, bob: Person, project: ProjectView, other: ProjectView
) -> None:
    def requirement(where: ProjectView) -> int:
        return int(bob.api.post("/requirements", {"project_id": str(where.id), "name": "Polite"}).status_code)

    assert requirement(project) == 403
    made = joined(alice, project, bob, "Member")
    assert made.status_code == 201
    assert (made.json["role"], made.json["organization_role"], made.json["can_manage"]) == ("Member", "Viewer", True)
    assert made.headers["Location"] == f"/api/v1{address(project, bob)}"
    assert requirement(project) == 201
    assert requirement(other) == 403
    assert alice.api.patch(address(project, bob), {"role": "viewer"}).json["role"] == "Viewer"
    assert bob.api.post("/requirements", {"project_id": str(project.id), "name": "Kind"}).status_code == 403
    assert alice.api.delete(address(project, bob)).status_code == 204
    assert bob.api.get(f"/projects/{project.id}").status_code == 200, "the organization's role holds"
    for action in ("project.add_member", "project.change_member", "project.remove_member"):
        assert alice.count(AuditEntry, action=action) == 1


def test_a_guest_sees_the_one_project(alice: Person, guest: Person, project: ProjectView, other: ProjectView) -> None:
    assert guest.api.get("/projects").status_code == 403
    assert joined(alice, project, guest, "Viewer").status_code == 201
    assert [one["name"] for one in guest.api.get("/projects").json] == [project.name]
    assert guest.api.get(f"/projects/{other.id}").status_code == 404
    assert guest.web.get("/").headers["Location"] == f"/p/{project.slug}/"
    page = guest.web.get(f"/p/{project.slug}/")
    assert page.status_code == 200
    assert other.name not in page.text
    assert guest.web.get(f"/p/{other.slug}/").status_code == 404
    assert guest.api.get("/members").status_code == 403, "nobody else of the organization"
    alice.api.delete(address(project, guest))
    assert guest.api.get("/projects").status_code == 403
    assert guest.web.get(f"/p/{project.slug}/").status_code in {403, 404}


def test_the_frame_offers_what_the_project_allows(
    alice: Person, guest: Person, project: ProjectView, other: ProjectView
) -> None:
    joined(alice, project, guest, "Member")
    page = guest.web.get(f"/p/{project.slug}/requirements").text
    assert "New requirement" in page
    assert f'href="/p/{project.slug}/members"' in page
    assert 'href="/settings/jobs"' in page
    assert 'href="/settings/members"' not in page
    assert "New project" not in page
    joined(alice, other, guest, "Viewer")
    page = guest.web.get(f"/p/{other.slug}/requirements").text
    assert "New requirement" not in page
    assert guest.web.get(f"/p/{other.slug}/requirements/new").status_code == 403
    alice.api.post("/roles", {"name": "Reader", "permissions": ["project:read", "run:read"]})
    alice.api.patch(address(project, guest), {"role": "Reader"})
    page = guest.web.get(f"/p/{project.slug}/").text
    assert f'href="/p/{project.slug}/members"' not in page
    assert guest.web.get(f"/p/{project.slug}/members").status_code == 403


def test_whoever_manages_one_project_manages_its_members_alone(
    alice: Person, bob: Person, guest: Person, project: ProjectView, other: ProjectView
) -> None:
    keeper = ["member:manage", "member:read", "project:read"]
    alice.api.post("/roles", {"name": "Keeper", "permissions": keeper})
    joined(alice, project, guest, "Keeper")
    assert joined(guest, project, bob, "Keeper").status_code == 201
    assert joined(guest, other, bob, "Keeper").status_code == 404
    assert guest.api.patch(address(project, bob), {"role": "Viewer"}).status_code == 403
    assert guest.api.patch(address(project, guest), {"role": "Owner"}).status_code == 403
    joined(alice, project, high := add_member(alice, "erin", "Member"), "Member")
    assert guest.api.patch(address(project, high), {"role": "Keeper"}).status_code == 403
    assert guest.api.delete(address(project, high)).status_code == 403
    shown = {one["name"]: one["can_manage"] for one in guest.api.get(f"/projects/{project.id}/members").json}
    assert shown == {"Bob": True, "Erin": False, "Gina": True}
    assert guest.api.delete(address(project, bob)).status_code == 204


def test_a_role_in_a_project_reaches_nothing_of_the_organization(
    alice: Person, bob: Person, guest: Person, project: ProjectView
) -> None:
    """Also not with the highest of them: there, an owner is whoever may do all that can be done in a project."""
    admin = add_member(alice, "erin", "Admin")
    assert joined(admin, project, guest, "Owner").status_code == 201
    assert joined(guest, project, bob, "Owner").status_code == 201
    organization = f"/organizations/{alice.actor.organization_id}"
    for answer in (
        guest.api.patch(f"/members/{bob.actor.user_id}", {"role": "Admin"}),
        guest.api.delete(f"/members/{bob.actor.user_id}"),
        guest.api.post("/invitations", {"email": "x@example.org", "role": "Viewer"}),
        guest.api.post("/roles", {"name": "Mine", "permissions": []}),
        guest.api.post("/projects", {"name": "Mine"}),
        guest.api.patch(organization, {"name": "Mine"}),
        guest.api.post(f"{organization}/delete", {"name": "Organization A"}),
        guest.api.post(f"{organization}/transfer", {"user_id": str(bob.actor.user_id)}),
        guest.web.get("/settings/organization"),
        guest.web.get("/settings/members"),
        guest.web.get("/settings/roles"),
        guest.web.post("/settings/organization/name", {"name": "Mine"}),
        guest.web.post("/settings/organization/delete", {"name": "Organization A"}),
    ):
        assert answer.status_code == 403, answer.text


@pytest.mark.parametrize("role", ["Member", "Viewer"])
def test_others_read_who_is_there_and_change_nothing(
    alice: Person, bob: Person, project: ProjectView, role: str
) -> None:
    joined(alice, project, bob, role)
    assert [one["name"] for one in bob.api.get(f"/projects/{project.id}/members").json] == ["Bob"]
    assert joined(bob, project, alice, "Viewer").status_code == 403
    assert bob.api.patch(address(project, bob), {"role": "Admin"}).status_code == 403
    assert bob.api.delete(address(project, bob)).status_code == 403
    page = bob.web.get(f"/p/{project.slug}/members").text
    assert "Bob" in page
    assert "Add somebody" not in page


def test_what_cannot_be_is_refused(alice: Person, bob: Person, charlie: Person, project: ProjectView) -> None:
    members = f"/projects/{project.id}/members"
    assert joined(alice, project, charlie, "Viewer").status_code == 404
    assert joined(alice, project, bob, "King").status_code == 422
    assert joined(alice, project, bob, "Viewer").status_code == 201
    assert joined(alice, project, bob, "Member").status_code == 409
    assert alice.api.patch(address(project, alice), {"role": "Viewer"}).status_code == 404
    assert alice.api.delete(address(project, alice)).status_code == 404
    for body in ({}, {"user_id": str(bob.actor.user_id)}, {"user_id": "x", "role": "Viewer"}):
        assert alice.api.post(members, body).status_code == 422
    assert charlie.api.get(members).status_code == 404
    assert joined(charlie, project, charlie, "Viewer").status_code == 404


def test_somebody_who_leaves_the_organization_is_out_of_its_projects(
    alice: Person, bob: Person, project: ProjectView
) -> None:
    joined(alice, project, bob, "Member")
    alice.api.delete(f"/members/{bob.actor.user_id}")
    assert alice.api.get(f"/projects/{project.id}/members").json == []
    assert joined(alice, project, bob, "Member").status_code == 404


def test_they_are_listed_in_pages_by_name(alice: Person, project: ProjectView) -> None:
    for name in ("zoe", "carl", "mona"):
        joined(alice, project, add_member(alice, name, "Member"), "Viewer")
    first = alice.api.get(f"/projects/{project.id}/members?limit=2&count=true")
    assert ([one["name"] for one in first.json], first.headers["X-Total-Count"]) == (["Carl", "Mona"], "3")
    following = first.headers["Link"].split(">")[0].strip("<")
    assert [one["name"] for one in alice.api.get(following).json] == ["Zoe"]


def test_the_page_adds_changes_and_takes_away(alice: Person, bob: Person, project: ProjectView) -> None:
    here = f"/p/{project.slug}/members"
    assert "Nobody has a role of their own here" in alice.web.get(here).text
    who = str(bob.actor.user_id)
    assert alice.web.post(here, {"user_id": "nobody", "role": "Viewer"}).status_code == 422
    assert alice.web.post(here, {"user_id": str(UUID(int=7)), "role": "Viewer"}).status_code == 404
    assert alice.web.post(here, {"user_id": who, "role": "Member"}).headers["Location"] == here
    assert "Bob is Member in Support Copilot now" in alice.web.get(here).text
    alice.web.post(f"{here}/{who}/role", {"role": "Admin"})
    assert "Bob is Admin in Support Copilot now" in alice.web.get(here).text
    alice.web.post(f"{here}/{who}/role", {"role": "King"})
    assert "There is no such role here" in alice.web.get(here).text
    alice.web.post(f"{here}/{who}/remove")
    assert "Bob has no role in Support Copilot any more" in alice.web.get(here).text
    assert alice.web.post(f"{here}/{who}/remove").status_code == 404
