"""A person's e-mail address: showing that it is theirs, and taking another one. Both end at a link that only they can use."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Interval, func, insert, literal, text, update
from sqlalchemy.exc import IntegrityError

from rhesis_app.auth.actions.attempts import count_asking
from rhesis_app.auth.actions.proof import Proof, prove_again
from rhesis_app.auth.actions.reset import find_person
from rhesis_app.auth.actions.sessions import require_session
from rhesis_app.auth.models import OneTimeToken
from rhesis_app.auth.queries import MeView, view_me
from rhesis_app.auth.rules import FAILURE_WINDOW_MINUTES, LETTER_LIFE, LETTERS_PER_ACCOUNT
from rhesis_app.kernel.errors import Conflict, Invalid, NotFound, TooMany
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.keys import digest, new_secret
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.actions.announce import announce
from rhesis_app.notifications.rules.events import ADDRESS, ADDRESS_CHANGED, Event, Message, Recipient
from rhesis_app.tenancy.models import User
from rhesis_app.tenancy.rules import check_email

ENDED: Final = "This link was used already, has run out, or is somebody else's. Ask for a new one on your profile."
UNSENT: Final = (
    "This installation sends no mail. Whoever runs the server makes a link for you: rhesis-app account email-link."
)
_TAKEN: Final = "Somebody is registered with this address already."
_SAME: Final = "This is your address already."
_MINUTES: Final = LETTER_LIFE // timedelta(minutes=1)


def ask_to_verify(host: Host, scope: Scope, session_id: UUID | None) -> str:
    """Send a letter with a link to the actor's address; the address. Raises Conflict, TooMany, Forbidden for a token."""
    require_session(scope, session_id)
    me = view_me(scope).user
    if me.email_verified:
        raise Conflict("Your address is confirmed already.")
    _require_mail(scope)
    _count(host, scope)
    with scope.atomic():
        announce(scope, _letter(me.email, _link(scope, me.id, me.email)))
        scope.record("email.ask_to_verify", "user", me.id)
    return me.email


def ask_to_change(host: Host, scope: Scope, session_id: UUID | None, proof: Proof, email: str) -> str:
    """Send a link to another address, which becomes the actor's when they use it; the address as it will be.

    The answer does not tell whether somebody has it: that one gets a letter which says so. Raises Invalid, Conflict without a
    mail server or for a sign-in that is too old where there is no password, TooMany, Forbidden for a token.
    """
    held = require_session(scope, session_id)
    address, me = check_email(email), view_me(scope).user
    if address == me.email:
        raise Invalid.field("email", _SAME)
    _require_mail(scope)
    prove_again(host, scope, held, proof)
    _count(host, scope)
    is_known = host.ask("SELECT is_registered(:address) AS known", address=address)[0]["known"]
    with scope.atomic():
        announce(scope, _known(address) if is_known else _letter(address, _link(scope, me.id, address)))
        scope.record("email.ask_to_change", "user", me.id)
    return address


def make_email_link(host: Host, email: str, to: str = "") -> str:
    """The path of the same link for whoever runs the server, who vouches for the address. Raises NotFound, Invalid, Conflict."""
    actor = find_person(host, email.strip().lower())
    if actor is None or actor.user_id is None:
        raise NotFound(f"Nobody is registered as {email}.")
    address = check_email(to or email)
    if to and host.ask("SELECT is_registered(:address) AS known", address=address)[0]["known"]:
        raise Conflict(_TAKEN)
    with host.open_scope(actor) as scope, scope.atomic():
        path = _link(scope, actor.user_id, address)
        scope.record("email.link", "user", actor.user_id)
    return path


def look_at_link(scope: Scope, session_id: UUID | None, token: str) -> str:
    """The address that a link of the actor's proves. Raises NotFound, Forbidden for a token."""
    require_session(scope, session_id)
    address = scope.session.scalar(text("SELECT find_address_link(:digest)"), {"digest": digest(token)})
    if address is None:
        raise NotFound(ENDED)
    return str(address)


def confirm_address(scope: Scope, session_id: UUID | None, token: str) -> MeView:
    """Use a link of the actor's: its address is theirs from now on, and the one before is told. Raises NotFound, Conflict.

    Only they can use it, signed in, so that nobody makes the owner of another address confirm it for them.
    """
    require_session(scope, session_id)
    before = view_me(scope).user
    try:
        with scope.atomic() as session:
            address = session.scalar(text("SELECT use_address_link(:digest)"), {"digest": digest(token)})
            if address is None:
                raise NotFound(ENDED)
            mine = update(User).where(User.id == before.id)
            session.execute(mine.values(email=address, email_verified_at=func.now(), updated_at=func.now()))
            session.execute(
                text("SELECT end_one_time_tokens(purpose) FROM unnest(ARRAY['address', 'reset']) AS purpose")
            )
            if address != before.email:
                announce(scope, _notice(before.email, address))
            scope.record("email.change" if address != before.email else "email.verify", "user", before.id)
            return view_me(scope)
    except IntegrityError as error:
        raise Conflict(_TAKEN) from error


def _require_mail(scope: Scope) -> None:
    if "link" not in scope.channels:
        raise Conflict(UNSENT)


def _count(host: Host, scope: Scope) -> None:
    """Letters to whichever address, so that nobody fills the box of somebody else."""
    if count_asking(host, "address", str(scope.actor.user_id), ip=scope.ip) > LETTERS_PER_ACCOUNT:
        raise TooMany(
            f"A few letters are on their way already. Try again in {FAILURE_WINDOW_MINUTES} minutes.",
            retry_after_s=FAILURE_WINDOW_MINUTES * 60,
        )


def _link(scope: Scope, user_id: UUID, address: str) -> str:
    secret = new_secret()
    # a statement of its own: the application may write these rows and never read them
    row = insert(OneTimeToken.__table__).values(  # type: ignore[arg-type]
        id=new_id(),
        purpose="address",
        sha256=digest(secret),
        user_id=user_id,
        organization_id=scope.organization_id,
        email=address,
        expires_at=func.now() + literal(LETTER_LIFE, Interval),
    )
    scope.session.execute(row)
    return f"/settings/profile/email/{secret}"


def _letter(address: str, path: str) -> Event:
    return Event(
        kinds=(ADDRESS,),
        subject_id=new_id(),
        message=Message(
            subject="Confirm your e-mail address",
            sentences=(
                "Somebody, most likely you, uses this address for their account.",
                f"The link works once, for {_MINUTES} minutes, where you are signed in. If it was not you, do nothing.",
            ),
            path=path,
            link="Confirm the address",
            why="Rhesis App sent this because your address was entered there. Do not pass the link on.",
        ),
        recipients=(Recipient(address=address),),
        is_private=True,
    )


def _known(address: str) -> Event:
    return Event(
        kinds=(ADDRESS,),
        subject_id=new_id(),
        message=Message(
            subject="This address has an account already",
            sentences=(
                "Somebody, most likely you, wanted to use this address for another account.",
                "An address belongs to one account. Nothing has changed.",
            ),
            path="/login",
            link="Sign in",
            why="Rhesis App sent this because your address was entered there.",
        ),
        recipients=(Recipient(address=address),),
        is_private=True,
    )


def _notice(old: str, new: str) -> Event:
    return Event(
        kinds=(ADDRESS_CHANGED,),
        subject_id=new_id(),
        message=Message(
            subject="The e-mail address of your account was changed",
            sentences=(
                f"You sign in as {new} from now on, and letters go there.",
                "If it was not you, tell an administrator of your organization at once.",
            ),
            path="/settings/profile",
            link="Open your profile",
            why="Rhesis App sent this because it was the address of your account up to now.",
        ),
        recipients=(Recipient(address=old),),
        is_private=True,
    )
