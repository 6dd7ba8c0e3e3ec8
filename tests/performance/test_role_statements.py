"""How many statements roles, members of projects and the organization's settings take: the same for a few and for many."""

from collections.abc import Callable

from flask import Flask
from werkzeug.test import TestResponse

from rhesis_app.projects.queries import ProjectView
from tests.people import Person, add_member, signed_in
from tests.performance.test_people_statements import Watch
from tests.performance.test_run_statements import taken


def test_roles_and_members_of_projects_keep_their_budgets(
    alice: Person, bob: Person, project: ProjectView, statements: Watch
) -> None:
    members, role = f"/projects/{project.id}/members", alice.api.post("/roles", {"name": "First", "permissions": []})
    first = alice.api.post(members, {"user_id": str(bob.actor.user_id), "role": "Member"})
    budgets = {
        f"{members}?count=true": 6,
        f"{members}/{first.json['user_id']}": 4,
        "/roles": 6,
        f"/roles/{role.json['id']}": 4,
        f"/p/{project.slug}/members": 8,
        "/settings/roles": 8,
        "/settings/organization": 8,
    }

    def counts() -> dict[str, int]:
        return {
            path: taken(
                statements,
                lambda path=path: (alice.web if path.startswith(("/p/", "/settings")) else alice.api).get(path),
            )
            for path in budgets
        }

    few = counts()
    for number in range(10):
        somebody = add_member(alice, f"member{number}", "Member")
        alice.api.post("/roles", {"name": f"Role {number}", "permissions": ["run:read"]})
        alice.api.post(members, {"user_id": str(somebody.actor.user_id), "role": f"Role {number}"})
    assert counts() == few
    assert {path: count for path, count in few.items() if count > budgets[path]} == {}


def test_what_changes_them_keeps_its_budget(
    app: Flask, alice: Person, bob: Person, project: ProjectView, statements: Watch
) -> None:
    """Deleting an organization, which happens once, is let off."""
    who, members = str(bob.actor.user_id), f"/projects/{project.id}/members"
    role = alice.api.post("/roles", {"name": "First", "permissions": ["member:manage", "run:read"]}).json["id"]
    mine, here = signed_in(app, alice.email), f"/organizations/{alice.actor.organization_id}"
    alice.api.patch(f"/members/{who}", {"role": "First"})
    deeds: dict[str, Callable[[], TestResponse]] = {
        "make a role": lambda: alice.api.post("/roles", {"name": "Second", "permissions": ["run:read"]}),
        "narrow it": lambda: alice.api.patch(f"/roles/{role}", {"permissions": ["run:read"]}),
        "add to a project": lambda: alice.api.post(members, {"user_id": who, "role": "Member"}),
        "change there": lambda: alice.api.patch(f"{members}/{who}", {"role": "Second"}),
        "take away": lambda: alice.api.delete(f"{members}/{who}"),
        "restore": lambda: mine.post(f"{here}/restore"),
        "rename": lambda: mine.patch(here, {"name": "Renamed"}),
        "hand over": lambda: mine.post(f"{here}/transfer", {"user_id": who, "role": "Second"}),
    }
    counts = {}
    for name, do in deeds.items():
        with statements() as seen:
            answer = do()
        assert answer.status_code in {200, 201, 204}, (name, answer.text)
        counts[name] = len(seen)
    assert {name: count for name, count in counts.items() if count > 10} == {}
