"""Several organizations: one is active at a time, and each keeps to itself."""

from uuid import UUID

import pytest
from flask import Flask

from rhesis_app.projects.actions import create_project
from rhesis_app.tenancy.models import Membership
from tests.people import ApiClient, Person, signed_in


@pytest.fixture
def mine(app: Flask, alice: Person) -> ApiClient:
    """Alice, logged in as a program."""
    return signed_in(app, alice.email)


def made(client: ApiClient, name: str = "Second") -> str:
    answer = client.post("/organizations", {"name": name})
    assert answer.status_code == 201, answer.text
    return str(answer.json["id"])


def switched(app: Flask, client: ApiClient, organization: str) -> ApiClient:
    answer = client.post(f"/organizations/{organization}/switch")
    assert answer.status_code == 200, answer.text
    return ApiClient(app, answer.json["access_token"])


def test_another_organization_is_made_switched_to_and_works_by_itself(app: Flask, mine: ApiClient) -> None:
    mine.post("/projects", {"name": "In the first"})
    second = made(mine)
    listed = {one["name"]: (one["role"], one["is_active"]) for one in mine.get("/organizations").json}
    assert listed == {"Organization A": ("Owner", True), "Second": ("Owner", False)}
    there = switched(app, mine, second)
    assert there.get("/me").json["organization"]["name"] == "Second"
    assert there.get("/projects").json == []
    assert [one["name"] for one in there.get("/members").json] == ["Alice"]
    assert {one["name"]: one["is_active"] for one in there.get("/organizations").json} == {
        "Organization A": False,
        "Second": True,
    }


def test_signing_in_enters_the_organization_used_last(app: Flask, alice: Person, mine: ApiClient) -> None:
    second = made(mine)
    assert signed_in(app, alice.email).get("/me").json["organization"]["name"] == "Organization A"
    switched(app, mine, second)
    assert signed_in(app, alice.email).get("/me").json["organization"]["name"] == "Second"


def test_a_token_knows_its_own_organization_alone(alice: Person, mine: ApiClient) -> None:
    second = made(mine)
    assert [one["name"] for one in alice.api.get("/organizations").json] == ["Organization A"]
    assert alice.api.get(f"/organizations/{second}").status_code == 404


def test_the_active_one_is_renamed_by_whoever_may(alice: Person, bob: Person, mine: ApiClient) -> None:
    first, second = str(alice.actor.organization_id), made(mine)
    assert mine.patch(f"/organizations/{first}", {"name": "Renamed"}).json["name"] == "Renamed"
    assert mine.patch(f"/organizations/{second}", {"name": "From afar"}).status_code == 404
    assert mine.patch(f"/organizations/{first}", {"name": " "}).status_code == 422
    assert bob.api.patch(f"/organizations/{first}", {"name": "Mine"}).status_code == 403
    assert bob.api.get("/me").json["organization"]["name"] == "Renamed"


def test_one_leaves_and_is_out_but_the_last_owner_stays(
    app: Flask, alice: Person, bob: Person, mine: ApiClient
) -> None:
    first = str(alice.actor.organization_id)
    refused = mine.post(f"/organizations/{first}/leave")
    assert (refused.status_code, "owner" in refused.json["detail"]) == (409, True)
    assert bob.web.post(f"/organizations/{first}/leave").headers["Location"] == "/login"
    assert bob.web.get("/").status_code == 303
    assert alice.count(Membership) == 2
    assert [one["name"] for one in mine.get("/members").json] == ["Alice"]
    second = made(mine)
    assert mine.post(f"/organizations/{second}/leave").status_code == 404  # not the active one


def test_an_organization_of_others_does_not_exist(mine: ApiClient, charlie: Person) -> None:
    theirs = charlie.actor.organization_id
    assert mine.get(f"/organizations/{theirs}").status_code == 404
    assert mine.patch(f"/organizations/{theirs}", {"name": "Stolen"}).status_code == 404
    assert mine.post(f"/organizations/{theirs}/switch").status_code == 404
    assert mine.post(f"/organizations/{theirs}/leave").status_code == 404


def test_somebody_removed_from_the_active_one_signs_in_to_the_other(
    app: Flask, alice: Person, bob: Person, charlie: Person
) -> None:
    link = charlie.api.post("/invitations", {"email": alice.email, "role": "Viewer"}).json["accept_url"]
    body = {"token": link.rpartition("/")[2], "password": "correct horse battery staple"}
    guest = ApiClient(app, ApiClient(app, None).post("/invitations/accept", body).json["access_token"])
    assert guest.get("/me").json["organization"]["role"] == "Viewer"
    assert charlie.api.delete(f"/members/{alice.actor.user_id}").status_code == 204
    assert guest.get("/me").status_code == 401
    assert signed_in(app, alice.email).get("/me").json["organization"]["name"] == "Organization A"


def test_a_page_of_another_of_ones_organizations_is_404_with_the_way_there(alice: Person, charlie: Person) -> None:
    with charlie.scope() as scope:
        project = create_project(scope, "Only there")
    address = f"/p/{project.slug}/runs?status=failed"
    assert "Look in" not in alice.web.get(address).text
    link = charlie.api.post("/invitations", {"email": alice.email, "role": "Viewer"}).json["accept_url"]
    visitor = alice.app.test_client()
    assert visitor.post(link, data={"password": "correct horse battery staple"}).status_code == 303
    refused = alice.web.get(address)
    assert refused.status_code == 404
    assert "Look in Organization B" in refused.text
    assert "/organizations?next=%2Fp%2Fonly-there%2Fruns%3Fstatus%3Dfailed" in refused.text
    page = alice.web.get("/organizations", query_string={"next": address}).text
    assert 'name="next" value="/p/only-there/runs?status=failed"' in page
    switch = f"/organizations/{charlie.actor.organization_id}/switch"
    moved = alice.web.post(switch, {"next": address})
    assert moved.headers["Location"] == address
    assert alice.web.get(address).status_code == 200
    assert alice.web.post("/projects", {"name": "No"}).status_code == 403  # and with the role that one has there


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example"])
def test_switching_leads_nowhere_else(alice: Person, mine: ApiClient, target: str) -> None:
    second = UUID(made(mine))
    assert alice.web.post(f"/organizations/{second}/switch", {"next": target}).headers["Location"] == "/"
