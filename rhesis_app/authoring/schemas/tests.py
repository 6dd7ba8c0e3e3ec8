"""What the tests API takes."""

from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, ValidationError, fields, validate, validates_schema

from rhesis_app.authoring.queries.edits import MOST
from rhesis_app.authoring.rules.edits import MAX_TAGS
from rhesis_app.authoring.rules.names import MAX_NAME
from rhesis_app.authoring.rules.prompts import LARGEST
from rhesis_app.authoring.rules.tests import (
    MAX_CONTEXT,
    MAX_MESSAGES,
    MAX_TEXT,
    MAX_TRIALS,
    ROLES,
    PromptSource,
    TestContent,
)
from rhesis_app.web.openapi import Input, ListArguments
from rhesis_app.web.waiting import MAX_WAIT_S

_TEXT = validate.Length(max=MAX_TEXT)


class MessageArguments(Input):
    """A turn before the prompt."""

    role = fields.String(required=True, validate=validate.OneOf(ROLES))
    content = fields.String(required=True, validate=_TEXT)
    name = fields.String(validate=_TEXT)


class SourceArguments(Input):
    """Where the text comes from: `prompt` itself, or a version of a prompt with `values` for its variables.

    The version is `prompt_version_id`, or `prompt_id` with `version`; without `version` the newest.
    """

    prompt = fields.String(validate=_TEXT)
    prompt_version_id = fields.UUID()
    prompt_id = fields.UUID()
    version = fields.Integer(validate=validate.Range(min=1, max=LARGEST))
    values = fields.Dict(keys=fields.String())

    @validates_schema
    def one_source(self, arguments: dict[str, Any], **_options: Any) -> None:
        """The text or one version of a prompt, never both."""
        given = [name for name in ("prompt", "prompt_version_id", "prompt_id") if name in arguments]
        if len(given) > 1:
            raise ValidationError(f"Give one of {' and '.join(given)}, not both.", given[0])
        if "version" in arguments and "prompt_id" not in arguments:
            raise ValidationError("A version needs its prompt_id.", "version")
        if "values" in arguments and "prompt" in arguments:
            raise ValidationError("Values are for a prompt's variables, and this text is given as it is.", "values")


class ContentArguments(SourceArguments):
    """What a single-turn test holds; `requirement` is a name, and is made when missing. `trials` is how often a run asks it."""

    expected = fields.String(load_default=None, allow_none=True, validate=_TEXT)
    requirement = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=MAX_NAME))
    messages = fields.List(
        fields.Nested(MessageArguments), load_default=list, validate=validate.Length(max=MAX_MESSAGES)
    )
    context = fields.List(fields.String(validate=_TEXT), load_default=list, validate=validate.Length(max=MAX_CONTEXT))
    metadata = fields.Dict(keys=fields.String(), load_default=dict)
    trials = fields.Integer(strict=True, load_default=None, allow_none=True, validate=validate.Range(1, MAX_TRIALS))

    @validates_schema
    def some_source(self, arguments: dict[str, Any], **_options: Any) -> None:
        """A new test has its text from somewhere."""
        if not {"prompt", "prompt_version_id", "prompt_id"} & arguments.keys():
            raise ValidationError("Give the text, or a prompt_id or prompt_version_id to take it from.", "prompt")


class NewTestArguments(ContentArguments):
    """A test to make."""

    project_id = fields.UUID(required=True)


class TestChangesArguments(SourceArguments):
    """Only the fields that change; lists, values and metadata are replaced whole. A prompt without `values` keeps the test's."""

    __test__ = False

    expected = fields.String(allow_none=True, validate=_TEXT)
    requirement = fields.String(allow_none=True, validate=validate.Length(max=MAX_NAME))
    messages = fields.List(fields.Nested(MessageArguments), validate=validate.Length(max=MAX_MESSAGES))
    context = fields.List(fields.String(validate=_TEXT), validate=validate.Length(max=MAX_CONTEXT))
    metadata = fields.Dict(keys=fields.String())
    trials = fields.Integer(strict=True, allow_none=True, validate=validate.Range(1, MAX_TRIALS))


class TestListArguments(ListArguments):
    """A page of tests."""

    __test__ = False

    project_id = fields.UUID(load_default=None)
    requirement_id = fields.UUID(load_default=None)
    prompt_id = fields.UUID(load_default=None)
    test_set_id = fields.UUID(load_default=None)
    q = fields.String(load_default="", validate=validate.Length(max=200))
    archived = fields.Boolean(load_default=False)


class TestEditChangesArguments(Input):
    """What changes of every test; `requirement` null takes it away, a metadata value of null its name."""

    __test__ = False

    requirement = fields.String(allow_none=True, validate=validate.Length(max=MAX_NAME))
    add_tags = fields.List(fields.String(), load_default=list, validate=validate.Length(max=MAX_TAGS))
    remove_tags = fields.List(fields.String(), load_default=list, validate=validate.Length(max=MAX_TAGS))
    metadata = fields.Dict(keys=fields.String(), load_default=dict)
    archive = fields.Boolean(load_default=False)


class TestEditFilterArguments(Input):
    """Which live tests of the project; without anything all of them."""

    __test__ = False

    requirement_id = fields.UUID(load_default=None)
    test_set_id = fields.UUID(load_default=None)
    q = fields.String(load_default="", validate=validate.Length(max=200))


class NewTestEditArguments(Input):
    """A change to the tests named, or to those of a `filter`; one of the two."""

    project_id = fields.UUID(required=True)
    test_ids = fields.List(fields.UUID(), load_default=None, validate=validate.Length(1, MOST))
    filter = fields.Nested(TestEditFilterArguments, load_default=None)
    changes = fields.Nested(TestEditChangesArguments, required=True)


class TestEditHeaders(Input):
    """The same key makes the same change once."""

    __test__ = False

    class Meta:
        """Other headers are none of this operation's business."""

        unknown = EXCLUDE

    idempotency_key = fields.String(
        data_key="Idempotency-Key", load_default=None, validate=validate.Length(min=1, max=200)
    )


class TestEditArguments(Input):
    """Reading a change: `wait` is how many seconds to wait for its end."""

    __test__ = False

    wait = fields.Integer(load_default=0, validate=validate.Range(0, MAX_WAIT_S))


_SOURCE = {"prompt_version_id": "version_id", "prompt_id": "prompt_id", "version": "number", "values": "values"}


def changes_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The fields sent, as TestContent holds them."""
    changes = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in arguments.items()
        if name not in _SOURCE
    }
    source = {_SOURCE[name]: value for name, value in arguments.items() if name in _SOURCE}
    return changes | {"source": PromptSource(**source)} if source else changes


def content_of(arguments: Mapping[str, Any]) -> TestContent:
    """A test's content from what ContentArguments read."""
    return TestContent(**changes_of(arguments))
