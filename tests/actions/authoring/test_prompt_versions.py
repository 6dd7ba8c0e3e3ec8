"""Versions of a prompt: numbered without gaps whoever writes at the same moment, and never changed."""

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from rhesis_app.authoring.actions.prompts import NewPrompt, NewPromptVersion, create_prompt, save_prompt_version
from rhesis_app.authoring.models import PromptVersion
from rhesis_app.authoring.queries.prompts import list_versions
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.paging import PageRequest
from rhesis_app.projects.queries import ProjectView
from tests.people import Person

WRITERS = 8


@pytest.fixture
def prompt_id(alice: Person, project: ProjectView) -> UUID:
    with alice.scope() as scope:
        return create_prompt(scope, NewPrompt(project_id=project.id, name="Greeting", template="Hello {{ name }}")).id


def test_versions_written_at_the_same_moment_get_numbers_in_a_row(alice: Person, prompt_id: UUID) -> None:
    together = threading.Barrier(WRITERS, timeout=20)

    def save(number: int) -> int:
        with alice.scope() as scope:
            together.wait()
            return save_prompt_version(scope, prompt_id, NewPromptVersion(template=f"Text {number}")).version

    with ThreadPoolExecutor(WRITERS) as pool:
        numbers = sorted(pool.map(save, range(WRITERS)))
    assert numbers == list(range(2, WRITERS + 2))


def test_one_text_saved_at_the_same_moment_is_one_version(alice: Person, prompt_id: UUID) -> None:
    together = threading.Barrier(WRITERS, timeout=20)

    def save(_number: int) -> tuple[int, bool]:
        with alice.scope() as scope:
            together.wait()
            made = save_prompt_version(scope, prompt_id, NewPromptVersion(template="The same"))
            return made.version, made.is_new

    with ThreadPoolExecutor(WRITERS) as pool:
        found = list(pool.map(save, range(WRITERS)))
    assert {version for version, _ in found} == {2}
    assert sum(is_new for _, is_new in found) == 1
    assert alice.count(PromptVersion, prompt_id=prompt_id) == 2


@pytest.mark.parametrize("statement", ["UPDATE prompt_version SET template = 'x'", "DELETE FROM prompt_version"])
def test_a_version_can_be_neither_changed_nor_deleted(alice: Person, prompt_id: UUID, statement: str) -> None:
    with alice.scope() as scope, pytest.raises(ProgrammingError, match="permission denied"):
        scope.session.execute(text(statement))


def test_a_version_cannot_belong_to_another_organizations_prompt(charlie: Person, prompt_id: UUID) -> None:
    statement = text(
        "INSERT INTO prompt_version (id, organization_id, prompt_id, number, template, variables)"
        " VALUES (:id, :organization, :prompt, 7, 'x', '{}')"
    )
    values = {"id": new_id(), "organization": charlie.actor.organization_id, "prompt": prompt_id}
    with charlie.scope() as scope, pytest.raises(IntegrityError):
        scope.session.execute(statement, values)


def test_a_version_says_who_wrote_it(alice: Person, prompt_id: UUID) -> None:
    with alice.scope() as scope:
        save_prompt_version(scope, prompt_id, NewPromptVersion(template="Hi", note=" Shorter "))
        newest, first = list_versions(scope, prompt_id, PageRequest()).items
    assert (newest.author, newest.note, newest.variables) == ("Alice", "Shorter", ())
    assert (first.author, first.note, first.variables) == ("Alice", "", ("name",))
