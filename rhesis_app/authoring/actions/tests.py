"""What changes tests."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import func

from rhesis_app.authoring.actions.prompt_sources import take_from_prompts
from rhesis_app.authoring.actions.requirements import ensure_requirements
from rhesis_app.authoring.actions.rows import write_tests
from rhesis_app.authoring.models import Test
from rhesis_app.authoring.queries.tests import TestView, get_test
from rhesis_app.authoring.rules.tests import PromptSource, TestContent, check_content, content_hash
from rhesis_app.kernel.etags import require_match
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.queries import get_project


def create_test(scope: Scope, project_id: UUID, content: TestContent) -> TestView:
    """Make a single-turn test; its requirement is found by name or made. Raises Invalid at the fields, NotFound."""
    scope.require(Permission.TEST_WRITE, project=project_id)
    get_project(scope, project_id)
    checked = check_content(*take_from_prompts(scope, project_id, [content]))
    with scope.atomic():
        (test_id,) = write_tests(scope, project_id, [checked])
        scope.record("test.create", "test", test_id)
        return get_test(scope, test_id)


def update_test(scope: Scope, test_id: UUID, changes: Mapping[str, Any], *, if_match: str | None = None) -> TestView:
    """Change a test; versions that runs froze keep theirs. `changes` are fields of TestContent, those that change alone.

    A prompt that is given as text is taken from nowhere any more. Raises Invalid at the fields, NotFound, PreconditionFailed.
    """
    with scope.atomic() as session:
        row = _held(scope, test_id, Permission.TEST_WRITE)
        require_match(if_match, row.id, row.updated_at)
        content = check_content(_changed(scope, row, changes))
        if "requirement" in changes:
            row.requirement_id = _requirement(scope, row.project_id, content.requirement)
        row.expected = content.expected
        row.messages = [dict(message) for message in content.messages]
        row.context, row.facts = list(content.context), dict(content.metadata)
        row.trials = content.trials
        say_in(row, content)
        session.flush()
        scope.record("test.update", "test", row.id)
        return get_test(scope, row.id)


def archive_test(scope: Scope, test_id: UUID) -> TestView:
    """Put a test aside: new versions of its test sets leave it out, past ones keep it. Doing it twice changes nothing."""
    return _set_archived(scope, test_id, "test.archive", is_archived=True)


def restore_test(scope: Scope, test_id: UUID) -> TestView:
    """Bring an archived test back, into the test sets it was in."""
    return _set_archived(scope, test_id, "test.restore", is_archived=False)


def _set_archived(scope: Scope, test_id: UUID, action: str, *, is_archived: bool) -> TestView:
    with scope.atomic() as session:
        row = _held(scope, test_id, Permission.TEST_DELETE)
        if (row.archived_at is not None) != is_archived:
            row.archived_at = func.now() if is_archived else None
            session.flush()
            scope.record(action, "test", row.id)
        return get_test(scope, row.id)


def _held(scope: Scope, test_id: UUID, permission: Permission) -> Test:
    """The row, locked until the transaction ends, when the actor may change it."""
    row = scope.get(Test, test_id, lock=True)
    scope.require(permission, project=row.project_id)
    return row


def _changed(scope: Scope, row: Test, changes: Mapping[str, Any]) -> TestContent:
    content = replace(content_of(row), **changes)
    if changes.get("source") is not None:
        (content,) = take_from_prompts(scope, row.project_id, [content], now=row)
    elif "prompt" in changes:
        content = replace(content, source=None)
    return content


def say_in(row: Test, content: TestContent) -> None:
    """Give a row its text with where it comes from; everything else of the content stands in the row already."""
    row.prompt = content.prompt
    row.prompt_version_id = content.source.version_id if content.source else None
    row.prompt_values = dict(content.source.values or {}) if content.source else {}
    row.content_hash = content_hash(content, row.requirement_id)


def content_of(row: Test) -> TestContent:
    """What the row holds, without its requirement's name."""
    return TestContent(
        prompt=row.prompt,
        expected=row.expected,
        messages=tuple(row.messages),
        context=tuple(row.context),
        metadata=row.facts,
        source=PromptSource(version_id=row.prompt_version_id, values=row.prompt_values)
        if row.prompt_version_id
        else None,
        trials=row.trials,
    )


def _requirement(scope: Scope, project_id: UUID, name: str | None) -> UUID | None:
    return ensure_requirements(scope, project_id, [name])[name] if name is not None else None
