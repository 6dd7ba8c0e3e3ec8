"""Signing in and out, and the tokens of a session."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Interval, func, literal, update

from rhesis_app.auth.actions.attempts import Attempt, forget_attempt, note_attempt
from rhesis_app.auth.actions.slowing import slow_down
from rhesis_app.auth.models import RefreshToken, Session
from rhesis_app.auth.rules import (
    FAILURE_WINDOW_MINUTES,
    FAILURES_PER_ACCOUNT,
    FAILURES_PER_ADDRESS,
    IDLE,
    SESSION_LIFE,
    STAY_LIFE,
)
from rhesis_app.infra.passwords import password_fits
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.addresses import address_group
from rhesis_app.kernel.errors import TooMany, Unauthenticated
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.keys import digest, new_secret
from rhesis_app.kernel.scope import Scope

WRONG = "The e-mail address or the password is not right."
NOWHERE = "You do not belong to any organization any more. Ask somebody there to invite you."


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Where a sign-in comes from."""

    kind: str
    ip: str | None = None
    user_agent: str | None = None
    stay: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A new session; `refresh_token` only for programs, `target` only after a one-time link."""

    session_id: UUID
    user_id: UUID
    organization_id: UUID
    expires_at: datetime
    refresh_token: str | None = None
    target: str = "/"


def sign_in(host: Host, email: str, password: str, client: Client) -> SignedIn:
    """Check an address and a password and open a session; one answer for every failure. Raises Unauthenticated, TooMany."""
    login = prove_password(host, email, password, ip=client.ip)
    if login["organization_id"] is None:
        raise Unauthenticated(NOWHERE)
    return open_session(host, login["user_id"], login["organization_id"], login["epoch"], client)


def prove_password(host: Host, email: str, password: str, *, ip: str | None) -> Mapping[str, Any]:
    """The row of `find_login` for an address and its password; failures are counted. Raises Unauthenticated, TooMany."""
    attempt = _try(host, email, ip)
    found = host.ask("SELECT * FROM find_login(:email)", email=email.strip().lower())
    login = found[0] if found else None
    fits = password_fits(password, login["password_hash"] if login else None)
    if login is None or not fits or not login["is_active"]:
        raise Unauthenticated(WRONG)
    forget_attempt(host, attempt)
    return login


def open_session(host: Host, user_id: UUID, organization_id: UUID, epoch: int, client: Client) -> SignedIn:
    """A session of a user who has just proved who they are."""
    life = STAY_LIFE if client.stay else SESSION_LIFE
    session_id, refresh = new_id(), new_secret() if client.kind == "api" else None
    actor = Actor(kind="user", user_id=user_id, organization_id=organization_id, permissions=frozenset())
    with host.open_scope(actor, ip=client.ip) as scope, scope.atomic() as session:
        row = Session(
            id=session_id, user_id=user_id, kind=client.kind, epoch=epoch, ip=client.ip, user_agent=(client.user_agent or "")[:400],
            idle_seconds=int((life if client.stay else IDLE).total_seconds()), expires_at=func.now() + literal(life, Interval),
        )  # fmt: skip
        session.add(row)
        session.flush()
        if refresh is not None:
            session.add(RefreshToken(session_id=session_id, user_id=user_id, sha256=digest(refresh)))
        scope.record("session.open", "session", session_id, kind=client.kind)
        session.refresh(row, ["expires_at"])
        expires_at = row.expires_at
    return SignedIn(
        session_id=session_id,
        user_id=user_id,
        organization_id=organization_id,
        expires_at=expires_at,
        refresh_token=refresh,
    )


def refresh_session(host: Host, refresh_token: str) -> SignedIn:
    """Exchange a refresh token for the next one; exactly one of many callers wins. Raises Unauthenticated."""
    following = new_secret()
    rows = host.ask(
        "SELECT * FROM rotate_refresh(:old, :id, :new)", old=digest(refresh_token), id=new_id(), new=digest(following)
    )
    if rows[0]["verdict"] != "rotated":
        raise Unauthenticated("This refresh token is not valid any more. Log in again.")
    row = rows[0]
    return SignedIn(
        session_id=row["session_id"], user_id=row["user_id"], organization_id=row["organization_id"],
        expires_at=row["expires_at"], refresh_token=following,
    )  # fmt: skip


def sign_out(scope: Scope, session_id: UUID) -> None:
    """End one session of the actor; its tokens stop working at once."""
    with scope.atomic() as session:
        session.execute(
            update(Session)
            .where(Session.id == session_id, Session.user_id == scope.actor.user_id, Session.revoked_at.is_(None))
            .values(revoked_at=func.now())
        )
        scope.record("session.close", "session", session_id)


def _try(host: Host, email: str, ip: str | None) -> Attempt:
    """Count a sign-in as failed before the password is looked at, which takes its time."""
    account, origin = digest(email.strip().lower()), digest(address_group(ip))
    attempt = note_attempt(host, account=account, origin=origin)
    if attempt.of_both > FAILURES_PER_ACCOUNT or attempt.of_origin > FAILURES_PER_ADDRESS:
        forget_attempt(host, attempt)
        raise TooMany(
            f"Too many failed sign-ins from here. Try again in {FAILURE_WINDOW_MINUTES} minutes.",
            retry_after_s=FAILURE_WINDOW_MINUTES * 60,
        )
    slow_down(attempt)
    return attempt
