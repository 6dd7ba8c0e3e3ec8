"""Every page address with an id: one that is nobody's, or of another project, is 404 and changes nothing."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine

from rhesis_app.kernel.ids import new_id
from rhesis_app.projects.actions import create_project
from tests.auth.rows import NOT_ROWS, QUERIES, Theirs, everything_of
from tests.people import Person
from tests.security.canaries import digests

# arguments that are no ids
WORDS = {"slug", "key", "file_format"}


@pytest.fixture
def mine(charlie: Person) -> Theirs:
    """One of everything, in one project."""
    return everything_of(charlie)


def pages(app: Flask) -> Iterator[tuple[str, str, set[str]]]:
    """Endpoint, method and arguments of every page of a row in a project."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if not rule.rule.startswith("/p/<slug>/") or rule.endpoint in NOT_ROWS or rule.arguments <= {"slug"}:
            continue
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            yield rule.endpoint, method, set(rule.arguments)


def not_refused(app: Flask, person: Person, ids: dict[str, Any]) -> list[str]:
    """The pages that answer anything but 404 to these ids."""
    found = []
    for endpoint, method, arguments in pages(app):
        with app.test_request_context():
            path = app.url_for(endpoint, **{name: ids.get(name, new_id()) for name in arguments}) + QUERIES.get(
                endpoint, ""
            )
        answer = person.web.get(path) if method == "GET" else person.web.post(path)
        if answer.status_code != 404:
            found.append(f"{method} {endpoint}: {answer.status_code}")
    return found


def test_an_id_that_is_nobodys_is_not_found(app: Flask, charlie: Person, mine: Theirs) -> None:
    made_up = {name: new_id() for name in mine.ids.keys() - WORDS} | {"number": 4711}
    assert not_refused(app, charlie, mine.ids | made_up) == []


def test_what_is_in_another_project_is_not_found_under_this_one(
    app: Flask, charlie: Person, mine: Theirs, superuser: Engine
) -> None:
    with charlie.scope() as scope:
        other = create_project(scope, "Another")
    _ = charlie.web
    before = digests(superuser, charlie.actor.organization_id)
    assert not_refused(app, charlie, mine.ids | {"slug": other.slug}) == []
    after = digests(superuser, charlie.actor.organization_id)
    assert {name for name in before if before[name] != after[name]} <= {"session", "audit_entry"}


def test_a_project_that_does_not_exist_is_not_found(app: Flask, charlie: Person, mine: Theirs) -> None:
    assert not_refused(app, charlie, mine.ids | {"slug": "no-such-project"}) == []
