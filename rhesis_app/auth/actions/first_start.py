"""The first owner, the organizations that founders make, and the links that work once."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from rhesis_app.auth.actions.sign_in import Client, SignedIn, open_session
from rhesis_app.auth.queries import needs_first_owner
from rhesis_app.auth.rules import ONE_TIME_LIFE, check_password
from rhesis_app.infra.passwords import hash_password
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.errors import Conflict, NotFound
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.keys import digest, new_secret
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.actions.organizations import NewOwner, found_organization

USED: Final = "This link was used already, or somebody set this instance up meanwhile."
FIRST_OWNER_LOCK: Final = 7265736975


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """Who founds an organization through the first-start page or open registration."""

    organization_name: str
    name: str
    email: str
    password: str


def found(
    host: Host, account: NewAccount, *, is_demo: bool = False, ip: str | None = None, link: str | None = None
) -> Actor:
    """Make an organization and its first owner; returns the owner as an actor. Raises Invalid, Conflict.

    With the token of a first-start `link` that is used up by it; NotFound when somebody else was there first.
    """
    check_password(account.password, email=account.email)
    if host.ask("SELECT 1 AS taken FROM find_login(:email)", email=account.email.strip().lower()):
        raise Conflict("Somebody is registered with this address already. Sign in instead.")
    actor = Actor(kind="user", user_id=new_id(), organization_id=new_id(), permissions=frozenset(Permission))
    new = NewOwner(
        organization_name=account.organization_name, name=account.name, email=account.email,
        password_hash=hash_password(account.password), is_demo=is_demo,
    )  # fmt: skip
    with host.open_scope(actor, ip=ip) as scope, scope.atomic():
        if link is not None:
            _use_first_start(scope, link)
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
        raise NotFound(USED)
    actor = found(host, account, ip=client.ip, link=token)
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


def _use_first_start(scope: Scope, token: str) -> None:
    """Use the link up in this transaction. Whoever comes at the same time, be it by another link, waits and is too late."""
    session = scope.session
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": FIRST_OWNER_LOCK})
    is_needed = session.scalar(text("SELECT needs_first_owner()"))
    used = text("SELECT count(*) FROM use_one_time_token(:digest, 'first_start')")
    if not is_needed or not session.scalar(used, {"digest": digest(token)}):
        raise NotFound(USED)


def _one_time(host: Host, purpose: str, actor: Actor | None, target: str = "/") -> str:
    secret = new_secret()
    host.ask(
        "INSERT INTO one_time_token (id, purpose, sha256, user_id, organization_id, target, expires_at)"
        " VALUES (:id, :purpose, :digest, :user, :organization, :target, now() + make_interval(secs => :life)) RETURNING 1 AS made",
        id=new_id(), purpose=purpose, digest=digest(secret), user=actor.user_id if actor else None,
        organization=actor.organization_id if actor else None, target=target, life=ONE_TIME_LIFE.total_seconds(),
    )  # fmt: skip
    return secret
