"""How many statements the pages of people take: the same for a few members and for many."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from werkzeug.test import TestResponse

from rhesis_app.kernel.ids import new_id
from rhesis_app.notifications.models import Notification
from tests.people import Person, add_member
from tests.performance.test_run_statements import taken

Watch = Callable[[], AbstractContextManager[list[str]]]
PAGES = ("/settings/members", "/settings/profile", "/organizations", "/notifications", "/settings/notifications")
LISTS = ("/members?count=true", "/invitations?count=true", "/roles", "/organizations", "/sessions", "/notifications")


def test_people_keep_their_budgets(alice: Person, statements: Watch) -> None:
    def counts() -> dict[str, int]:
        lists = {path: taken(statements, lambda path=path: alice.api.get(path)) for path in LISTS}
        items = {
            path: taken(statements, lambda path=path: alice.api.get(path))
            for path in ("/me", f"/members/{alice.actor.user_id}", f"/organizations/{alice.actor.organization_id}")
        }
        return {
            **{f"page {path}": taken(statements, lambda path=path: alice.web.get(path)) for path in PAGES},
            **{f"list {path}": count for path, count in lists.items()},
            **{f"item {path}": count for path, count in items.items()},
        }

    alice.api.post("/invitations", {"email": "first@example.org", "role": "Viewer"})
    few = counts()
    for number in range(20):
        add_member(alice, f"member{number}", "Member")
        alice.api.post("/invitations", {"email": f"guest{number}@example.org", "role": "Viewer"})
    with alice.scope() as scope, scope.atomic() as session:
        for _ in range(30):
            session.add(Notification(user_id=alice.actor.user_id, event="report.ready", event_id=new_id(), title="x"))
    assert counts() == few
    budgets = {"page": 8, "list": 6, "item": 4}
    assert {name: count for name, count in few.items() if count > budgets[name.split()[0]]} == {}


def test_what_changes_people_keeps_its_budget(alice: Person, bob: Person, statements: Watch) -> None:
    member = f"/members/{bob.actor.user_id}"
    made = alice.api.post("/invitations", {"email": "first@example.org", "role": "Viewer"}).json["id"]
    again = alice.api.post("/invitations", {"email": "second@example.org", "role": "Viewer"}).json["id"]
    deeds: dict[str, Callable[[], TestResponse]] = {
        "invite": lambda: alice.api.post("/invitations", {"email": "x@example.org", "role": "Viewer"}),
        "send again": lambda: alice.api.post(f"/invitations/{again}/send"),
        "revoke": lambda: alice.api.delete(f"/invitations/{made}"),
        "change a role": lambda: alice.api.patch(member, {"role": "Member"}),
        "make an owner": lambda: alice.api.patch(member, {"role": "Owner"}),
        "take it away": lambda: alice.api.patch(member, {"role": "Viewer"}),
        "remove": lambda: alice.api.delete(member),
    }
    counts = {}
    for name, do in deeds.items():
        with statements() as seen:
            assert do().status_code in {200, 201, 204}, name
        counts[name] = len(seen)
    assert {name: count for name, count in counts.items() if count > 10} == {}
