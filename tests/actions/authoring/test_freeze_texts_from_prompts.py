"""What a run freezes of a test from a prompt: the text and where it came from, whatever becomes of the prompt."""

from uuid import UUID

import pytest
from sqlalchemy import select

from rhesis_app.authoring.actions.freeze import FrozenTestSet, freeze_test_set
from rhesis_app.authoring.actions.prompts import (
    NewPrompt,
    NewPromptVersion,
    archive_prompt,
    create_prompt,
    rename_prompt,
    save_prompt_version,
)
from rhesis_app.authoring.actions.sets import NewTestSet, create_test_set
from rhesis_app.authoring.actions.tests import update_test
from rhesis_app.authoring.models import TestSetVersionItem, TestVersion
from rhesis_app.authoring.queries.prompts import PromptView
from rhesis_app.authoring.queries.tests import TestFilter, list_tests
from rhesis_app.authoring.rules.tests import PromptSource, TestContent
from rhesis_app.kernel.paging import PageRequest
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.queries import ProjectView
from tests.people import Person


@pytest.fixture
def prompt(alice: Person, project: ProjectView) -> PromptView:
    with alice.scope() as scope:
        return create_prompt(scope, NewPrompt(project_id=project.id, name="Order", template="Where is {{ order }}?"))


@pytest.fixture
def test_set_id(alice: Person, project: ProjectView, prompt: PromptView) -> UUID:
    source = PromptSource(version_id=prompt.version_id, values={"order": "{{ 42 }}"})
    with alice.scope() as scope:
        new = NewTestSet(project_id=project.id, name="Regression", tests=(TestContent(source=source),))
        return create_test_set(scope, new).id


test_set_id.__test__ = False  # type: ignore[attr-defined]


def freeze(scope: Scope, test_set_id: UUID) -> FrozenTestSet:
    with scope.atomic():
        return freeze_test_set(scope, test_set_id)


def frozen(scope: Scope, version_id: UUID) -> TestVersion:
    item = TestSetVersionItem
    query = (
        select(TestVersion)
        .join(item, item.test_version_id == TestVersion.id)
        .where(item.test_set_version_id == version_id)
    )
    return scope.session.scalars(query).one()


def only_test(scope: Scope, test_set_id: UUID) -> UUID:
    return list_tests(scope, PageRequest(), TestFilter(test_set_id=test_set_id)).items[0].id


def test_a_frozen_test_has_the_text_and_where_it_came_from(
    alice: Person, prompt: PromptView, test_set_id: UUID
) -> None:
    with alice.scope() as scope:
        kept = frozen(scope, freeze(scope, test_set_id).id)
        assert kept.prompt == "Where is {{ 42 }}?"
        assert (kept.prompt_version_id, kept.prompt_values) == (prompt.version_id, {"order": "{{ 42 }}"})


def test_whatever_becomes_of_the_prompt_the_frozen_version_is_the_same(
    alice: Person, prompt: PromptView, test_set_id: UUID
) -> None:
    with alice.scope() as scope:
        before = freeze(scope, test_set_id)
        save_prompt_version(scope, prompt.id, NewPromptVersion(template="Track {{ order }}"))
        rename_prompt(scope, prompt.id, "Other")
        archive_prompt(scope, prompt.id)
        assert freeze(scope, test_set_id) == before
        assert frozen(scope, before.id).prompt == "Where is {{ 42 }}?"


def test_a_newer_version_in_the_test_is_a_new_frozen_version_and_the_old_one_stays(
    alice: Person, prompt: PromptView, test_set_id: UUID
) -> None:
    with alice.scope() as scope:
        before = freeze(scope, test_set_id)
        newer = save_prompt_version(scope, prompt.id, NewPromptVersion(template="Track {{ order }}"))
        update_test(scope, only_test(scope, test_set_id), {"source": PromptSource(prompt_id=prompt.id)})
        after = freeze(scope, test_set_id)
        assert (before.number, after.number) == (1, 2)
        old, new = frozen(scope, before.id), frozen(scope, after.id)
        assert (old.prompt, old.prompt_version_id) == ("Where is {{ 42 }}?", prompt.version_id)
        assert (new.prompt, new.prompt_version_id) == ("Track {{ 42 }}", newer.id)


def test_the_same_text_written_by_hand_is_another_frozen_test(
    alice: Person, prompt: PromptView, test_set_id: UUID
) -> None:
    with alice.scope() as scope:
        before = freeze(scope, test_set_id)
        update_test(scope, only_test(scope, test_set_id), {"prompt": "Where is {{ 42 }}?"})
        after = freeze(scope, test_set_id)
        assert after.number == 2
        assert frozen(scope, after.id).prompt_version_id is None
        assert frozen(scope, before.id).prompt_version_id == prompt.version_id
