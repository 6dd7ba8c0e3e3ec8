"""A person's authenticator app: setting it up, turning it off, and the recovery codes that stand in for it."""

import time
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, select, update

from rhesis_app.auth.actions.proof import SEALED, Proof, prove_again
from rhesis_app.auth.actions.sessions import require_session
from rhesis_app.auth.models import RecoveryCode, UserTotp
from rhesis_app.auth.queries import view_me
from rhesis_app.auth.rules import RECOVERY_CODES, new_recovery_code, new_totp_secret, totp_address, totp_step
from rhesis_app.infra.crypto import SecretError
from rhesis_app.kernel.errors import Conflict, Invalid, NotFound
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.keys import digest
from rhesis_app.kernel.scope import Scope

ON: Final = "Two-factor authentication is on already. Turn it off first to set up another app."
OFF: Final = "Two-factor authentication is off. Set it up first."
BARE: Final = "A code is asked for besides a password, and your account has none: set a password on your profile first."
_BEGIN: Final = "Begin the set-up first: there is no secret to confirm."
_NOT_IT: Final = "This is not the code that the app shows now. Check the clock of your device."


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSetup:
    """A secret that waits to be confirmed: as text, and as the `otpauth://` address of a QR code."""

    secret: str = field(repr=False)
    address: str = field(repr=False)


def begin_setup(host: Host, scope: Scope, session_id: UUID | None) -> OpenSetup:
    """Make a secret; one that was made before and not confirmed is forgotten. Raises Conflict, Forbidden for a token."""
    user_id = _person(scope, session_id)
    secret = new_totp_secret()
    with scope.atomic() as session:
        me = view_me(scope).user
        if not me.has_password:
            raise Conflict(BARE)
        session.execute(delete(UserTotp).where(UserTotp.user_id == user_id, UserTotp.confirmed_at.is_(None)))
        if session.scalar(select(UserTotp.user_id).where(UserTotp.user_id == user_id)) is not None:
            raise Conflict(ON)
        session.add(UserTotp(user_id=user_id, secret=host.secrets.seal(secret, user_id, SEALED, user_id)))
        scope.record("second_factor.begin", "user", user_id)
    return OpenSetup(secret=secret, address=totp_address(secret, me.email))


def open_setup(host: Host, scope: Scope, session_id: UUID | None) -> OpenSetup | None:
    """The secret that waits to be confirmed, if there is one that opens. Raises Forbidden for a token."""
    user_id = _person(scope, session_id)
    waiting = select(UserTotp.secret).where(UserTotp.user_id == user_id, UserTotp.confirmed_at.is_(None))
    sealed = scope.session.scalar(waiting)
    if sealed is None:
        return None
    try:
        secret = host.secrets.open(sealed, user_id, SEALED, user_id)
    except SecretError:
        return None
    return OpenSetup(secret=secret, address=totp_address(secret, view_me(scope).user.email))


def confirm_setup(host: Host, scope: Scope, session_id: UUID | None, proof: Proof) -> tuple[str, ...]:
    """Turn the second factor on by a first code of the app; the recovery codes, shown this once.

    Raises Invalid, Conflict without a set-up that was begun, TooMany, Forbidden for a token.
    """
    user_id, held = _person(scope, session_id), require_session(scope, session_id)
    opened = open_setup(host, scope, session_id)
    if opened is None:
        raise Conflict(_BEGIN)
    prove_again(host, scope, held, Proof(password=proof.password))
    step = totp_step(opened.secret, proof.code, time.time())
    if step is None:
        raise Invalid.field("code", _NOT_IT)
    with scope.atomic() as session:
        waiting = update(UserTotp).where(UserTotp.user_id == user_id, UserTotp.confirmed_at.is_(None))
        confirmed = waiting.values(confirmed_at=func.now(), last_step=step).returning(UserTotp.user_id)
        if session.scalar(confirmed) is None:
            raise Conflict(ON)
        codes = _new_codes(scope, user_id)
        scope.record("second_factor.turn_on", "user", user_id)
    return codes


def renew_recovery_codes(host: Host, scope: Scope, session_id: UUID | None, proof: Proof) -> tuple[str, ...]:
    """New recovery codes instead of those there are. Raises Invalid, Conflict, TooMany, Forbidden for a token."""
    user_id = _prove_on(host, scope, session_id, proof)
    with scope.atomic():
        codes = _new_codes(scope, user_id)
        scope.record("second_factor.renew_codes", "user", user_id)
    return codes


def turn_off(host: Host, scope: Scope, session_id: UUID | None, proof: Proof) -> None:
    """Ask for no code any more. Raises Invalid, Conflict, TooMany, Forbidden for a token."""
    _prove_on(host, scope, session_id, proof)
    with scope.atomic():
        forget_second_factor(scope)


def forget_second_factor(scope: Scope) -> None:
    """Take the actor's app and codes away, inside of a transaction. Raises NotFound where there are none."""
    user_id = scope.actor.user_id
    scope.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    gone = delete(UserTotp).where(UserTotp.user_id == user_id).returning(UserTotp.user_id)
    if scope.session.scalar(gone) is None:
        raise NotFound(OFF)
    scope.record("second_factor.turn_off", "user", user_id)


def _person(scope: Scope, session_id: UUID | None) -> UUID:
    require_session(scope, session_id)
    assert scope.actor.user_id is not None
    return scope.actor.user_id


def _prove_on(host: Host, scope: Scope, session_id: UUID | None, proof: Proof) -> UUID:
    user_id = _person(scope, session_id)
    if not view_me(scope).user.totp:
        raise Conflict(OFF)
    prove_again(host, scope, require_session(scope, session_id), proof)
    return user_id


def _new_codes(scope: Scope, user_id: UUID) -> tuple[str, ...]:
    codes = tuple(new_recovery_code() for _ in range(RECOVERY_CODES))
    scope.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    scope.session.add_all(RecoveryCode(id=new_id(), user_id=user_id, sha256=digest(code)) for code in codes)
    return codes
