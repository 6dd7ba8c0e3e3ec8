"""The test set form, parsed into the actions' arguments."""

from dataclasses import dataclass
from uuid import UUID

from werkzeug.datastructures import MultiDict

from rhesis_app.authoring.actions.sets import NewTestSet, TestSetChanges
from rhesis_app.authoring.forms.tests import uuid_or_none
from rhesis_app.authoring.queries.sets import TestSetView


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSetForm:
    """A test set as the form holds it; `metric_ids` are texts, `etag` the state that is edited."""

    __test__ = False

    name: str = ""
    description: str = ""
    metric_ids: tuple[str, ...] = ()
    etag: str = ""


def test_set_form(form: MultiDict[str, str]) -> TestSetForm:
    """What was typed and ticked."""
    return TestSetForm(
        name=form.get("name", ""),
        description=form.get("description", ""),
        metric_ids=tuple(form.getlist("metric_ids")),
        etag=form.get("etag", ""),
    )


def form_of(view: TestSetView) -> TestSetForm:
    """A test set to edit."""
    return TestSetForm(
        name=view.name,
        description=view.description,
        metric_ids=tuple(str(metric_id) for metric_id in view.metric_ids),
        etag=view.etag,
    )


def new_test_set(project_id: UUID, form: TestSetForm) -> NewTestSet:
    """The form as a test set to make."""
    return NewTestSet(
        project_id=project_id, name=form.name, description=form.description, metric_ids=_ids(form.metric_ids)
    )


def test_set_changes(form: TestSetForm) -> TestSetChanges:
    """The form as changes: it holds every field."""
    return TestSetChanges(name=form.name, description=form.description, metric_ids=_ids(form.metric_ids))


def _ids(texts: tuple[str, ...]) -> tuple[UUID, ...]:
    return tuple(found for text in texts if (found := uuid_or_none(text)) is not None)
