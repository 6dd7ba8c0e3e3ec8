"""Who may what, found out by doing it: every route that needs a permission, asked with it and without it."""

from collections.abc import Callable, Iterable
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import BUILT_IN_ROLES, ORGANIZATION_WIDE, Permission
from rhesis_app.projects.queries import ProjectView
from tests.people import Person, add_member
from tests.security.matrix import Cell, cells
from tests.security.principals import add_colleague, join_project, make_role

pytestmark = pytest.mark.timeout(600)


# a page that changes something shows what is there as well
READ = frozenset(one for one in Permission if one.endswith(":read"))


# what is shown afterwards needs another permission besides
SHOWS_MORE = {"POST /p/<slug>/endpoints/model/try": Permission.ENDPOINT_WRITE}
# some of both: who makes accounts for programs also makes their tokens
SERVICES = ("service_accounts.", "service_accounts_api.")


@pytest.fixture
def guarded(app: Flask, project: ProjectView) -> list[tuple[Permission, Cell]]:
    """Every rule and method that needs a permission; nobody has the rows that they name, but the project is there."""
    nobodys = {name: new_id() for rule in app.url_map.iter_rules() for name in rule.arguments}
    words = {"slug": project.slug, "number": 4711, "key": "json.run", "file_format": "jsonl"}
    return [(cell.permission, cell) for cell in cells(app, nobodys | words) if cell.permission is not None]


def status(person: Person, cell: Cell) -> int:
    """What this person is answered there."""
    if cell.side == "api":
        return person.api.open(cell.method, cell.path, json=cell.body).status_code
    return (person.web.get(cell.path) if cell.method == "GET" else person.web.post(cell.path)).status_code


def wrongly(person: Person, may: Iterable[Permission], asked: list[tuple[Permission, Cell]]) -> list[str]:
    """Where somebody with these permissions is let in without the one that is needed, or refused with it."""
    held = frozenset(may)
    found = []
    for permission, cell in asked:
        more = Permission.TOKEN_MANAGE if cell.rule.endpoint.startswith(SERVICES) else SHOWS_MORE.get(str(cell))
        if permission in held and more is not None and more not in held:
            continue
        got = status(person, cell)
        if (got == 403) == (permission in held) or got == 401 or got >= 500:
            found.append(f"{cell} needs {permission}: {got}")
    return found


def test_every_built_in_role_may_exactly_what_the_table_says(
    alice: Person, guarded: list[tuple[Permission, Cell]], figure: Callable[..., None]
) -> None:
    faults, executed = [], 0
    for role, may in BUILT_IN_ROLES.items():
        person = add_member(alice, f"a-{role.lower()}", role)
        faults += [f"{role}: {fault}" for fault in wrongly(person, may, guarded)]
        executed += len(guarded)
    how = "each route that needs a permission × the four built-in roles"
    figure("roles/built-in: cells executed", executed, None, None, how)
    figure("roles/built-in: wrong answers", len(faults), "= 0", not faults, how)
    assert not faults, "\n".join(faults)


def change_role(superuser: Engine, role_id: UUID, may: Iterable[Permission]) -> None:
    """From the next request on."""
    statement = text("UPDATE role SET permissions = CAST(:may AS text[]) WHERE id = :id")
    with superuser.connect() as connection:
        connection.execute(statement, {"may": [str(one) for one in may], "id": role_id})


def test_a_custom_role_of_each_permission_opens_its_routes_and_no_others(
    alice: Person, superuser: Engine, guarded: list[tuple[Permission, Cell]], figure: Callable[..., None]
) -> None:
    """With all reading it opens its routes, and every other one together does not; both from the next request on."""
    role_id = make_role(alice, "Changing", ())
    person = add_colleague(alice, "dana", role_id)
    _ = person.api, person.web
    faults, executed = [], 0
    for permission in Permission:
        asked = [(needed, cell) for needed, cell in guarded if needed == permission]
        for may in (READ | {permission}, set(Permission) - {permission}):
            change_role(superuser, role_id, may)
            faults += wrongly(person, may, asked)
            executed += len(asked)
    how = "each permission's routes × a role of it and of all reading, and a role of all others, changed between two requests"
    figure("roles/custom: cells executed", executed, None, None, how)
    figure("roles/custom: wrong answers", len(faults), "= 0", not faults, how)
    assert not faults, "\n".join(faults)


def test_a_role_in_one_project_opens_that_project_and_nothing_else(
    alice: Person,
    superuser: Engine,
    project: ProjectView,
    guarded: list[tuple[Permission, Cell]],
    figure: Callable[..., None],
) -> None:
    """Nothing in the organization, one permission and all reading in the project: its pages open, the organization does not."""
    nothing, there = make_role(alice, "Nothing", ()), make_role(alice, "There", ())
    person = add_colleague(alice, "dana", nothing)
    join_project(person, project.id, there)
    _ = person.api, person.web
    faults, executed = [], 0
    for permission in Permission:
        asked = [(needed, cell) for needed, cell in guarded if needed == permission]
        inside = [one for one in asked if "slug" in one[1].rule.arguments]
        change_role(superuser, there, READ | {permission})
        faults += wrongly(person, {permission}, inside)
        if permission in ORGANIZATION_WIDE:
            done = [cell for _, cell in asked if cell.method != "GET" and status(person, cell) < 400]
            faults += [f"{cell} is done with {permission} in one project" for cell in done]
        change_role(superuser, there, set(Permission) - {permission})
        faults += wrongly(person, (), asked)
        executed += len(asked) + len(inside)
    how = "each permission's routes × a project role of it, and a project role of all others"
    figure("roles/project: cells executed", executed, None, None, how)
    figure("roles/project: wrong answers", len(faults), "= 0", not faults, how)
    assert not faults, "\n".join(faults)
