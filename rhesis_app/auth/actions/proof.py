"""Proving who one is: the password, and where a second factor is set up a code as well. Failures are counted."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Interval, func, literal, select

from rhesis_app.auth.actions.attempts import Attempt, forget_attempt, note_attempt
from rhesis_app.auth.actions.slowing import slow_down
from rhesis_app.auth.models import Session
from rhesis_app.auth.queries import view_me
from rhesis_app.auth.rules import (
    FAILURE_WINDOW_MINUTES,
    FAILURES_PER_ACCOUNT,
    FAILURES_PER_ADDRESS,
    FRESH,
    read_recovery_code,
    totp_step,
)
from rhesis_app.infra.crypto import SecretError
from rhesis_app.infra.passwords import password_fits
from rhesis_app.kernel.addresses import address_group
from rhesis_app.kernel.errors import Conflict, Invalid, TooMany, Unauthenticated
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.keys import digest
from rhesis_app.kernel.scope import Scope

_WRONG: Final = "The e-mail address or the password is not right."
_NOT_YOURS: Final = "This is not your password."
SEALED: Final = "user_totp.secret"
SIGN_ON_AGAIN: Final = (
    "Your account has no password: sign in by single sign-on once more, and come back here within "
    f"{FRESH // timedelta(minutes=1)} minutes."
)
_ASKED: Final = "Give a code of your authenticator app, or a recovery code."
_WRONG_CODE: Final = "This code is not right, too old, or was used already."
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What somebody who is signed in types again: their password and, with a second factor, a code."""

    password: str = field(repr=False)
    code: str = field(default="", repr=False)


class CodeNeeded(Unauthenticated):
    """The password was right, and a code is missing or wrong; `errors` says so at `code`."""

    def __init__(self, detail: str, login: Mapping[str, Any]) -> None:
        super().__init__(detail, errors={"code": [detail]})
        self.login = login


def prove(host: Host, email: str, password: str, code: str, *, ip: str | None) -> Mapping[str, Any]:
    """The row of `find_login` for an address, its password and, where one is needed, a code.

    Raises Unauthenticated with one answer for every failure of the first two, CodeNeeded, TooMany.
    """
    login = _prove_password(host, email, password, ip=ip)
    sealed = _sealed_secret(host, login["user_id"])
    if sealed is not None and not code.strip():
        raise CodeNeeded(_ASKED, login)
    if sealed is not None and not _code_fits(host, login["user_id"], sealed, code, ip=ip):
        raise CodeNeeded(_WRONG_CODE, login)
    return login


def prove_code(host: Host, user_id: UUID, code: str, *, ip: str | None) -> None:
    """Let somebody on whose password was right. Raises Invalid at `code`, TooMany."""
    sealed = _sealed_secret(host, user_id)
    if sealed is not None and not _code_fits(host, user_id, sealed, code, ip=ip):
        raise Invalid.field("code", _WRONG_CODE)


def prove_again(host: Host, scope: Scope, session_id: UUID, proof: Proof, *, at: str = "password") -> None:
    """Have somebody who is signed in prove that it is them; without a password, by a sign-in of a moment ago.

    Raises Invalid at the field `at` or `code`, Conflict for a sign-in that is too old, TooMany.
    """
    me = view_me(scope).user
    if not me.has_password:
        recent = Session.created_at > func.now() - literal(FRESH, Interval)
        if not scope.session.scalar(select(recent).where(Session.id == session_id)):
            raise Conflict(SIGN_ON_AGAIN)
        return
    email = me.email
    scope.session.rollback()  # hashing takes its time, and no transaction waits for it
    try:
        prove(host, email, proof.password, proof.code, ip=scope.ip)
    except CodeNeeded as error:
        raise Invalid(error.detail, errors=error.errors) from error
    except Unauthenticated as error:
        raise Invalid.field(at, _NOT_YOURS) from error


def _prove_password(host: Host, email: str, password: str, *, ip: str | None) -> Mapping[str, Any]:
    """The row of `find_login` for an address and its password: half of a proof. Raises Unauthenticated, TooMany."""
    attempt = count_failure(host, digest(email.strip().lower()), ip)
    found = host.ask("SELECT * FROM find_login(:email)", email=email.strip().lower())
    login = found[0] if found else None
    fits = password_fits(password, login["password_hash"] if login else None)
    if login is None or not fits or not login["is_active"]:
        raise Unauthenticated(_WRONG)
    forget_attempt(host, attempt)
    return login


def _sealed_secret(host: Host, user_id: UUID) -> str | None:
    secret = host.ask("SELECT find_totp(:who) AS secret", who=user_id)[0]["secret"]
    return None if secret is None else str(secret)


def _code_fits(host: Host, user_id: UUID, sealed: str, code: str, *, ip: str | None) -> bool:
    """Whether the code is one of this person's that was not used yet; it is used up then.

    Whoever gets here knows the password, so that wrong codes are counted by person as well, from wherever they come.
    """
    attempt = count_failure(host, digest(f"code of {user_id}"), ip, anywhere=True)
    if not (_use_recovery_code(host, user_id, code) or _use_step(host, user_id, sealed, code)):
        return False
    forget_attempt(host, attempt)
    return True


def _use_recovery_code(host: Host, user_id: UUID, code: str) -> bool:
    read = read_recovery_code(code)
    if read is None:
        return False
    return bool(host.ask("SELECT use_recovery_code(:who, :code) AS used", who=user_id, code=digest(read))[0]["used"])


def _use_step(host: Host, user_id: UUID, sealed: str, code: str) -> bool:
    try:
        secret = host.secrets.open(sealed, user_id, SEALED, user_id)
    except SecretError:
        _log.error("a second factor was sealed with another key", extra={"user": str(user_id)})
        return False
    step = totp_step(secret, code, time.time())
    if step is None:
        return False
    return bool(host.ask("SELECT use_totp_step(:who, :step) AS used", who=user_id, step=step)[0]["used"])


def count_failure(host: Host, account: str, ip: str | None, *, anywhere: bool = False) -> Attempt:
    """Count an attempt as failed before it is looked at, which takes its time; `forget_attempt` when it was none.

    `anywhere` counts what others tried for this account too. Raises TooMany.
    """
    attempt = note_attempt(host, account=account, origin=digest(address_group(ip)))
    of_account = attempt.of_account if anywhere else attempt.of_both
    if of_account > FAILURES_PER_ACCOUNT or attempt.of_origin > FAILURES_PER_ADDRESS:
        forget_attempt(host, attempt)
        what = "wrong codes for this account" if anywhere else "failed sign-ins from here"
        raise TooMany(
            f"Too many {what}. Try again in {FAILURE_WINDOW_MINUTES} minutes.",
            retry_after_s=FAILURE_WINDOW_MINUTES * 60,
        )
    slow_down(attempt)
    return attempt
