"""The second factor over the API."""

from dataclasses import dataclass

from rhesis_app.auth.actions import second_factor
from rhesis_app.auth.actions.proof import Proof
from rhesis_app.auth.schemas import ProofArguments
from rhesis_app.web.access import needs_sign_in
from rhesis_app.web.openapi import ApiBlueprint
from rhesis_app.web.scope import current_identity, current_scope, runtime

blueprint = ApiBlueprint("second_factor_api", __name__, url_prefix="/api/v1", description="Two-factor authentication")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTotp:
    """The secret for an authenticator app, in base 32 and as the address that its QR code holds."""

    secret: str
    otpauth_uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodes:
    """Each stands in for a code once; shown this once."""

    recovery_codes: tuple[str, ...]


@blueprint.route("/me/totp", methods=["POST"])
@needs_sign_in
@blueprint.answers(201, NewTotp)
def begin() -> NewTotp:
    """Begin to set up an authenticator app; nothing is asked of it before a first code was confirmed. Not with an API token."""
    made = second_factor.begin_setup(runtime(), current_scope(), current_identity().session_id)
    return NewTotp(secret=made.secret, otpauth_uri=made.address)


@blueprint.route("/me/totp/confirm", methods=["POST"])
@needs_sign_in
@blueprint.arguments(ProofArguments)
@blueprint.answers(200, RecoveryCodes)
def confirm(arguments: dict[str, str]) -> RecoveryCodes:
    """Turn the second factor on, with one's password and a first code. Not with an API token."""
    session_id = current_identity().session_id
    return RecoveryCodes(
        recovery_codes=second_factor.confirm_setup(runtime(), current_scope(), session_id, Proof(**arguments))
    )


@blueprint.route("/me/totp/recovery-codes", methods=["POST"])
@needs_sign_in
@blueprint.arguments(ProofArguments)
@blueprint.answers(200, RecoveryCodes)
def renew(arguments: dict[str, str]) -> RecoveryCodes:
    """Make ten new recovery codes; those before work no more. Not with an API token."""
    session_id = current_identity().session_id
    return RecoveryCodes(
        recovery_codes=second_factor.renew_recovery_codes(runtime(), current_scope(), session_id, Proof(**arguments))
    )


@blueprint.route("/me/totp/off", methods=["POST"])
@needs_sign_in
@blueprint.arguments(ProofArguments)
@blueprint.answers(204)
def off(arguments: dict[str, str]) -> None:
    """Turn the second factor off, with one's password and a code. Not with an API token."""
    second_factor.turn_off(runtime(), current_scope(), current_identity().session_id, Proof(**arguments))
