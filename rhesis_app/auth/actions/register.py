"""Open registration: one answer for every address. With a mail server a letter's link makes the account."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from rhesis_app.auth.actions.attempts import as_long_for_everybody, count_asking, forget_attempt
from rhesis_app.auth.actions.first_start import NewAccount, make_owner
from rhesis_app.auth.actions.proof import count_failure
from rhesis_app.auth.actions.sign_in import Client, SignedIn, open_session
from rhesis_app.auth.rules import LETTER_LIFE, LETTERS_PER_ACCOUNT, check_password
from rhesis_app.infra.passwords import hash_password, password_fits
from rhesis_app.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.keys import digest, new_secret
from rhesis_app.kernel.ports import PostFailure
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.rules.events import Message
from rhesis_app.notifications.rules.letters import letter_of
from rhesis_app.tenancy.actions.organizations import NewOwner
from rhesis_app.tenancy.rules import check_email, check_name

ENDED: Final = "This link was used already or has run out. Register again, or sign in."
_WHY: Final = "Rhesis App sent this because somebody registered there with your address. If it was not you, do nothing."
_UNSENT: Final = "The letter could not be sent just now. Try again in a few minutes."


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRegistration:
    """What waits for the password that it was begun with."""

    email: str
    name: str
    organization_name: str


def register(host: Host, account: NewAccount, *, ip: str | None) -> None:
    """Begin with a letter or, where none can be sent, make account and organization at once, unverified.

    What happens tells nobody who is registered, and takes as long. Raises Invalid, TooMany, Unavailable.
    """
    address = _check(account)
    with as_long_for_everybody():
        asked = count_asking(host, "register", address, ip=ip)
        new = NewOwner(
            organization_name=account.organization_name.strip(),
            name=account.name.strip(),
            email=address,
            password_hash=hash_password(account.password),
        )
        if not host.sends_links:
            _make_at_once(host, new, ip)
        elif asked <= LETTERS_PER_ACCOUNT:
            _send_letter(host, new)


def look_at_registration(host: Host, token: str) -> OpenRegistration:
    """What waits behind a letter's link. Raises NotFound for one that was used or has run out."""
    new = _find(host, token)
    return OpenRegistration(email=new.email, name=new.name, organization_name=new.organization_name)


def finish_registration(host: Host, token: str, password: str, client: Client) -> SignedIn:
    """Make account and organization, verified, for whoever holds the letter and knows the password it was begun with.

    Otherwise somebody could register another's address, and have its owner confirm it. Raises NotFound, Invalid, Conflict, TooMany.
    """
    new = _find(host, token)
    attempt = count_failure(host, digest(new.email), client.ip)
    if not password_fits(password, new.password_hash):
        raise Invalid.field("password", "This is not the password that you registered with.")
    forget_attempt(host, attempt)

    def use(scope: Scope) -> None:
        if not scope.session.scalar(text("SELECT use_registration(:digest)"), {"digest": digest(token)}):
            raise NotFound(ENDED)

    owner = make_owner(host, new, ip=client.ip, before=use, is_verified=True)
    assert owner.user_id is not None
    return open_session(host, owner.user_id, owner.organization_id, 0, client)


def require_open(host: Host) -> None:
    """Raise Forbidden where the operator has not opened registration."""
    if not host.registers:
        raise Forbidden(
            "Registration is closed on this instance. Ask an administrator to invite you, or its operator to set RHESIS_OPEN_REGISTRATION=1."
        )


def _check(account: NewAccount) -> str:
    check_name(account.organization_name, field="organization_name")
    check_name(account.name)
    address = check_email(account.email)
    check_password(account.password, email=address)
    return address


def _make_at_once(host: Host, new: NewOwner, ip: str | None) -> None:
    try:
        make_owner(host, new, ip=ip)
    except Conflict:
        return  # whoever it is hears what everybody hears


def _send_letter(host: Host, new: NewOwner) -> None:
    if host.ask("SELECT is_registered(:address) AS known", address=new.email)[0]["known"]:
        _post(host, new.email, _KNOWN)
        return
    secret = new_secret()
    host.ask(
        "SELECT keep_registration(:id, :digest, :email, :name, :organization, :hash, make_interval(secs => :life))",
        id=new_id(), digest=digest(secret), email=new.email, name=new.name, organization=new.organization_name,
        hash=new.password_hash, life=LETTER_LIFE.total_seconds(),
    )  # fmt: skip
    _post(host, new.email, _finish(f"/register/{secret}"))


def _post(host: Host, address: str, message: Message) -> None:
    """Hand a letter over now: no organization's background work is there to do it."""
    assert host.post is not None
    letter = letter_of(new_id(), address, message, domain=host.post.domain, site=host.site)
    try:
        with host.post.open() as counter:
            counter.hand_over(letter, before=lambda: None)
    except PostFailure as failure:
        raise Unavailable(_UNSENT) from failure


def _find(host: Host, token: str) -> NewOwner:
    rows = host.ask("SELECT * FROM find_registration(:digest)", digest=digest(token))
    if not rows:
        raise NotFound(ENDED)
    return NewOwner(**rows[0])


def _finish(path: str) -> Message:
    return Message(
        subject="Finish your registration",
        sentences=(
            "Somebody, most likely you, registered with this address.",
            "The link works once, for 30 minutes, and asks for the password that you chose. If it was not you, do nothing: no account is made.",
        ),
        path=path,
        link="Finish the registration",
        why=_WHY,
    )


_KNOWN: Final = Message(
    subject="You have an account already",
    sentences=(
        "Somebody, most likely you, registered with this address, which has an account already.",
        "Sign in with it. If you have forgotten its password, ask for a new one there.",
    ),
    path="/login",
    link="Sign in",
    why=_WHY,
)
