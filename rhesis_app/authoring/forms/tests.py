"""The test form, parsed into a test's content. What was typed is kept for drawing it again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any
from uuid import UUID

from werkzeug.datastructures import MultiDict

from rhesis_app.authoring.forms.prompts import Preview, PromptForm, preview_of, read_values, sent_values
from rhesis_app.authoring.queries.prompt_choices import TakenVersion
from rhesis_app.authoring.queries.tests import TestFilter, TestView
from rhesis_app.authoring.rules.prompts import read_template
from rhesis_app.authoring.rules.tests import PromptSource, TestContent
from rhesis_app.kernel.errors import Invalid
from rhesis_app.web.filters import field_text, pretty_json

_BETWEEN = "---"


@dataclass(frozen=True, slots=True, kw_only=True)
class TestForm:
    """A test as the form holds it: passages of context parted by lines of ---, messages and metadata as JSON.

    With a `prompt_id` the text is that prompt's, of `version`, with `values` for its variables.
    """

    __test__ = False

    prompt: str = ""
    prompt_id: str = ""
    version: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    expected: str = ""
    requirement: str = ""
    context: str = ""
    messages: str = ""
    metadata: str = ""
    trials: str = ""
    test_set: str = ""
    etag: str = ""


def test_form(form: MultiDict[str, str]) -> TestForm:
    """What was typed; browsers send line ends as CR LF."""
    names = (one.name for one in fields(TestForm) if one.name != "values")
    return TestForm(values=sent_values(form), **{name: form.get(name, "").replace("\r\n", "\n") for name in names})


def form_of(view: TestView) -> TestForm:
    """A test to edit."""
    origin = view.prompt_source
    return TestForm(
        prompt=view.prompt,
        prompt_id=str(origin.prompt_id) if origin else "",
        version=str(origin.version) if origin else "",
        values={name: field_text(value, "json") for name, value in origin.values.items()} if origin else {},
        expected=view.expected or "",
        requirement=view.requirement or "",
        context=f"\n{_BETWEEN}\n".join(view.context),
        messages=pretty_json([dict(message) for message in view.messages]) if view.messages else "",
        metadata=pretty_json(dict(view.metadata)) if view.metadata else "",
        trials="" if view.trials is None else str(view.trials),
        etag=view.etag,
    )


def content_of(form: TestForm, taken: TakenVersion | None = None) -> TestContent:
    """The form as a test's content, its text from `taken` where one was chosen.

    Raises Invalid at `messages`, `metadata` or `values.<name>` when they are no JSON, at `trials` when it is no number.
    """
    if form.prompt_id and taken is None:
        raise Invalid.field("prompt_id", "The project has no such prompt. Choose another, or write the text here.")
    return TestContent(
        prompt="" if taken else form.prompt,
        source=_source(form, taken) if taken else None,
        expected=form.expected or None,
        requirement=form.requirement.strip() or None,
        messages=tuple(_messages(form.messages)),
        context=_passages(form.context),
        metadata=_json(
            form.metadata, "metadata", dict, "Give a JSON object, such as {“order”: 1042} with straight quotes."
        ),
        trials=_trials(form.trials.strip()),
    )


def changes_of(form: TestForm, taken: TakenVersion | None = None) -> dict[str, Any]:
    """The form as changes: it holds every field."""
    content = content_of(form, taken)
    return {one.name: getattr(content, one.name) for one in fields(TestContent)}


def version_of(form: TestForm) -> int | None:
    """The version that was chosen, if it is a number."""
    return int(form.version) if form.version.isascii() and form.version.isdecimal() and len(form.version) < 11 else None


def preview_of_test(form: TestForm, taken: TakenVersion | None) -> Preview:
    """The prompt's text with the values filled in, as far as they go."""
    return preview_of(PromptForm(template=taken.template, values=form.values)) if taken else Preview()


def _source(form: TestForm, taken: TakenVersion) -> PromptSource:
    values, errors = read_values(read_template(taken.template).variables, form.values)
    if errors:
        raise Invalid("Some values are not JSON: see the fields named.", errors=errors)
    return PromptSource(prompt_id=taken.prompt_id, number=taken.version, values=values)


def test_filter(args: MultiDict[str, str], project_id: UUID) -> TestFilter:
    """The filters in the address; what is no id filters nothing."""
    return TestFilter(
        project_id=project_id,
        requirement_id=uuid_or_none(args.get("requirement", "")),
        prompt_id=uuid_or_none(args.get("prompt", "")),
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


def _trials(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise Invalid.field("trials", "Give a whole number, or leave it empty.")
    return int(text)


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
