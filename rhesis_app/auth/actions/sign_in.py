"""Signing in and out, and the tokens of a session."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Interval, func, literal, update

from rhesis_app.auth.actions.proof import CodeNeeded, prove, prove_code
from rhesis_app.auth.models import RefreshToken, Session
from rhesis_app.auth.rules import IDLE, SECOND_STEP_LIFE, SESSION_LIFE, STAY_LIFE
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.errors import NotFound, Unauthenticated
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.keys import digest, new_secret
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.models import User

TOO_LATE = "That took too long, or was done already. Sign in again."
CLOSED = "Your organization is being deleted. One of its owners can restore it until it is erased."
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


def sign_in(host: Host, email: str, password: str, client: Client, *, code: str = "") -> SignedIn:
    """Check what somebody brings and open a session. Raises Unauthenticated, CodeNeeded, TooMany."""
    return _enter(host, prove(host, email, password, code, ip=client.ip), client)


def begin_sign_in(host: Host, email: str, password: str, client: Client) -> SignedIn | str:
    """The same in two steps, for people: where a code is needed, a secret by which `finish_sign_in` knows who it was."""
    try:
        return sign_in(host, email, password, client)
    except CodeNeeded as error:
        login = error.login
    if login["organization_id"] is None:
        raise Unauthenticated(NOWHERE)
    secret = new_secret()
    host.ask(
        "INSERT INTO one_time_token (id, purpose, sha256, user_id, organization_id, expires_at)"
        " VALUES (:id, 'second_step', :digest, :user, :organization, now() + make_interval(secs => :life)) RETURNING 1",
        id=new_id(), digest=digest(secret), user=login["user_id"], organization=login["organization_id"],
        life=SECOND_STEP_LIFE.total_seconds(),
    )  # fmt: skip
    return secret


def finish_sign_in(host: Host, secret: str, code: str, client: Client) -> SignedIn:
    """The second step. Raises NotFound when it is too late for it, Invalid at `code`, TooMany."""
    found = host.ask("SELECT * FROM find_one_time_token(:digest, 'second_step')", digest=digest(secret))
    if not found:
        raise NotFound(TOO_LATE)
    prove_code(host, found[0]["user_id"], code, ip=client.ip)
    used = host.ask("SELECT * FROM use_one_time_token(:digest, 'second_step')", digest=digest(secret))
    if not used:
        raise NotFound(TOO_LATE)
    return _enter(host, used[0], client)


def open_session(host: Host, user_id: UUID, organization_id: UUID, epoch: int, client: Client) -> SignedIn:
    """A session of a user who has just proved who they are, in the organization wanted or, where that is closed, in another of theirs.

    Raises Unauthenticated when all of theirs are closed.
    """
    entered = host.ask("SELECT organization_to_enter(:who, :wanted) AS id", who=user_id, wanted=organization_id)
    organization_id = entered[0]["id"]
    if organization_id is None:
        raise Unauthenticated(CLOSED)
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
        seen = update(User).where(User.id == user_id)
        session.execute(seen.values(last_login_at=func.now(), updated_at=User.updated_at))
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


def _enter(host: Host, known: Mapping[str, Any], client: Client) -> SignedIn:
    if known["organization_id"] is None:
        raise Unauthenticated(NOWHERE)
    return open_session(host, known["user_id"], known["organization_id"], known["epoch"], client)
