"""A program takes its session to another organization; and a token ends with the one that made it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from rhesis_app.kernel.ids import new_id
from rhesis_app.tenancy.models import AuditEntry
from tests.people import PASSWORD, ApiClient, Person, signed_in


@pytest.fixture
def pair(app: Flask, alice: Person) -> dict[str, Any]:
    """Alice's program has logged in."""
    answer = app.test_client().post("/api/v1/auth/login", json={"email": alice.email, "password": PASSWORD})
    return dict(answer.json)


@pytest.fixture
def another(app: Flask, pair: dict[str, Any]) -> str:
    """The id of another organization of Alice's."""
    answer = ApiClient(app, pair["access_token"]).post("/organizations", {"name": "Another"})
    return str(answer.json["id"])


def refreshed(app: Flask, token: str) -> Any:
    return app.test_client().post("/api/v1/auth/refresh", json={"refresh_token": token})


def organization(app: Flask, access: str) -> str:
    return str(ApiClient(app, access).get("/me").json["organization"]["id"])


def test_switching_gives_tokens_for_the_other_organization(
    app: Flask, alice: Person, pair: dict[str, Any], another: str
) -> None:
    answer = ApiClient(app, pair["access_token"]).post("/auth/switch", {"organization_id": another})
    assert answer.status_code == 200, answer.text
    assert set(answer.json) == set(pair)
    assert organization(app, answer.json["access_token"]) == another
    following = refreshed(app, answer.json["refresh_token"])
    assert following.status_code == 200
    assert organization(app, following.json["access_token"]) == another


def test_the_refresh_token_before_ends(app: Flask, pair: dict[str, Any], another: str, superuser: Engine) -> None:
    switched = ApiClient(app, pair["access_token"]).post("/auth/switch", {"organization_id": another}).json
    assert refreshed(app, pair["refresh_token"]).status_code == 401
    assert refreshed(app, switched["refresh_token"]).status_code == 200
    with superuser.connect() as connection:
        connection.execute(text("UPDATE refresh_token SET used_at = used_at - interval '11 seconds'"))
    assert refreshed(app, pair["refresh_token"]).status_code == 401
    assert ApiClient(app, switched["access_token"]).get("/me").status_code == 401, (
        "it came back late: the session has ended"
    )


def test_switching_and_refreshing_at_once_leave_one_refresh_token(
    app: Flask, pair: dict[str, Any], another: str, superuser: Engine
) -> None:
    client = ApiClient(app, pair["access_token"])
    with ThreadPoolExecutor(2) as pool:
        switching = pool.submit(client.post, "/auth/switch", {"organization_id": another})
        refreshing = pool.submit(refreshed, app, pair["refresh_token"])
        assert switching.result().status_code == 200
        assert refreshing.result().status_code in {200, 401}
    with superuser.connect() as connection:
        unused = connection.scalar(text("SELECT count(*) FROM refresh_token WHERE used_at IS NULL"))
    assert unused == 1


@pytest.mark.parametrize("whose", ["nobodys", "charlies"])
def test_nobody_switches_to_where_they_do_not_belong(
    app: Flask, charlie: Person, pair: dict[str, Any], whose: str
) -> None:
    wanted: UUID = new_id() if whose == "nobodys" else charlie.actor.organization_id
    answer = ApiClient(app, pair["access_token"]).post("/auth/switch", {"organization_id": str(wanted)})
    assert answer.status_code == 404
    assert refreshed(app, pair["refresh_token"]).status_code == 200


def test_a_token_stays_where_it_is(alice: Person) -> None:
    answer = alice.api.post("/auth/switch", {"organization_id": str(alice.actor.organization_id)})
    assert answer.status_code == 403


def child_of(app: Flask, maker: ApiClient, **wanted: Any) -> tuple[ApiClient, dict[str, Any]]:
    answer = maker.post("/tokens", {"name": "Child", **wanted})
    assert answer.status_code == 201, answer.text
    return ApiClient(app, answer.json["token"]), answer.json


def test_revoking_a_token_ends_what_it_made_and_nothing_else(app: Flask, alice: Person) -> None:
    person = signed_in(app, alice.email)
    maker, told = child_of(app, person)
    child, _ = child_of(app, maker)
    grandchild, _ = child_of(app, child)
    other, _ = child_of(app, person)
    assert [client.get("/me").status_code for client in (maker, child, grandchild, other)] == [200] * 4
    assert person.delete(f"/tokens/{told['id']}").status_code == 200
    assert [client.get("/me").status_code for client in (maker, child, grandchild, other)] == [401, 401, 401, 200]
    with alice.scope() as scope:
        entry = scope.session.query(AuditEntry).filter_by(action="token.revoke").one()
    assert entry.facts["ended"] == 3


def test_a_child_that_is_revoked_takes_its_maker_nowhere(app: Flask, alice: Person) -> None:
    maker, _ = child_of(app, signed_in(app, alice.email))
    child, told = child_of(app, maker)
    assert maker.delete(f"/tokens/{told['id']}").status_code == 200
    assert (maker.get("/me").status_code, child.get("/me").status_code) == (200, 401)


def test_what_a_token_made_for_a_service_account_ends_with_it(app: Flask, alice: Person) -> None:
    person = signed_in(app, alice.email)
    maker, told = child_of(app, person)
    service = person.post("/service-accounts", {"name": "CI", "role": "Member"}).json
    made = maker.post(f"/service-accounts/{service['id']}/tokens", {"name": "CI"}).json
    client = ApiClient(app, made["token"])
    assert client.get("/me").status_code == 200
    person.delete(f"/tokens/{told['id']}")
    assert client.get("/me").status_code == 401


def test_no_token_outlives_its_maker_by_being_made_at_the_same_moment(app: Flask, alice: Person) -> None:
    """Whichever comes first: the new token is refused, or it ends with its maker."""
    person = signed_in(app, alice.email)
    for _ in range(5):
        maker, told = child_of(app, person)
        with ThreadPoolExecutor(5) as pool:
            making = [pool.submit(maker.post, "/tokens", {"name": "Late"}) for _ in range(4)]
            assert pool.submit(person.delete, f"/tokens/{told['id']}").result().status_code == 200
        for one in making:
            answer = one.result()
            assert answer.status_code in {201, 401}
            if answer.status_code == 201:
                assert ApiClient(app, answer.json["token"]).get("/me").status_code == 401
