"""A person's sessions: ending them, and changing the organization that one of them works in."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, true, update

from rhesis_app.auth.models import Session
from rhesis_app.auth.queries import permissions_of
from rhesis_app.auth.rules import IDLE
from rhesis_app.kernel.errors import Forbidden, NotFound
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.queries.organizations import view_organization


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """A session as it stands after it was taken elsewhere; it `stays` when that was wished at the sign-in."""

    session_id: UUID
    user_id: UUID
    organization_id: UUID
    permissions: frozenset[Permission]
    expires_at: datetime
    stays: bool


def end_session(scope: Scope, session_id: UUID) -> None:
    """End one of the actor's sessions; its tokens stop working at once, and doing it twice changes nothing. Raises NotFound."""
    with scope.atomic() as session:
        mine = select(Session.id).where(Session.id == session_id, Session.user_id == scope.actor.user_id)
        if session.scalar(mine) is None:
            raise NotFound("There is no such session of yours.")
        _refuse_tokens(scope)
        ended = _end(scope, Session.id == session_id)
        if ended:
            scope.record("session.close", "session", session_id)


def end_other_sessions(scope: Scope, session_id: UUID | None) -> int:
    """End all of the actor's sessions but this one; how many that were. Raises Forbidden for a token."""
    kept = require_session(scope, session_id)
    with scope.atomic():
        ended = _end(scope, Session.id != kept)
        if ended:
            scope.record("session.close_others", "session", kept, count=ended)
    return ended


def end_all_sessions(scope: Scope) -> int:
    """End all of the actor's sessions, this one as well; how many that were. Raises Forbidden for a token."""
    _refuse_tokens(scope)
    with scope.atomic():
        ended = _end(scope, true())
        scope.record("session.close_all", "user", scope.actor.user_id, count=ended)
    return ended


def switch_organization(host: Host, scope: Scope, session_id: UUID | None, organization_id: UUID) -> Entered:
    """Make another of the actor's organizations the active one of this session. Raises NotFound, Forbidden for a token."""
    target = view_organization(scope, organization_id)
    held = require_session(scope, session_id)
    with scope.atomic() as session:
        moved = update(Session).where(Session.id == held, Session.user_id == scope.actor.user_id)
        moved = moved.values(organization_id=target.id, last_seen_at=func.now()).returning(
            Session.expires_at, Session.idle_seconds
        )
        kept = session.execute(moved).one()
        scope.record("session.switch", "organization", target.id)
    rows = host.ask("SELECT * FROM find_session(:id)", id=held)
    if not rows:
        raise NotFound("There is no such organization of yours.")
    row = rows[0]
    return Entered(
        session_id=held,
        user_id=row["user_id"],
        organization_id=target.id,
        permissions=permissions_of(row),
        expires_at=kept.expires_at,
        stays=kept.idle_seconds > IDLE.total_seconds(),
    )


def require_session(scope: Scope, session_id: UUID | None) -> UUID:
    """The session, where the actor has signed in themselves. Raises Forbidden for a token."""
    _refuse_tokens(scope)
    assert session_id is not None
    return session_id


def _refuse_tokens(scope: Scope) -> None:
    if scope.actor.kind != "user":
        raise Forbidden("Sign in for this: a token may not.")


def _end(scope: Scope, which: ColumnElement[bool]) -> int:
    statement = (
        update(Session)
        .where(Session.user_id == scope.actor.user_id, Session.revoked_at.is_(None), which)
        .values(revoked_at=func.now())
        .returning(Session.id)
    )
    return len(scope.session.scalars(statement).all())
