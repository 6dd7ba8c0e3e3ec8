"""API tokens: what one may do, and what one that was made by another may not."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from rhesis_app.projects.actions import create_project
from rhesis_app.projects.queries import ProjectView
from tests.people import ApiClient, Person, signed_in


def token_of(app: Flask, maker: ApiClient, **wanted: Any) -> tuple[ApiClient, dict[str, Any]]:
    """A client with a token that `maker` made, and what is said of it."""
    answer = maker.post("/tokens", {"name": "Pipeline", **wanted})
    assert answer.status_code == 201, answer.text
    return ApiClient(app, answer.json["token"]), answer.json


def test_a_token_made_by_a_token_of_one_project_is_of_that_project(
    app: Flask, alice: Person, project: ProjectView
) -> None:
    with alice.scope() as scope:
        other = create_project(scope, "Another")
    maker, _ = token_of(app, signed_in(app, alice.email), project_id=str(project.id))
    child, told = token_of(app, maker)
    assert told["project_id"] == str(project.id)
    assert child.get(f"/projects/{other.id}").status_code == 404
    assert child.get(f"/projects/{project.id}").status_code == 200
    assert maker.post("/tokens", {"name": "Elsewhere", "project_id": str(other.id)}).status_code == 404


def test_a_token_made_by_a_token_ends_with_it_at_the_latest(app: Flask, alice: Person) -> None:
    maker, made = token_of(app, signed_in(app, alice.email), expires_in_days=30, scopes=["token:manage"])
    _, longer = token_of(app, maker, expires_in_days=365)
    _, shorter = token_of(app, maker, expires_in_days=7)
    assert longer["expires_at"] == made["expires_at"]
    assert datetime.fromisoformat(shorter["expires_at"]) < datetime.fromisoformat(made["expires_at"])


def test_a_token_made_by_a_token_may_no_more_than_it(app: Flask, alice: Person) -> None:
    scopes = ["project:read", "token:manage"]
    maker, _ = token_of(app, signed_in(app, alice.email), scopes=scopes)
    _, told = token_of(app, maker)
    assert told["scopes"] == scopes
    assert maker.post("/tokens", {"name": "More", "scopes": ["project:write"]}).status_code == 422


def test_a_token_of_one_project_neither_sees_nor_ends_the_others(
    app: Flask, alice: Person, project: ProjectView
) -> None:
    person = signed_in(app, alice.email)
    _, wide = token_of(app, person)
    narrow, own = token_of(app, person, project_id=str(project.id))
    assert [token["id"] for token in narrow.get("/tokens").json] == [own["id"]]
    assert narrow.delete(f"/tokens/{wide['id']}").status_code == 404
    assert narrow.delete(f"/tokens/{own['id']}").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/projects", {"name": "Another"}),
        ("POST", "/invitations", {"email": "dana@example.org", "role": "Viewer"}),
        ("GET", "/invitations", None),
        ("PATCH", "/members/{bob}", {"role": "Member"}),
        ("DELETE", "/members/{bob}", None),
        ("PATCH", "/organizations/{organization}", {"name": "Stolen"}),
    ],
)
def test_a_token_of_one_project_changes_nothing_of_the_organization(
    app: Flask, alice: Person, bob: Person, project: ProjectView, method: str, path: str, body: Any
) -> None:
    narrow, _ = token_of(app, signed_in(app, alice.email), project_id=str(project.id))
    address = path.format(bob=bob.actor.user_id, organization=alice.actor.organization_id)
    answer = narrow.call(method, address, **({} if body is None else {"json": body}))
    assert answer.status_code == 403, answer.text
    assert narrow.patch(f"/projects/{project.id}", {"description": "Its own it may"}).status_code == 200


def test_what_a_token_of_one_project_may_names_nothing_of_the_organization(
    app: Flask, alice: Person, project: ProjectView
) -> None:
    person = signed_in(app, alice.email)
    asked = ["member:manage", "project:read"]
    narrow, told = token_of(app, person, project_id=str(project.id), scopes=asked)
    assert told["scopes"] == narrow.get("/me").json["permissions"] == ["project:read"]
    _, wide = token_of(app, person, scopes=asked)
    assert wide["scopes"] == asked


@pytest.mark.parametrize("days", [1, 45, 365])
def test_a_token_lives_as_many_days_as_were_asked_for(app: Flask, alice: Person, days: int) -> None:
    _, told = token_of(app, signed_in(app, alice.email), expires_in_days=days)
    left = datetime.fromisoformat(told["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=days, minutes=-5) < left < timedelta(days=days, minutes=5)


@pytest.mark.parametrize("body", [{"expires_in_days": 0}, {"expires_in_days": 366}, {"days": 30}])
def test_a_life_that_is_none_is_refused(app: Flask, alice: Person, body: dict[str, int]) -> None:
    answer = signed_in(app, alice.email).post("/tokens", {"name": "Pipeline", **body})
    assert answer.status_code == 422
    assert set(answer.json["errors"]) == set(body)


@pytest.mark.parametrize(("days", "status"), [("45", 201), ("0", 422), ("366", 422), ("soon", 422), ("", 422)])
def test_the_form_takes_the_same_lives(alice: Person, days: str, status: int) -> None:
    assert alice.web.post("/settings/tokens", {"name": "Pipeline", "expires_in_days": days}).status_code == status


def test_a_token_is_of_a_project_that_its_maker_may_read(app: Flask, alice: Person, charlie: Person) -> None:
    with charlie.scope() as scope:
        theirs = create_project(scope, "Of others")
    person = signed_in(app, alice.email)
    for project_id in (theirs.id, UUID(int=7)):
        wanted = {"name": "Pipeline", "project_id": str(project_id)}
        assert person.post("/tokens", wanted).status_code == 404
        assert alice.web.post("/settings/tokens", wanted).status_code == 404
    assert alice.web.post("/settings/tokens", {"name": "Pipeline", "project_id": "any"}).status_code == 422
    assert person.get("/tokens").json == []
