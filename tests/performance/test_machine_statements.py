"""How many statements tokens and service accounts take: the same for a few and for many."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from werkzeug.test import TestResponse

from tests.people import PASSWORD, ApiClient, Person, signed_in
from tests.performance.test_run_statements import taken

Watch = Callable[[], AbstractContextManager[list[str]]]


def service(client: ApiClient, name: str) -> dict[str, Any]:
    return dict(client.post("/service-accounts", {"name": name, "role": "Member"}).json)


def test_machines_keep_their_budgets(alice: Person, statements: Watch) -> None:
    address = f"/service-accounts/{service(alice.api, 'First')['id']}"
    alice.api.post(f"{address}/tokens", {"name": "first"})

    def counts() -> dict[str, int]:
        lists = ("/service-accounts", f"{address}/tokens", "/tokens")
        pages = ("/settings/tokens", f"/settings{address}")
        return {
            **{f"page {path}": taken(statements, lambda path=path: alice.web.get(path)) for path in pages},
            **{f"list {path}": taken(statements, lambda path=path: alice.api.get(path)) for path in lists},
            f"item {address}": taken(statements, lambda: alice.api.get(address)),
        }

    few = counts()
    for number in range(10):
        service(alice.api, f"Another {number}")
        alice.api.post(f"{address}/tokens", {"name": f"another {number}"})
        alice.api.post("/tokens", {"name": f"mine {number}"})
    assert counts() == few
    budgets = {"page": 8, "list": 6, "item": 4}
    assert {name: count for name, count in few.items() if count > budgets[name.split()[0]]} == {}


def test_what_changes_machines_keeps_its_budget(alice: Person, statements: Watch) -> None:
    account = service(alice.api, "First")
    address = f"/service-accounts/{account['id']}"
    token = alice.api.post(f"{address}/tokens", {"name": "first"}).json["id"]
    person = signed_in(alice.app, alice.email)
    another = person.post("/organizations", {"name": "Another"}).json["id"]
    login = {"email": alice.email, "password": PASSWORD}
    refresh = alice.app.test_client().post("/api/v1/auth/login", json=login).json["refresh_token"]
    deeds: dict[str, Callable[[], TestResponse]] = {
        "make an account": lambda: alice.api.post("/service-accounts", {"name": "Second", "role": "Viewer"}),
        "change it": lambda: alice.api.patch(address, {"role": "Viewer", "name": "Renamed"}),
        "make its token": lambda: alice.api.post(f"{address}/tokens", {"name": "second"}),
        "revoke its token": lambda: alice.api.delete(f"{address}/tokens/{token}"),
        "delete it": lambda: alice.api.delete(address),
        "make a token": lambda: alice.api.post("/tokens", {"name": "mine"}),
        "refresh": lambda: ApiClient(alice.app, None).post("/auth/refresh", {"refresh_token": refresh}),
        "switch": lambda: person.post("/auth/switch", {"organization_id": another}),
    }
    counts = {}
    for name, do in deeds.items():
        with statements() as seen:
            assert do().status_code in {200, 201, 204}, name
        counts[name] = len(seen)
    assert {name: count for name, count in counts.items() if count > 10} == {}
