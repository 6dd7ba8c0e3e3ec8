"""One's own e-mail address, and the end of one's account, over the API."""

from dataclasses import dataclass

from rhesis_app.auth.actions.address import ask_to_change, ask_to_verify, confirm_address
from rhesis_app.auth.actions.deactivate import deactivate as deactivate_account
from rhesis_app.auth.actions.proof import Proof
from rhesis_app.auth.queries import MeView
from rhesis_app.auth.schemas import DeactivateArguments, EmailArguments, EmailLinkArguments
from rhesis_app.web.access import needs_sign_in
from rhesis_app.web.openapi import ApiBlueprint
from rhesis_app.web.scope import current_identity, current_scope, runtime

blueprint = ApiBlueprint("account_api", __name__, url_prefix="/api/v1", description="One's own address and its end")


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterSent:
    """What happens now."""

    detail: str


@blueprint.route("/me/email", methods=["POST"])
@needs_sign_in
@blueprint.arguments(EmailArguments)
@blueprint.answers(202, LetterSent)
def change_email(arguments: dict[str, str]) -> LetterSent:
    """Ask for another address: a letter with a link goes there. Not with an API token."""
    proof = Proof(password=arguments["password"], code=arguments["code"])
    address = ask_to_change(runtime(), current_scope(), current_identity().session_id, proof, arguments["email"])
    return _sent(address)


@blueprint.route("/me/email/verify", methods=["POST"])
@needs_sign_in
@blueprint.answers(202, LetterSent)
def verify_email() -> LetterSent:
    """Ask for a letter that shows that one's address is one's own. Not with an API token."""
    return _sent(ask_to_verify(runtime(), current_scope(), current_identity().session_id))


@blueprint.route("/me/email/confirm", methods=["POST"])
@needs_sign_in
@blueprint.arguments(EmailLinkArguments)
@blueprint.answers(200, MeView)
def confirm_email(arguments: dict[str, str]) -> MeView:
    """Use the token of the letter's link; works for whoever asked for it alone. Not with an API token."""
    return confirm_address(current_scope(), current_identity().session_id, arguments["token"])


@blueprint.route("/me/deactivate", methods=["POST"])
@needs_sign_in
@blueprint.arguments(DeactivateArguments)
@blueprint.answers(204)
def deactivate(arguments: dict[str, str]) -> None:
    """Deactivate one's account: sessions and tokens end, nobody signs in with it. Not for a last owner, not with an API token."""
    proof = Proof(password=arguments["password"], code=arguments["code"])
    deactivate_account(runtime(), current_scope(), current_identity().session_id, proof, arguments["email"])


def _sent(address: str) -> LetterSent:
    return LetterSent(detail=f"A letter with a link is on its way to {address}. The link works for 30 minutes.")
