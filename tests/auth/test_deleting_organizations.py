"""Deleting an organization: closed at once to all but its owners, back while it is not erased, and then gone without a trace."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from rhesis_app.infra.orm import Base
from rhesis_app.runs.actions.fire import fire_due
from rhesis_app.runs.actions.sweep import sweep
from rhesis_app.tenancy.actions.deletion import erase_due
from rhesis_app.tenancy.actions.members import hold_members
from rhesis_app.tenancy.models import AuditEntry
from tests.auth.rows import everything_of
from tests.jobs.runs.world import World, make_world
from tests.people import PASSWORD, ApiClient, Person, add_member, signed_in
from tests.scripted_endpoint import ScriptedEndpoint, json_reply

SETTINGS = "/settings/organization"


@pytest.fixture
def mine(app: Flask, alice: Person) -> ApiClient:
    """Alice, logged in as a program."""
    return signed_in(app, alice.email)


def deleted(client: ApiClient, person: Person, name: str = "Organization A") -> Any:
    return client.post(f"/organizations/{person.actor.organization_id}/delete", {"name": name})


def restored(client: ApiClient, person: Person) -> Any:
    return client.post(f"/organizations/{person.actor.organization_id}/restore")


def let_grace_pass(superuser: Engine, person: Person) -> None:
    with superuser.connect() as connection:
        connection.execute(
            text("UPDATE organization SET delete_after = now() WHERE id = :id"), {"id": person.actor.organization_id}
        )


def rows_of(superuser: Engine, person: Person) -> dict[str, int]:
    found = {}
    with superuser.connect() as connection:
        for name, table in Base.metadata.tables.items():
            column = "id" if name == "organization" else "organization_id"
            if column in table.c:
                query = text(f"SELECT count(*) FROM {name} WHERE {column} = :id")
                found[name] = connection.scalar(query, {"id": person.actor.organization_id})
    return {name: count for name, count in found.items() if count}


@contextmanager
def running(alice: Person) -> Iterator[tuple[World, Any]]:
    """A run of Alice's that has just begun."""
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"})) as server:
        world = make_world(alice, server.url, [("Question", "yes")])
        yield world, world.start()


def test_it_is_closed_to_all_but_its_owners_and_may_be_brought_back(
    app: Flask, alice: Person, bob: Person, mine: ApiClient
) -> None:
    admin = add_member(alice, "erin", "Admin")
    others = (bob.api, bob.web, admin.api, admin.web)
    assert {one.get("/api/v1/me").status_code for one in (bob.api, admin.api)} == {200}
    assert {one.get("/organizations").status_code for one in (bob.web, admin.web)} == {200}
    answer = deleted(mine, alice)
    assert answer.status_code == 200
    left = datetime.fromisoformat(answer.json["delete_after"]) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)
    assert [one.get("/organizations").status_code for one in others] == [401, 303, 401, 303]
    assert mine.get("/me").status_code == 200
    assert "is being deleted" in alice.web.get("/organizations").text
    assert deleted(mine, alice).json["delete_after"] == answer.json["delete_after"], "twice moves nothing"
    back = restored(mine, alice)
    assert (back.status_code, back.json["delete_after"]) == (200, None)
    assert [one.get("/organizations").status_code for one in others] == [200] * 4
    assert "is being deleted" not in alice.web.get("/organizations").text
    assert restored(mine, alice).status_code == 200
    for action in ("organization.delete", "organization.restore"):
        assert alice.count(AuditEntry, action=action) == 1


def test_the_name_has_to_be_typed_and_only_owners_do_it(
    alice: Person, bob: Person, charlie: Person, mine: ApiClient
) -> None:
    assert deleted(mine, alice, "organization a").json["errors"] == {"name": ["Type the name as it is: Organization A"]}
    assert deleted(mine, charlie, "Organization B").status_code == 404
    assert deleted(add_member(alice, "erin", "Admin").api, alice).status_code == 403
    assert deleted(bob.api, alice).status_code == 403
    assert deleted(alice.api, alice).status_code == 403, "a token deletes nothing"
    assert mine.get(f"/organizations/{alice.actor.organization_id}").json["delete_after"] is None


def test_what_runs_is_cancelled_and_who_is_invited_does_not_come(app: Flask, alice: Person, mine: ApiClient) -> None:
    link = alice.api.post("/invitations", {"email": "dana@example.org", "role": "Viewer"}).json["accept_url"]
    with running(alice) as (_, run_id):
        deleted(mine, alice)
        assert alice.api.get(f"/test-runs/{run_id}").json["status"] == "cancelled"
    body = {"token": link.rpartition("/")[2], "name": "Dana", "password": PASSWORD}
    assert ApiClient(app, None).post("/invitations/accept", body).status_code == 404
    assert alice.api.post("/invitations", {"email": "finn@example.org", "role": "Viewer"}).status_code == 409


def test_schedules_wait_and_serve_once_what_was_missed(alice: Person, mine: ApiClient, superuser: Engine) -> None:
    with running(alice) as (world, _):
        parts = {"test_set_id": str(world.test_set_id), "endpoint_id": str(world.endpoint_id), "name": "Nightly"}
        alice.api.post("/schedules", parts | {"cron": "0 6 * * *", "time_zone": "UTC"})
        deleted(mine, alice)
        with superuser.connect() as connection:
            connection.execute(text("UPDATE schedule SET next_at = now() - interval '3 days'"))
        assert fire_due(alice.host) == 0
        restored(mine, alice)
        assert fire_due(alice.host) == 1
        assert fire_due(alice.host) == 0


def test_somebody_of_another_organization_too_signs_in_there(
    app: Flask, alice: Person, charlie: Person, mine: ApiClient
) -> None:
    link = alice.api.post("/invitations", {"email": charlie.email, "role": "Viewer"}).json["accept_url"]
    body = {"token": link.rpartition("/")[2], "password": PASSWORD}
    guest = ApiClient(app, ApiClient(app, None).post("/invitations/accept", body).json["access_token"])
    assert guest.get("/me").json["organization"]["name"] == "Organization A"
    deleted(mine, alice)
    assert guest.get("/me").status_code == 401
    again = signed_in(app, charlie.email)
    assert again.get("/me").json["organization"]["name"] == "Organization B"
    assert [one["name"] for one in again.get("/organizations").json] == ["Organization B"]
    assert again.post(f"/organizations/{alice.actor.organization_id}/switch").status_code == 404
    restored(mine, alice)
    assert len(again.get("/organizations").json) == 2


def test_somebody_of_this_one_alone_is_told(app: Flask, alice: Person, mine: ApiClient) -> None:
    link = alice.api.post("/invitations", {"email": "dana@example.org", "role": "Viewer"}).json["accept_url"]
    body = {"token": link.rpartition("/")[2], "name": "Dana", "password": PASSWORD}
    ApiClient(app, None).post("/invitations/accept", body)
    deleted(mine, alice)
    login = {"email": "dana@example.org", "password": PASSWORD}
    refused = app.test_client().post("/api/v1/auth/login", json=login)
    assert (refused.status_code, "being deleted" in refused.json["detail"]) == (401, True)


def test_a_former_owner_is_out_as_well(alice: Person, mine: ApiClient) -> None:
    erin = add_member(alice, "erin", "Owner")
    deleted(mine, alice)
    assert erin.api.get("/me").status_code == 200
    mine.patch(f"/members/{erin.actor.user_id}", {"role": "Admin"})
    assert erin.api.get("/me").status_code == 401


def test_nothing_is_erased_before_its_time(alice: Person, mine: ApiClient, superuser: Engine) -> None:
    assert erase_due(alice.host) == 0
    deleted(mine, alice)
    assert erase_due(alice.host) == 0
    ask = "SELECT erase_organization(:gone) AS done"
    assert alice.host.ask(ask, gone=alice.actor.organization_id)[0]["done"] is False
    let_grace_pass(superuser, alice)
    restored(mine, alice)
    assert erase_due(alice.host) == 0
    assert mine.get("/me").status_code == 200


def test_it_is_erased_whole_and_nothing_of_others(
    app: Flask, alice: Person, charlie: Person, superuser: Engine
) -> None:
    everything_of(charlie)
    other, theirs = rows_of(superuser, alice), rows_of(superuser, charlie)
    assert len(theirs) > 25
    assert deleted(signed_in(app, charlie.email), charlie, "Organization B").status_code == 200
    let_grace_pass(superuser, charlie)
    assert sweep(charlie.host).erased == 1
    assert rows_of(superuser, charlie) == {}
    assert rows_of(superuser, alice) == other
    assert charlie.api.get("/me").status_code == 401
    refused = app.test_client().post("/api/v1/auth/login", json={"email": charlie.email, "password": PASSWORD})
    assert refused.status_code == 401
    with superuser.connect() as connection:
        people = connection.scalars(text("SELECT email FROM app_user ORDER BY email")).all()
    assert people == ["alice@example.org", "bob@example.org", "charlie@example.org"], "people keep their accounts"


def test_one_that_cannot_be_erased_stops_no_other(
    alice: Person, charlie: Person, superuser: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for person in (alice, charlie):
        let_grace_pass(superuser, person)
    asked = type(alice.host).ask

    def ask(host: Any, statement: str, **values: Any) -> Any:
        if values.get("gone") == alice.actor.organization_id:
            raise OperationalError(statement, None, Exception("a lock"))
        return asked(host, statement, **values)

    monkeypatch.setattr(type(alice.host), "ask", ask)
    assert erase_due(alice.host) == 1
    assert rows_of(superuser, charlie) == {}
    monkeypatch.undo()
    assert erase_due(alice.host) == 1


def test_what_is_erased_meanwhile_and_what_is_held_is_left_alone(alice: Person, superuser: Engine) -> None:
    let_grace_pass(superuser, alice)
    with alice.scope() as scope, scope.atomic():
        hold_members(scope)  # as whoever restores it does
        assert erase_due(alice.host) == 0
    assert erase_due(alice.host) == 1
    assert erase_due(alice.host) == 0


def test_the_application_erases_nothing_by_itself(alice: Person) -> None:
    allowed = text("SELECT has_function_privilege('rhesis_app', 'erase_rows(uuid)', 'EXECUTE')")
    with alice.scope() as scope:
        assert scope.session.scalar(allowed) is False


def test_the_page_deletes_and_restores(alice: Person, bob: Person) -> None:
    assert bob.web.get("/organizations").status_code == 200
    page = alice.web.get(SETTINGS)
    assert "Type “Organization A” to confirm" in page.text
    refused = alice.web.post(f"{SETTINGS}/delete", {"name": "Organization"})
    assert (refused.status_code, "Type the name as it is" in refused.text) == (422, True)
    assert alice.web.post(f"{SETTINGS}/delete", {"name": "Organization A"}).headers["Location"] == SETTINGS
    closed = alice.web.get(SETTINGS).text
    assert "Restore the organization" in closed
    assert "Being deleted" in alice.web.get("/organizations").text
    assert bob.web.get("/organizations").status_code == 303
    alice.web.post(f"{SETTINGS}/restore")
    assert "“Organization A” is back" in alice.web.get(SETTINGS).text
    assert bob.web.get(SETTINGS).status_code == 403
    admin = add_member(alice, "erin", "Admin").web
    assert "to confirm" not in admin.get(SETTINGS).text
    assert admin.post(f"{SETTINGS}/name", {"name": "Renamed"}).headers["Location"] == SETTINGS
    assert admin.post(f"{SETTINGS}/name", {"name": " "}).status_code == 422
    assert admin.post(f"{SETTINGS}/delete", {"name": "Renamed"}).status_code == 403
