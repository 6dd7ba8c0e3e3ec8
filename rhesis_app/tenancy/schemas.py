"""What the API of members, invitations and organizations takes."""

from marshmallow import fields, validate

from rhesis_app.web.openapi import Input, ListArguments

_ROLE = validate.Length(1, 100)


class OrganizationArguments(Input):
    """An organization's name."""

    name = fields.String(required=True, validate=validate.Length(1, 200))


class MemberListArguments(ListArguments):
    """A page of members."""


class MemberChanges(Input):
    """The role to have from now on."""

    role = fields.String(required=True, validate=_ROLE)


class InvitationArguments(Input):
    """Whom to invite, and as what."""

    email = fields.String(required=True, validate=validate.Length(1, 254))
    role = fields.String(required=True, validate=_ROLE)


class InvitationListArguments(ListArguments):
    """A page of invitations."""

    state = fields.String(load_default=None, validate=validate.OneOf(["pending", "accepted", "revoked", "expired"]))
