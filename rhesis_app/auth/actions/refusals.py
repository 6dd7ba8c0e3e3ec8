"""What was refused, in the audit log of the organization whose business it is: sign-ins, tokens, and reaching for what is another's.

Nobody waits for it, so that how long an answer takes tells nobody whether there is such an account, token or row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Interval, func, literal, text

from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.keys import digest
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.models import AuditEntry

MOST_A_MINUTE: Final = 10
"""Of one kind, for one account or token, or by one person: the log is told of a flood, and is not flooded by it."""
_LAST: Final = "Further ones of this minute are left out."


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, as far as the log tells of it: its method and the rule of its address, never what was sent."""

    method: str
    rule: str
    ip: str | None


def note_sign_in(host: Host, email: str, asked: Asked, *, is_throttled: bool) -> None:
    """A sign-in with this address failed, or was not even looked at; nothing is noted of an address that nobody has."""
    statement = (
        "SELECT user_id, COALESCE(organization_id, first_organization_id) AS organization_id FROM find_login(:email)"
    )
    for row in host.ask(statement, email=email.strip().lower()):
        _note_account(host, row["organization_id"], row["user_id"], asked, is_throttled=is_throttled)


def note_acceptance(host: Host, token: str, asked: Asked, *, is_throttled: bool) -> None:
    """The password was wrong with which somebody wanted to accept an invitation of an account that there is."""
    for row in host.ask("SELECT organization_id, user_id FROM find_invitation(:digest)", digest=digest(token)):
        _note_account(host, row["organization_id"], row["user_id"], asked, is_throttled=is_throttled)


def note_token(host: Host, secret: str, asked: Asked) -> None:
    """An API token or a refresh token was refused; nothing is noted of one that never was one."""
    for row in host.ask("SELECT * FROM refused_token(:digest)", digest=digest(secret)):
        action = "token.refuse" if row["object_type"] == "token" else "refresh.refuse"
        named = {"name": row["name"]} if row["name"] else {}
        facts = {
            **named,
            "owner": str(row["user_id"]),
            "reason": row["reason"],
            "rule": asked.rule,
            "method": asked.method,
        }
        with host.open_scope(Actor.system(row["organization_id"], frozenset()), ip=asked.ip) as scope:
            _record(scope, action, row["object_type"], row["object_id"], facts)


def note_strangers(host: Host, actor: Actor, ids: Sequence[UUID], asked: Asked) -> None:
    """Somebody named rows of an organization that they do not belong to; it stands in their own organization's log alone."""
    with host.open_scope(actor, ip=asked.ip) as scope, scope.atomic() as session:
        if _lately(scope, "access.deny", AuditEntry.user_id == actor.user_id) >= MOST_A_MINUTE:
            return
        found = text("SELECT id FROM rows_of_strangers(CAST(:ids AS uuid[]))")
        named = sorted(session.scalars(found, {"ids": [str(one) for one in ids]}), key=str)
        if named:
            facts = {"rule": asked.rule, "method": asked.method, "ids": [str(one) for one in named[:10]]}
            scope.record("access.deny", "request", named[0], **facts)


def _note_account(
    host: Host, organization_id: UUID | None, user_id: UUID | None, asked: Asked, *, is_throttled: bool
) -> None:
    if organization_id is None or user_id is None:
        return
    action = "session.throttle" if is_throttled else "session.refuse"
    with host.open_scope(Actor.system(organization_id, frozenset()), ip=asked.ip) as scope:
        _record(scope, action, "user", user_id, {"rule": asked.rule})


def _record(scope: Scope, action: str, object_type: str, object_id: UUID, facts: dict[str, Any]) -> None:
    with scope.atomic():
        lately = _lately(scope, action, AuditEntry.object_id == object_id)
        if lately < MOST_A_MINUTE:
            note = {"note": _LAST} if lately == MOST_A_MINUTE - 1 else {}
            scope.record(action, object_type, object_id, **facts, **note)


def _lately(scope: Scope, action: str, whose: ColumnElement[bool]) -> int:
    """How many entries of this action there are within a minute."""
    since = func.now() - literal(timedelta(minutes=1), Interval)
    query = scope.select(AuditEntry.id).where(whose, AuditEntry.action == action, AuditEntry.at > since)
    return scope.session.scalar(query.with_only_columns(func.count())) or 0
