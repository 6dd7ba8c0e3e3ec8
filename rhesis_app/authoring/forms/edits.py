"""The form that changes many tests."""

import re
from dataclasses import replace
from uuid import UUID

from werkzeug.datastructures import MultiDict

from rhesis_app.authoring.actions.edit_many import NewEdit
from rhesis_app.authoring.forms.tests import test_filter, uuid_or_none
from rhesis_app.authoring.rules.edits import TestChanges
from rhesis_app.kernel.errors import Invalid

KEEP, NONE = "", "none"
FILTERS = ("q", "requirement", "test_set")
"""The filters of the list that the form came with."""


def new_edit(project_id: UUID, sent: MultiDict[str, str]) -> NewEdit:
    """The form as a change: to the tests ticked, or to all that its filters let through. Invalid where none is ticked."""
    is_all = sent.get("which") == "all"
    ticked = tuple(found for text in sent.getlist("test_ids") if (found := uuid_or_none(text)) is not None)
    if not is_all and not ticked:
        raise Invalid.field("test_ids", "Tick the tests to change, or choose all that match.")
    new = NewEdit(
        project_id=project_id,
        changes=_changes(sent),
        test_ids=None if is_all else ticked,
        chosen=replace(test_filter(sent, project_id), archived=False),
    )
    key = sent.get("key", "")[:64]
    return replace(new, idempotency_key=f"form-{key}-{new.body[:16]}") if key else new


def kept_filters(sent: MultiDict[str, str]) -> dict[str, str]:
    """The filters of the list, to go back to it."""
    return {name: value for name in FILTERS if (value := sent.get(name, ""))}


def _changes(sent: MultiDict[str, str]) -> TestChanges:
    wanted = sent.get("to_requirement", KEEP)
    return TestChanges(
        sets_requirement=wanted != KEEP,
        requirement=wanted.removeprefix("name:") if wanted.startswith("name:") else None,
        add_tags=_tags(sent.get("add_tags", "")),
        remove_tags=_tags(sent.get("remove_tags", "")),
        archive=sent.get("archive") == "true",
    )


def _tags(text: str) -> tuple[str, ...]:
    return tuple(tag.strip() for tag in re.split(r"[,;\n]", text) if tag.strip())
