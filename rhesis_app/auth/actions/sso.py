"""Single sign-on: sending somebody to the provider, and what they come back with."""

import hmac
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, text
from sqlalchemy.exc import IntegrityError

from rhesis_app.auth.actions.attempts import Attempt, forget_attempt, note_attempt
from rhesis_app.auth.actions.sign_in import Client, SignedIn
from rhesis_app.auth.actions.sso_accounts import Row, find_account, sign_in_vouched
from rhesis_app.auth.actions.sso_refusals import Refused, error_of, record_refusal, refusal_of
from rhesis_app.auth.models import SsoIdentity
from rhesis_app.auth.rules import FAILURE_WINDOW_MINUTES, FAILURES_PER_ADDRESS
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.addresses import address_group
from rhesis_app.kernel.errors import BadRequest, Conflict, TooMany
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.keys import digest, new_secret
from rhesis_app.kernel.scope import Scope
from rhesis_app.kernel.sign_on import Challenge, SignOn, SignOnFailure, Vouched

STATE_LIFE: Final = timedelta(minutes=10)
STATE: Final = (
    "This sign-in was not begun in this browser, was finished already, or took longer than ten minutes. Start again."
)
KEEPS_OUT: Final = "Your account has no password, so nothing would let you in any more. Ask an administrator for a link to set one first."


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Where to send a browser, and the secret that it keeps meanwhile: state, nonce and verifier are all made of it."""

    address: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """What a browser comes back with: its `secret`, and `state` and `code` of the address."""

    secret: str = field(repr=False)
    state: str
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A sign-on that went well: a new session, or none where an account was connected; `target` is where to go on."""

    made: SignedIn | None
    target: str


def begin_sso(host: Host, sign_on: SignOn, redirect_uri: str, *, target: str, connect: Scope | None = None) -> Begun:
    """Begin a sign-on; with `connect` one that connects the account of whoever has signed in. Raises Unavailable."""
    secret = new_secret()
    challenge = _challenge(secret)
    try:
        address = sign_on.address(challenge, redirect_uri)
    except SignOnFailure as failure:
        raise error_of(refusal_of(failure)) from None
    actor = connect.actor if connect is not None else None
    host.ask(
        "INSERT INTO one_time_token (id, purpose, sha256, user_id, organization_id, target, expires_at)"
        " VALUES (:id, 'sso', :digest, :user, :organization, :target, now() + make_interval(secs => :life)) RETURNING 1 AS made",
        id=new_id(), digest=digest(challenge.state), user=actor.user_id if actor else None,
        organization=actor.organization_id if actor else None, target=target, life=STATE_LIFE.total_seconds(),
    )  # fmt: skip
    return Begun(address=address, secret=secret)


def finish_sso(host: Host, sign_on: SignOn, back: Return, redirect_uri: str, client: Client) -> Finished:
    """Finish a sign-on. Raises BadRequest for one that was not begun here, AppError with what to do for all else."""
    attempt = _counted(host, client.ip)
    challenge = _challenge(back.secret)
    begun = _use_state(host, challenge, back.state)
    email = ""
    try:
        vouched = _identify(sign_on, challenge, back.code, redirect_uri)
        email = vouched.email
        if begun["user_id"] is not None:
            _connect(host, sign_on, vouched, begun, client)
            made = None
        else:
            made = sign_in_vouched(host, sign_on, vouched, client)
    except Refused as refused:
        record_refusal(host, sign_on, refused, email=email, ip=client.ip)
        raise error_of(refused) from None
    forget_attempt(host, attempt)
    return Finished(made=made, target=begun["target"])


def disconnect_sso(scope: Scope, sign_on: SignOn) -> bool:
    """Forget who the actor is to the provider; whether there was anything to forget. Raises Conflict without a password."""
    with scope.atomic() as session:
        if not session.scalar(text("SELECT has_password()")):
            raise Conflict(KEEPS_OUT)
        gone = delete(SsoIdentity).where(
            SsoIdentity.user_id == scope.actor.user_id, SsoIdentity.issuer == sign_on.issuer
        )
        forgotten = session.scalar(gone.returning(SsoIdentity.id)) is not None
        if forgotten:
            scope.record("sso.disconnect", "user", scope.actor.user_id, provider=sign_on.label)
    return forgotten


def _challenge(secret: str) -> Challenge:
    """Digests of the browser's secret go out; nobody who sees them can make the verifier of them."""
    return Challenge(state=digest(f"sso state {secret}"), nonce=digest(f"sso nonce {secret}"), verifier=secret)


def _use_state(host: Host, challenge: Challenge, state: str) -> Row:
    """Use the state up: one UPDATE decides among all who come with it. Raises BadRequest."""
    if not hmac.compare_digest(challenge.state.encode(), state.encode("utf-8", "replace")):
        raise BadRequest(STATE)
    used = host.ask("SELECT * FROM use_one_time_token(:digest, 'sso')", digest=digest(challenge.state))
    if not used:
        raise BadRequest(STATE)
    return used[0]


def _identify(sign_on: SignOn, challenge: Challenge, code: str, redirect_uri: str) -> Vouched:
    try:
        return sign_on.identify(challenge, code, redirect_uri)
    except SignOnFailure as failure:
        raise refusal_of(failure) from None


def _connect(host: Host, sign_on: SignOn, vouched: Vouched, begun: Row, client: Client) -> None:
    """Connect the account that began this, which had signed in. Raises Refused."""
    user_id, known = begun["user_id"], find_account(host, vouched)
    if known is not None and known["is_linked"]:
        if known["user_id"] == user_id:
            return
        raise Refused("taken")
    actor = Actor(kind="user", user_id=user_id, organization_id=begun["organization_id"], permissions=frozenset())
    try:
        with host.open_scope(actor, ip=client.ip) as scope, scope.atomic() as session:
            session.add(SsoIdentity(user_id=user_id, issuer=vouched.issuer, subject=vouched.subject))
            session.flush()
            scope.record("sso.connect", "user", user_id, provider=sign_on.label, email=vouched.email)
    except IntegrityError:
        raise Refused("connected") from None


def _counted(host: Host, ip: str | None) -> Attempt:
    """Count a sign-on as failed until it went well. Raises TooMany for whoever fails often."""
    origin = digest(f"sso from {address_group(ip)}")
    attempt = note_attempt(host, account=origin, origin=origin)
    if attempt.of_origin > FAILURES_PER_ADDRESS:
        forget_attempt(host, attempt)
        raise TooMany(
            f"Too many failed sign-ins from here. Try again in {FAILURE_WINDOW_MINUTES} minutes.",
            retry_after_s=FAILURE_WINDOW_MINUTES * 60,
        )
    return attempt
