"""What the API of members, roles, invitations and organizations takes."""

from datetime import UTC

from marshmallow import fields, validate

from rhesis_app.kernel.permissions import Permission
from rhesis_app.web.openapi import Input, ListArguments

_ROLE = validate.Length(1, 100)
_ID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_ACTION = "Give an action such as run.start."
_ACTOR = "Give a user's id, or “system” for what no person did."
_OBJECT = "Give a kind of object such as test_run, or an object's id."


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


class AuditArguments(Input):
    """Which entries: `actor` is a user's id or `system`, `object` a kind of object or an object's id; `from` counts in, `to` does not."""

    action = fields.String(load_default=None, validate=validate.Regexp(r"[a-z_]+\.[a-z_]+\Z", error=_ACTION))
    actor = fields.String(load_default=None, validate=validate.Regexp(rf"(?:system|{_ID})\Z", error=_ACTOR))
    object = fields.String(load_default=None, validate=validate.Regexp(rf"(?:[a-z_]{{1,50}}|{_ID})\Z", error=_OBJECT))
    since = fields.AwareDateTime(load_default=None, data_key="from", default_timezone=UTC)
    until = fields.AwareDateTime(load_default=None, data_key="to", default_timezone=UTC)


class AuditListArguments(AuditArguments, ListArguments):
    """A page of the audit log."""


class AuditExportArguments(AuditArguments):
    """How to write the audit log down."""

    format = fields.String(load_default="jsonl", validate=validate.OneOf(["jsonl", "csv"]))
