"""What the API of members, roles, invitations and organizations takes."""

from marshmallow import fields, validate

from rhesis_app.kernel.permissions import Permission
from rhesis_app.web.openapi import Input, ListArguments

_ROLE = validate.Length(1, 100)


def _permissions(*, required: bool) -> fields.List:
    each = fields.String(validate=validate.OneOf([str(permission) for permission in Permission]))
    return fields.List(each, required=required, validate=validate.Length(max=len(Permission)))


class OrganizationArguments(Input):
    """An organization's name."""

    name = fields.String(required=True, validate=validate.Length(1, 200))


class DeletionArguments(Input):
    """The organization's name, typed to confirm that it is meant."""

    name = fields.String(required=True, validate=validate.Length(1, 200))


class TransferArguments(Input):
    """Who owns the organization from now on, and what you will be."""

    user_id = fields.UUID(required=True)
    role = fields.String(load_default="Admin", validate=_ROLE)


class NewRoleArguments(Input):
    """A role to make."""

    name = fields.String(required=True, validate=validate.Length(1, 60))
    permissions = _permissions(required=True)


class RoleChangesArguments(Input):
    """Only the fields that change; `permissions` replaces all of them."""

    name = fields.String(validate=validate.Length(1, 60))
    permissions = _permissions(required=False)


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
