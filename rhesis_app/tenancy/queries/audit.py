"""The audit log as it is read: pages of it, and what it can be asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, and_, func, text
from sqlalchemy.orm import aliased

from rhesis_app.kernel.paging import By, Page, PageRequest, keyset, page_of
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.models import AuditEntry, Membership, User

SYSTEM: Final = "system"
"""Stands in a filter for whatever no person did."""
_MOST_PEOPLE: Final = 500
_BATCH: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditView:
    """Who did what to what. `actor_kind` is `user`, `token` (an API token of the user) or `system` (background work, or somebody unknown).

    `actor_name` is None where no person is named, or one who never belonged here; `object_name` is the name of a person that it
    is about; `facts` depend on the action.
    `seal_number` is the batch that the entry is sealed in, None as long as it waits for its seal.
    """

    id: UUID
    at: datetime
    action: str
    actor_kind: str
    user_id: UUID | None
    actor_name: str | None
    object_type: str
    object_id: UUID | None
    object_name: str | None
    facts: dict[str, Any]
    ip: str | None
    seal_number: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries; empty fields leave nothing out. `actor` is a user's id or `system`, `subject` a kind of object or an object's id.

    `since` counts in, `until` does not.
    """

    action: str | None = None
    actor: UUID | str | None = None
    subject: UUID | str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditTerms:
    """What the organization's entries can be asked for: actions and kinds of objects that occur, and people as (id, name)."""

    actions: tuple[str, ...]
    kinds: tuple[str, ...]
    people: tuple[tuple[UUID, str], ...]


def list_audit(scope: Scope, request: PageRequest, chosen: AuditFilter) -> Page[AuditView]:
    """Entries, newest first."""
    scope.require(Permission.AUDIT_READ)
    query = _entries(scope, chosen)
    total = scope.session.scalar(query.with_only_columns(func.count())) if request.count else None
    newest_first = [By(AuditEntry.at, descending=True), By(AuditEntry.id, descending=True)]
    rows = scope.session.execute(keyset(query, newest_first, request)).mappings().all()
    return page_of(
        rows, request, key=lambda row: (row["at"], row["id"]), view=lambda row: AuditView(**row), total=total
    )


def read_audit(scope: Scope, chosen: AuditFilter) -> Iterator[AuditView]:
    """All entries that fit, newest first, as they come from the server: a long log never sits in memory."""
    scope.require(Permission.AUDIT_READ)
    query = _entries(scope, chosen).order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
    for row in scope.session.execute(query.execution_options(yield_per=_BATCH)).mappings():
        yield AuditView(**row)


def audit_terms(scope: Scope) -> AuditTerms:
    """What to offer to whoever filters."""
    scope.require(Permission.AUDIT_READ)
    found: dict[str, list[str]] = {"action": [], "object": []}
    for row in scope.session.execute(text("SELECT name, term FROM audit_terms()")):
        found[row.name].append(row.term)
    people = scope.select(Membership.user_id, User.name).join(User, User.id == Membership.user_id)
    rows = scope.session.execute(people.order_by(User.name, User.id).limit(_MOST_PEOPLE))
    return AuditTerms(
        actions=tuple(sorted(found["action"])),
        kinds=tuple(sorted(found["object"])),
        people=tuple((row.user_id, row.name) for row in rows),
    )


def _entries(scope: Scope, chosen: AuditFilter) -> Select[Any]:
    entry, person = AuditEntry, aliased(User)
    query = scope.select(
        entry.id,
        entry.at,
        entry.action,
        entry.actor_kind,
        entry.user_id,
        User.name.label("actor_name"),
        entry.object_type,
        entry.object_id,
        person.name.label("object_name"),
        entry.facts,
        entry.ip,
        entry.seal_number,
    ).outerjoin(User, User.id == entry.user_id)
    query = query.outerjoin(person, and_(entry.object_type == "user", person.id == entry.object_id))
    if chosen.action is not None:
        query = query.where(entry.action == chosen.action)
    if isinstance(chosen.actor, UUID):
        query = query.where(entry.user_id == chosen.actor)
    elif chosen.actor is not None:
        query = query.where(entry.user_id.is_(None))
    if isinstance(chosen.subject, UUID):
        query = query.where(entry.object_id == chosen.subject)
    elif chosen.subject is not None:
        query = query.where(entry.object_type == chosen.subject)
    if chosen.since is not None:
        query = query.where(entry.at >= chosen.since)
    return query if chosen.until is None else query.where(entry.at < chosen.until)
