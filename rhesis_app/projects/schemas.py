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


class ProjectMemberListArguments(ListArguments):
    """A page of a project's members."""


class NewProjectMemberArguments(Input):
    """A member of the organization, and their role in the project."""

    user_id = fields.UUID(required=True)
    role = fields.String(required=True, validate=validate.Length(1, 100))


class ProjectMemberChanges(Input):
    """The role to have in the project from now on."""

    role = fields.String(required=True, validate=validate.Length(1, 100))
