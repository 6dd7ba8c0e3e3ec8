"""Signing in and out, tokens, one-time links."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Interval, func, literal, select, update

from rhesis_app.auth.models import ApiToken, RefreshToken, Session
from rhesis_app.auth.queries import TokenView, needs_first_owner, view_token
from rhesis_app.auth.rules import (
    FAILURE_WINDOW_MINUTES,
    FAILURES_PER_ACCOUNT,
    FAILURES_PER_ADDRESS,
    IDLE,
    ONE_TIME_LIFE,
    SESSION_LIFE,
    STAY_LIFE,
    TOKEN_DAYS,
    check_password,
    digest,
    new_api_token,
    new_secret,
)
from rhesis_app.infra.passwords import hash_password, password_fits
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.errors import Conflict, Invalid, NotFound, TooMany, Unauthenticated
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission, known_permissions
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.actions import NewOwner, found_organization

WRONG = "The e-mail address or the password is not right."


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


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """Who founds an organization through the first-start page or open registration."""

    organization_name: str
    name: str
    email: str
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """An API token to make; empty `scopes` means everything its owner may do."""

    name: str
    days: int = 90
    scopes: Sequence[str] = ()
    project_id: UUID | None = None


def sign_in(host: Host, email: str, password: str, client: Client) -> SignedIn:
    """Check an address and a password and open a session; one answer for every failure. Raises Unauthenticated, TooMany."""
    account, address = digest(email.strip().lower()), digest(client.ip or "")
    _refuse_flood(host, account, address)
    found = host.ask("SELECT * FROM find_login(:email)", email=email.strip().lower())
    login = found[0] if found else None
    fits = password_fits(password, login["password_hash"] if login else None)
    if login is None or not fits or not login["is_active"] or login["organization_id"] is None:
        host.ask(
            "INSERT INTO login_attempt (id, account, address) VALUES (:id, :account, :address) RETURNING 1",
            id=new_id(), account=account, address=address,
        )  # fmt: skip
        raise Unauthenticated(WRONG)
    return open_session(host, login["user_id"], login["organization_id"], login["epoch"], client)


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


def found(host: Host, account: NewAccount, *, is_demo: bool = False, ip: str | None = None) -> Actor:
    """Make an organization and its first owner; returns the owner as an actor. Raises Invalid, Conflict."""
    check_password(account.password, email=account.email)
    if host.ask("SELECT 1 AS taken FROM find_login(:email)", email=account.email.strip().lower()):
        raise Conflict("Somebody is registered with this address already. Sign in instead.")
    actor = Actor(kind="user", user_id=new_id(), organization_id=new_id(), permissions=frozenset(Permission))
    new = NewOwner(
        organization_name=account.organization_name, name=account.name, email=account.email,
        password_hash=hash_password(account.password), is_demo=is_demo,
    )  # fmt: skip
    with host.open_scope(actor, ip=ip) as scope:
        found_organization(scope, new)
    return actor


def make_first_start_link(host: Host) -> str | None:
    """The path of the page that makes the first owner; None when somebody is there already."""
    if not needs_first_owner(host):
        return None
    return f"/start/{_one_time(host, 'first_start', None)}"


def make_sign_in_link(host: Host, actor: Actor, target: str) -> str:
    """The path of a page that signs `actor` in once and goes on to `target`."""
    return f"/sign-in/{_one_time(host, 'sign_in', actor, target)}"


def first_start_is_open(host: Host, token: str) -> bool:
    """Whether this link may still make the first owner."""
    rows = host.ask(
        "SELECT peek_one_time_token(:digest, 'first_start') AND needs_first_owner() AS open", digest=digest(token)
    )
    return bool(rows[0]["open"])


def first_start(host: Host, token: str, account: NewAccount, client: Client) -> SignedIn:
    """Use the first-start link: make organization and owner, and sign in. Raises NotFound for a used link, Invalid."""
    check_password(account.password, email=account.email)
    if not first_start_is_open(host, token):
        raise NotFound("This link was used already, or somebody set this instance up meanwhile.")
    actor = found(host, account, ip=client.ip)
    host.ask("SELECT * FROM use_one_time_token(:digest, 'first_start')", digest=digest(token))
    assert actor.user_id is not None
    return open_session(host, actor.user_id, actor.organization_id, 0, client)


def sign_in_by_link(host: Host, token: str, client: Client) -> SignedIn:
    """Use a one-time sign-in link. Raises NotFound when it was used or is too old."""
    rows = host.ask("SELECT * FROM use_one_time_token(:digest, 'sign_in')", digest=digest(token))
    if not rows or rows[0]["user_id"] is None:
        raise NotFound("This link was used already or is too old. Sign in with e-mail and password instead.")
    row = rows[0]
    made = open_session(host, row["user_id"], row["organization_id"], row["epoch"], client)
    return SignedIn(
        session_id=made.session_id, user_id=made.user_id, organization_id=made.organization_id,
        expires_at=made.expires_at, target=row["target"],
    )  # fmt: skip


def create_token(scope: Scope, new: NewToken) -> tuple[TokenView, str]:
    """Make an API token of the actor; the second value is the secret, shown this once. Raises Invalid."""
    scope.require(Permission.TOKEN_MANAGE)
    _check_token(scope, new)
    secret = new_api_token()
    granted = known_permissions(list(new.scopes)) or scope.actor.permissions
    with scope.atomic() as session:
        row = ApiToken(
            user_id=scope.actor.user_id, project_id=new.project_id, name=new.name.strip(), prefix=secret[:8], sha256=digest(secret),
            scopes=sorted(granted), expires_at=func.now() + literal(timedelta(days=new.days), Interval),
        )  # fmt: skip
        session.add(row)
        session.flush()
        scope.record("token.create", "token", row.id, name=row.name)
        session.refresh(row)
        view = view_token(row)
    return view, secret


def revoke_token(scope: Scope, token_id: UUID) -> TokenView:
    """End an API token of the actor; doing it twice changes nothing."""
    scope.require(Permission.TOKEN_MANAGE)
    with scope.atomic() as session:
        row = session.scalars(
            select(ApiToken).where(
                ApiToken.id == token_id,
                ApiToken.organization_id == scope.organization_id,
                ApiToken.user_id == scope.actor.user_id,
            )
        ).one_or_none()
        if row is None:
            raise NotFound("There is no such token of yours.")
        if row.revoked_at is None:
            row.revoked_at = session.scalar(select(func.now()))
            scope.record("token.revoke", "token", row.id, name=row.name)
        return view_token(row)


def _check_token(scope: Scope, new: NewToken) -> None:
    errors: dict[str, list[str]] = {}
    if not new.name.strip() or len(new.name) > 100:
        errors["name"] = ["Say what the token is for, in at most 100 characters."]
    if new.days not in TOKEN_DAYS:
        errors["days"] = [f"Choose one of {', '.join(map(str, TOKEN_DAYS))} days."]
    unknown = sorted(set(new.scopes) - {str(permission) for permission in scope.actor.permissions})
    if unknown:
        errors["scopes"] = [f"You may not hand on: {', '.join(unknown)[:300]}."]
    if errors:
        raise Invalid("Some fields need another look.", errors=errors)
    if new.project_id is not None:
        scope.require(Permission.PROJECT_READ, project=new.project_id)


def _refuse_flood(host: Host, account: str, address: str) -> None:
    rows = host.ask(
        "SELECT count(*) FILTER (WHERE account = :account AND address = :address) AS here, count(*) FILTER (WHERE address = :address) AS address"
        " FROM login_attempt WHERE (account = :account OR address = :address) AND at > now() - make_interval(mins => :window)",
        account=account, address=address, window=FAILURE_WINDOW_MINUTES,
    )  # fmt: skip
    if rows[0]["here"] >= FAILURES_PER_ACCOUNT or rows[0]["address"] >= FAILURES_PER_ADDRESS:
        raise TooMany(
            f"Too many failed sign-ins from here. Try again in {FAILURE_WINDOW_MINUTES} minutes.",
            retry_after_s=FAILURE_WINDOW_MINUTES * 60,
        )


def _one_time(host: Host, purpose: str, actor: Actor | None, target: str = "/") -> str:
    secret = new_secret()
    host.ask(
        "INSERT INTO one_time_token (id, purpose, sha256, user_id, organization_id, target, expires_at)"
        " VALUES (:id, :purpose, :digest, :user, :organization, :target, now() + make_interval(secs => :life)) RETURNING 1 AS made",
        id=new_id(), purpose=purpose, digest=digest(secret), user=actor.user_id if actor else None,
        organization=actor.organization_id if actor else None, target=target, life=ONE_TIME_LIFE.total_seconds(),
    )  # fmt: skip
    return secret
