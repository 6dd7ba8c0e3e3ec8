"""What the identity API takes."""

from marshmallow import fields, validate

from rhesis_app.auth.actions.first_start import NewAccount
from rhesis_app.auth.actions.tokens import NewToken
from rhesis_app.auth.rules import MOST_TOKEN_DAYS, THEMES
from rhesis_app.web.openapi import Input, ListArguments

_NAME = validate.Length(1, 200)
_CODE = validate.Length(max=100)


class LoginArguments(Input):
    """E-mail address and password; with a second factor a code of the authenticator app as well, or a recovery code."""

    email = fields.String(required=True, validate=validate.Length(1, 254))
    password = fields.String(required=True, validate=validate.Length(1, 1024))
    code = fields.String(load_default="", validate=_CODE)


class RefreshArguments(Input):
    """The refresh token of the last answer."""

    refresh_token = fields.String(required=True, validate=validate.Length(1, 200))


class RegisterArguments(Input):
    """A new account with an organization of its own."""

    organization_name = fields.String(required=True, validate=_NAME)
    name = fields.String(required=True, validate=_NAME)
    email = fields.String(required=True, validate=validate.Length(1, 254))
    password = fields.String(required=True, validate=validate.Length(1, 1024))


class FinishArguments(Input):
    """The last part of the letter's link, and the password that the registration was begun with."""

    token = fields.String(required=True, validate=validate.Length(1, 200))
    password = fields.String(required=True, validate=validate.Length(1, 1024))


class AcceptArguments(Input):
    """The last part of an invitation's link; `name` is for somebody who has no account yet, `code` for one with a second factor."""

    token = fields.String(required=True, validate=validate.Length(1, 200))
    name = fields.String(load_default="", validate=validate.Length(max=200))
    password = fields.String(required=True, validate=validate.Length(1, 1024))
    code = fields.String(load_default="", validate=_CODE)


class ResetArguments(Input):
    """Whose password is forgotten."""

    email = fields.String(required=True, validate=validate.Length(1, 254))


class NewPasswordArguments(Input):
    """The last part of the link, and the password to have from now on."""

    token = fields.String(required=True, validate=validate.Length(1, 200))
    password = fields.String(required=True, validate=validate.Length(1, 1024))


class MeChanges(Input):
    """Only what changes."""

    name = fields.String(validate=validate.Length(1, 200))
    theme = fields.String(validate=validate.OneOf(THEMES))


class PasswordArguments(Input):
    """The password as it is and as it shall be; with a second factor a code as well."""

    current_password = fields.String(required=True, validate=validate.Length(1, 1024))
    new_password = fields.String(required=True, validate=validate.Length(1, 1024))
    code = fields.String(load_default="", validate=_CODE)


class ProofArguments(Input):
    """One's password, and a code."""

    password = fields.String(required=True, validate=validate.Length(1, 1024))
    code = fields.String(required=True, validate=validate.Length(1, 100))


class EmailArguments(Input):
    """Another address, one's password and, with a second factor, a code."""

    email = fields.String(required=True, validate=validate.Length(1, 254))
    password = fields.String(required=True, validate=validate.Length(1, 1024))
    code = fields.String(load_default="", validate=_CODE)


class EmailLinkArguments(Input):
    """The last part of the letter's link."""

    token = fields.String(required=True, validate=validate.Length(1, 200))


class DeactivateArguments(Input):
    """One's own address, to say that it is meant; one's password and, with a second factor, a code."""

    email = fields.String(required=True, validate=validate.Length(1, 254))
    password = fields.String(required=True, validate=validate.Length(1, 1024))
    code = fields.String(load_default="", validate=_CODE)


class SessionListArguments(ListArguments):
    """A page of sessions."""


class TokenArguments(Input):
    """An API token to make; without scopes it may do what its owner may."""

    name = fields.String(required=True, validate=validate.Length(1, 100))
    expires_in_days = fields.Integer(load_default=90, validate=validate.Range(1, MOST_TOKEN_DAYS))
    scopes = fields.List(
        fields.String(validate=validate.Length(1, 60)), load_default=list, validate=validate.Length(max=100)
    )
    project_id = fields.UUID(load_default=None, allow_none=True)


class TokenListArguments(ListArguments):
    """A page of tokens."""


class SwitchArguments(Input):
    """The organization to work in from now on."""

    organization_id = fields.UUID(required=True)


class ServiceAccountArguments(Input):
    """An account for programs, with a role that is at most one's own."""

    name = fields.String(required=True, validate=_NAME)
    role = fields.String(required=True, validate=_NAME)


class ServiceAccountChanges(Input):
    """Only what changes."""

    name = fields.String(validate=_NAME)
    role = fields.String(validate=_NAME)
    is_active = fields.Boolean()


class ServiceAccountListArguments(ListArguments):
    """A page of service accounts."""


def new_account(arguments: dict[str, str]) -> NewAccount:
    """The action's argument from a body or a form."""
    return NewAccount(**arguments)


def new_token(arguments: dict[str, object]) -> NewToken:
    """The action's argument from a body or a form."""
    return NewToken(**arguments)  # type: ignore[arg-type]
