"""What the requirements API takes."""

from marshmallow import fields, validate

from rhesis_app.authoring.rules.names import MAX_DESCRIPTION, MAX_NAME
from rhesis_app.web.openapi import Input, ListArguments


class NewRequirementArguments(Input):
    """A requirement to make."""

    project_id = fields.UUID(required=True)
    name = fields.String(required=True, validate=validate.Length(1, MAX_NAME))
    description = fields.String(load_default="", validate=validate.Length(max=MAX_DESCRIPTION))
    metric_ids = fields.List(fields.UUID(), load_default=list, validate=validate.Length(max=200))


class RequirementChangesArguments(Input):
    """Only the fields that change; `metric_ids` replaces the metrics attached."""

    name = fields.String(validate=validate.Length(1, MAX_NAME))
    description = fields.String(validate=validate.Length(max=MAX_DESCRIPTION))
    metric_ids = fields.List(fields.UUID(), validate=validate.Length(max=200))


class RequirementListArguments(ListArguments):
    """A page of requirements."""

    project_id = fields.UUID(load_default=None)
    q = fields.String(load_default="", validate=validate.Length(max=200))
    archived = fields.Boolean(load_default=False)
