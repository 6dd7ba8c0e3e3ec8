"""Service accounts: programs with a role of their own, which never sign in and cannot be used to rise."""

from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from rhesis_app.projects.queries import ProjectView
from rhesis_app.tenancy.models import AuditEntry
from rhesis_app.tenancy.queries.members import member_address
from tests.people import ApiClient, Person, add_member, signed_in

NAMES = {"name": "Nightly pipeline", "role": "Member"}


@pytest.fixture
def service(alice: Person) -> dict[str, Any]:
    """A service account of Alice's organization."""
    return made(alice.api)


def made(client: ApiClient, **changes: str) -> dict[str, Any]:
    answer = client.post("/service-accounts", {**NAMES, **changes})
    assert answer.status_code == 201, answer.text
    return dict(answer.json)


def token_of(app: Flask, maker: ApiClient, service: dict[str, Any], **wanted: Any) -> tuple[ApiClient, dict[str, Any]]:
    answer = maker.post(f"/service-accounts/{service['id']}/tokens", {"name": "CI", **wanted})
    assert answer.status_code == 201, answer.text
    return ApiClient(app, answer.json["token"]), answer.json


def test_a_program_works_with_a_token_of_its_account(app: Flask, alice: Person, service: dict[str, Any]) -> None:
    client, _ = token_of(app, alice.api, service)
    me = client.get("/me").json
    assert (me["user"]["name"], me["organization"]["role"]) == ("Nightly pipeline", "Member")
    assert client.post("/projects", {"name": "By a program"}).status_code == 201
    assert client.get("/members").status_code == 200
    assert client.post("/invitations", {"email": "dana@example.org", "role": "Viewer"}).status_code == 403
    (seen,) = alice.api.get("/service-accounts").json
    assert seen["last_used_at"] is not None
    with alice.scope() as scope:
        entry = scope.session.query(AuditEntry).filter_by(action="project.create", user_id=service["id"]).one()
    assert entry.actor_kind == "token"


def test_its_token_outlives_whoever_made_it(app: Flask, alice: Person, service: dict[str, Any]) -> None:
    admin = add_member(alice, "dana", "Admin")
    client, _ = token_of(app, admin.api, service)
    assert alice.api.delete(f"/members/{admin.actor.user_id}").status_code == 204
    assert client.get("/projects").status_code == 200


def test_it_is_no_member_and_nobody_gives_it_a_password(app: Flask, alice: Person, service: dict[str, Any]) -> None:
    assert service["id"] not in {member["user_id"] for member in alice.api.get("/members").json}
    assert alice.api.post(f"/members/{service['id']}/reset-link").status_code == 404
    assert alice.api.patch(f"/members/{service['id']}", {"role": "Owner"}).status_code == 404
    assert alice.api.delete(f"/members/{service['id']}").status_code == 404
    assert alice.web.post(f"/settings/members/{service['id']}/reset-link").status_code == 404
    assert alice.api.get(f"/service-accounts/{service['id']}").json["role"] == "Member"
    with alice.scope() as scope:
        assert member_address(scope, UUID(service["id"])) is None, "no letter goes to a program"


def test_it_never_signs_in(app: Flask, alice: Person, service: dict[str, Any], superuser: Engine) -> None:
    with superuser.connect() as connection:
        email = connection.scalar(text("SELECT email FROM app_user WHERE id = :id"), {"id": service["id"]})
        kept = connection.scalar(text("SELECT count(*) FROM user_password WHERE user_id = :id"), {"id": service["id"]})
    assert kept == 0
    stranger = ApiClient(app, None)
    assert stranger.post("/auth/login", {"email": email, "password": "a password of some length"}).status_code == 401
    assert stranger.post("/auth/reset", {"email": email}).status_code == 202
    with superuser.connect() as connection:
        assert (
            connection.scalar(text("SELECT count(*) FROM one_time_token WHERE user_id = :id"), {"id": service["id"]})
            == 0
        )


def test_a_token_of_it_does_not_act_as_a_person(app: Flask, alice: Person, service: dict[str, Any]) -> None:
    client, _ = token_of(app, alice.api, service)
    for method, path, body in (
        ("PATCH", "/me", {"name": "Somebody"}),
        ("POST", "/organizations", {"name": "Own"}),
        ("POST", "/auth/switch", {"organization_id": str(alice.actor.organization_id)}),
        ("POST", "/me/password", {"current_password": "x", "new_password": "seven otters read maps"}),
    ):
        assert client.call(method, path, json=body).status_code == 403, path


def test_nobody_makes_one_above_their_own_role(app: Flask, alice: Person, bob: Person) -> None:
    assert alice.api.post("/service-accounts", {"name": "Boss", "role": "Owner"}).status_code == 422
    assert bob.api.post("/service-accounts", NAMES).status_code == 403
    assert bob.api.get("/service-accounts").status_code == 403
    admins = made(alice.api, name="Admins' own", role="Admin")
    person = signed_in(app, alice.email)
    scopes = ["member:manage", "member:read", "token:manage", "run:read", "project:read"]
    narrow = ApiClient(app, person.post("/tokens", {"name": "Narrow", "scopes": scopes}).json["token"])
    assert narrow.post("/service-accounts", {"name": "More", "role": "Member"}).status_code == 403
    address = f"/service-accounts/{admins['id']}"
    assert narrow.post(f"{address}/tokens", {"name": "More"}).status_code == 403
    assert narrow.patch(address, {"is_active": False}).status_code == 403
    assert narrow.delete(address).status_code == 403
    assert narrow.get(address).json["can_manage"] is False
    without = ApiClient(app, person.post("/tokens", {"name": "No tokens", "scopes": scopes[:2]}).json["token"])
    assert without.get("/service-accounts").status_code == 403


def test_its_tokens_may_at_most_what_its_role_may(app: Flask, alice: Person, service: dict[str, Any]) -> None:
    address = f"/service-accounts/{service['id']}/tokens"
    assert alice.api.post(address, {"name": "More", "scopes": ["member:manage"]}).status_code == 422
    client, told = token_of(app, alice.api, service, scopes=["project:read"])
    assert told["scopes"] == ["project:read"]
    assert client.post("/projects", {"name": "More"}).status_code == 403
    whole, _ = token_of(app, alice.api, service)
    assert whole.post("/projects", {"name": "As a member"}).status_code == 201
    assert alice.api.patch(f"/service-accounts/{service['id']}", {"role": "Viewer"}).json["role"] == "Viewer"
    assert whole.post("/projects", {"name": "As a viewer"}).status_code == 403


def test_its_token_may_be_of_one_project(
    app: Flask, alice: Person, service: dict[str, Any], project: ProjectView
) -> None:
    client, told = token_of(app, alice.api, service, project_id=str(project.id))
    assert told["project_id"] == str(project.id)
    assert client.post("/projects", {"name": "Another"}).status_code == 403
    assert client.get(f"/projects/{project.id}").status_code == 200


def test_switched_off_it_is_refused_and_on_again_it_works(app: Flask, alice: Person, service: dict[str, Any]) -> None:
    client, _ = token_of(app, alice.api, service)
    address = f"/service-accounts/{service['id']}"
    assert alice.api.patch(address, {"is_active": False}).json["is_active"] is False
    assert client.get("/projects").status_code == 401
    assert alice.api.post(f"{address}/tokens", {"name": "Another"}).status_code == 409
    assert alice.api.patch(address, {"is_active": True}).json["is_active"] is True
    assert client.get("/projects").status_code == 200


def test_deleted_it_is_gone_with_its_tokens(app: Flask, alice: Person, service: dict[str, Any]) -> None:
    client, _ = token_of(app, alice.api, service)
    assert alice.api.delete(f"/service-accounts/{service['id']}").status_code == 204
    assert client.get("/projects").status_code == 401
    assert alice.api.get("/service-accounts").json == []
    assert alice.api.get(f"/service-accounts/{service['id']}").status_code == 404
    assert made(alice.api)["id"] != service["id"]


def test_one_token_of_it_is_revoked_alone(app: Flask, alice: Person, service: dict[str, Any]) -> None:
    first, told = token_of(app, alice.api, service)
    second, _ = token_of(app, alice.api, service)
    address = f"/service-accounts/{service['id']}/tokens"
    assert alice.api.delete(f"/tokens/{told['id']}").status_code == 404
    assert alice.api.delete(f"{address}/{told['id']}").json["revoked_at"] is not None
    assert (first.get("/me").status_code, second.get("/me").status_code) == (401, 200)
    assert len(alice.api.get(address).json) == 2
    (mine,) = alice.api.get("/tokens").json
    assert alice.api.delete(f"{address}/{mine['id']}").status_code == 404


def test_names_tell_them_apart(alice: Person, service: dict[str, Any]) -> None:
    answer = alice.api.post("/service-accounts", {"name": "NIGHTLY pipeline ", "role": "Viewer"})
    assert answer.status_code == 409
    assert "name" in answer.json["errors"]
    other = made(alice.api, name="Another")
    assert alice.api.patch(f"/service-accounts/{other['id']}", {"name": "nightly Pipeline"}).status_code == 409
    assert alice.api.patch(f"/service-accounts/{service['id']}", {"name": "NIGHTLY pipeline"}).status_code == 200


def test_another_organization_sees_and_touches_none(
    alice: Person, charlie: Person, service: dict[str, Any], superuser: Engine
) -> None:
    assert charlie.api.get("/service-accounts").json == []
    address = f"/service-accounts/{service['id']}"
    assert charlie.api.post(f"{address}/tokens", {"name": "Stolen"}).status_code == 404
    with charlie.scope() as scope:
        assert scope.session.execute(text("SELECT 1 FROM app_user WHERE kind = 'service'")).all() == []
        changed = scope.session.execute(text("UPDATE app_user SET name = 'Stolen' WHERE kind = 'service' RETURNING 1"))
        assert changed.all() == []


def test_the_pages_do_all_of_it(alice: Person, bob: Person) -> None:
    assert "No service accounts yet" in alice.web.get("/settings/tokens").text
    assert "Service accounts" not in bob.web.get("/settings/tokens").text
    address = alice.web.post("/settings/service-accounts", NAMES).headers["Location"]
    assert "Nightly pipeline" in alice.web.get("/settings/tokens").text
    made = alice.web.post(
        f"{address}/tokens", {"name": "CI", "preset": "chosen", "scopes": ["run:read", "run:execute"]}
    )
    assert made.status_code == 201
    assert "rhx_" in made.text
    (service,) = alice.api.get("/service-accounts").json
    (token,) = alice.api.get(f"/service-accounts/{service['id']}/tokens").json
    assert token["scopes"] == ["run:execute", "run:read"]
    wrong = alice.web.post(f"{address}/tokens", {"name": "CI", "preset": "chosen"})
    assert wrong.status_code == 422
    assert "Tick what the token may do" in wrong.text
    ignored = alice.web.post(f"{address}/tokens", {"name": "CI", "preset": "pipeline", "scopes": ["run:read"]})
    assert ignored.status_code == 422, "what was ticked must not be more than asked for"
    assert alice.web.post(f"{address}/tokens/{token['id']}/revoke").status_code == 303
    assert alice.web.post(address, {"role": "Viewer", "name": "Quiet"}).status_code == 303
    assert alice.web.post(address, {"is_active": "false"}).status_code == 303
    (service,) = alice.api.get("/service-accounts").json
    assert (service["name"], service["role"], service["is_active"]) == ("Quiet", "Viewer", False)
    off = alice.web.get(address).text
    assert "switched off" in off
    assert "New token" not in off
    assert alice.web.post(f"{address}/delete").headers["Location"] == "/settings/tokens"
    assert alice.web.get(address).status_code == 404
    assert bob.web.get(address).status_code == 403
