"""What the projects API takes."""

from marshmallow import fields, validate

from rhesis_app.web.openapi import Input, ListArguments


class NewProjectArguments(Input):
    """A project to make."""

    name = fields.String(required=True, validate=validate.Length(1, 120))
    description = fields.String(load_default="", validate=validate.Length(max=2000))


class ProjectChanges(Input):
    """Only the fields that change."""

    name = fields.String(validate=validate.Length(1, 120))
    description = fields.String(validate=validate.Length(max=2000))


class ProjectListArguments(ListArguments):
    """A page of projects."""
