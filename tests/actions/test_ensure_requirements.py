"""Requirements by name, made when missing."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from uuid import UUID

import pytest

from rhesis_app.authoring.actions.requirements import (
    NewRequirement,
    archive_requirement,
    create_requirement,
    ensure_requirements,
)
from rhesis_app.authoring.models import Requirement
from rhesis_app.kernel.errors import Forbidden, Invalid, NotFound
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.queries import ProjectView
from rhesis_app.tenancy.models import AuditEntry
from tests.people import Person

Statements = Callable[[], AbstractContextManager[list[str]]]


def test_what_is_there_is_found_and_the_rest_is_made(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        old = create_requirement(scope, NewRequirement(project_id=project.id, name="Polite")).id
        found = ensure_requirements(scope, project.id, ["Polite", " Polite ", "Brief", "Brief\n"])
    assert set(found) == {"Polite", " Polite ", "Brief", "Brief\n"}
    assert found["Polite"] == found[" Polite "] == old
    assert found["Brief"] == found["Brief\n"] != old
    assert alice.count(Requirement) == 2
    assert alice.count(AuditEntry, action="requirement.create") == 2


def test_a_second_time_makes_nothing(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        first = ensure_requirements(scope, project.id, {"A", "B"})
        assert ensure_requirements(scope, project.id, {"A", "B"}) == first
        assert ensure_requirements(scope, project.id, []) == {}
    assert alice.count(Requirement) == 2


def test_an_archived_name_and_another_projects_name_do_not_count(alice: Person, project: ProjectView) -> None:
    other = alice.api.post("/projects", {"name": "Warehouse"}).json["id"]
    with alice.scope() as scope:
        old = ensure_requirements(scope, project.id, ["A"])["A"]
        archive_requirement(scope, old)
        again = ensure_requirements(scope, project.id, ["A"])["A"]
        theirs = ensure_requirements(scope, UUID(other), ["A"])["A"]
    assert len({old, again, theirs}) == 3


def test_a_thousand_names_take_no_more_statements_than_one(
    alice: Person, project: ProjectView, statements: Statements
) -> None:
    with alice.scope() as scope, scope.atomic(), statements() as seen:
        found = ensure_requirements(scope, project.id, [f"Requirement {number}" for number in range(1000)])
    assert len(set(found.values())) == 1000
    # who asks, look, make, look again, and the audit entries
    assert len(seen) <= 6, [statement[:80] for statement in seen]


@pytest.mark.parametrize("name", ["", "   ", "x" * 121, "a\0b"])
def test_a_bad_name_is_refused(alice: Person, project: ProjectView, name: str) -> None:
    with alice.scope() as scope, pytest.raises(Invalid) as raised:
        ensure_requirements(scope, project.id, ["Fine", name])
    assert list(raised.value.errors) == ["requirement"]
    assert alice.count(Requirement) == 0


def test_who_may_write_tests_may_name_requirements_and_others_may_not(
    alice: Person, bob: Person, project: ProjectView
) -> None:
    with bob.scope() as scope, pytest.raises(Forbidden):
        ensure_requirements(scope, project.id, ["A"])
    writes = replace(bob.actor, permissions=bob.actor.permissions | {Permission.TEST_WRITE})
    with bob.host.open_scope(writes) as scope:
        assert ensure_requirements(scope, project.id, ["A"])


def test_no_one_reaches_into_a_project_a_token_is_not_for(alice: Person, project: ProjectView) -> None:
    other = alice.api.post("/projects", {"name": "Warehouse"}).json["id"]
    narrowed = replace(alice.actor, kind="token", only_project=project.id)
    with alice.host.open_scope(narrowed) as scope, pytest.raises((Forbidden, NotFound)):
        ensure_requirements(scope, UUID(other), ["A"])
