"""What the prompts API takes."""

from marshmallow import fields, validate

from rhesis_app.authoring.rules.names import MAX_NAME
from rhesis_app.authoring.rules.prompts import LARGEST, MAX_NOTE, MAX_TEMPLATE
from rhesis_app.web.openapi import Input, ListArguments

_TEMPLATE = validate.Length(1, MAX_TEMPLATE)
_NUMBER = validate.Range(min=1, max=LARGEST)


class NewPromptArguments(Input):
    """A prompt to make; its template becomes version 1."""

    project_id = fields.UUID(required=True)
    name = fields.String(required=True, validate=validate.Length(1, MAX_NAME))
    template = fields.String(required=True, validate=_TEMPLATE)
    note = fields.String(load_default="", validate=validate.Length(max=MAX_NOTE))


class PromptChangesArguments(Input):
    """Only the fields that change."""

    name = fields.String(required=True, validate=validate.Length(1, MAX_NAME))


class NewPromptVersionArguments(Input):
    """A text to save under the next number."""

    template = fields.String(required=True, validate=_TEMPLATE)
    note = fields.String(load_default="", validate=validate.Length(max=MAX_NOTE))


class PromptListArguments(ListArguments):
    """A page of prompts."""

    project_id = fields.UUID(load_default=None)
    q = fields.String(load_default="", validate=validate.Length(max=200))
    archived = fields.Boolean(load_default=False)


class PromptVersionListArguments(ListArguments):
    """A page of versions."""


class PromptDiffArguments(Input):
    """Which two versions to compare."""

    before = fields.Integer(required=True, data_key="from", validate=_NUMBER)
    after = fields.Integer(required=True, data_key="to", validate=_NUMBER)


class PromptPreviewArguments(Input):
    """A version to fill in, or a template that is not saved; without either the newest version."""

    version = fields.Integer(load_default=None, allow_none=True, validate=_NUMBER)
    template = fields.String(load_default=None, allow_none=True, validate=_TEMPLATE)
    values = fields.Dict(keys=fields.String(), load_default=dict)
