"""The test form, parsed into a test's content. What was typed is kept for drawing it again."""

import json
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

from werkzeug.datastructures import MultiDict

from rhesis_app.authoring.queries.tests import TestFilter, TestView
from rhesis_app.authoring.rules.tests import TestContent
from rhesis_app.kernel.errors import Invalid
from rhesis_app.web.filters import pretty_json

_BETWEEN = "---"


@dataclass(frozen=True, slots=True, kw_only=True)
class TestForm:
    """A test as the form holds it: passages of context parted by lines of ---, messages and metadata as JSON."""

    __test__ = False

    prompt: str = ""
    expected: str = ""
    requirement: str = ""
    context: str = ""
    messages: str = ""
    metadata: str = ""
    test_set: str = ""
    etag: str = ""


def test_form(form: MultiDict[str, str]) -> TestForm:
    """What was typed; browsers send line ends as CR LF."""
    return TestForm(**{field.name: form.get(field.name, "").replace("\r\n", "\n") for field in fields(TestForm)})


def form_of(view: TestView) -> TestForm:
    """A test to edit."""
    return TestForm(
        prompt=view.prompt,
        expected=view.expected or "",
        requirement=view.requirement or "",
        context=f"\n{_BETWEEN}\n".join(view.context),
        messages=pretty_json([dict(message) for message in view.messages]) if view.messages else "",
        metadata=pretty_json(dict(view.metadata)) if view.metadata else "",
        etag=view.etag,
    )


def content_of(form: TestForm) -> TestContent:
    """The form as a test's content. Raises Invalid at `messages` or `metadata` when they are no JSON."""
    return TestContent(
        prompt=form.prompt,
        expected=form.expected or None,
        requirement=form.requirement.strip() or None,
        messages=tuple(_messages(form.messages)),
        context=_passages(form.context),
        metadata=_json(
            form.metadata, "metadata", dict, "Give a JSON object, such as {“order”: 1042} with straight quotes."
        ),
    )


def changes_of(form: TestForm) -> dict[str, Any]:
    """The form as changes: it holds every field."""
    content = content_of(form)
    return {field.name: getattr(content, field.name) for field in fields(TestContent)}


def test_filter(args: MultiDict[str, str], project_id: UUID) -> TestFilter:
    """The filters in the address; what is no id filters nothing."""
    return TestFilter(
        project_id=project_id,
        requirement_id=uuid_or_none(args.get("requirement", "")),
        test_set_id=uuid_or_none(args.get("test_set", "")),
        q=args.get("q", ""),
        archived="archived" in args,
    )


def uuid_or_none(text: str) -> UUID | None:
    """The id in `text`, if it is one."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _passages(text: str) -> tuple[str, ...]:
    found: list[list[str]] = [[]]
    for line in text.split("\n"):
        if line.strip() == _BETWEEN:
            found.append([])
        else:
            found[-1].append(line)
    passages = ("\n".join(lines) for lines in found)
    return tuple(passage for passage in passages if passage.strip())


def _messages(text: str) -> list[dict[str, Any]]:
    said = "Give a JSON list of objects with role and content, with straight quotes."
    found: list[Any] = _json(text, "messages", list, said)
    if not all(isinstance(message, dict) for message in found):
        raise Invalid.field("messages", said)
    return found


def _json(text: str, field: str, kind: type, said: str) -> Any:
    if not text.strip():
        return kind()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, kind):
        raise Invalid.field(field, said)
    return value
