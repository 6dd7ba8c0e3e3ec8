"""Seals over the audit log: how far it is sealed, and whether the seals hold."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, func, select, text

from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.models import AuditEntry, AuditSeal, Organization

MISSING: Final = "its seal is missing"
UNCHAINED: Final = "it does not follow the seal before"
PRUNED: Final = "it is said to be deleted for its age, and entries of it are there"
TAKEN: Final = "entries were taken away"
ADDED: Final = "entries were added"
CHANGED: Final = "entries were changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SealView:
    """A batch: its number, when it was sealed, the time of its newest entry, and its hash."""

    number: int
    sealed_at: datetime
    last_at: datetime
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenSeal:
    """The first batch that does not hold, and why."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditCheck:
    """What the seals of one organization say. Of `batches` that hold, `pruned` were deleted for their age; `entries` are those still there.

    `waiting` entries have no seal yet. `last_hash` stands for the whole log up to the last batch: kept elsewhere, it shows
    whether somebody cut the end off and sealed anew.
    """

    organization: str
    batches: int
    pruned: int
    entries: int
    waiting: int
    last_hash: str
    broken: BrokenSeal | None


def newest_seal(scope: Scope) -> SealView | None:
    """The newest batch; None before the first."""
    scope.require(Permission.AUDIT_READ)
    seal = AuditSeal
    query = scope.select(seal.number, seal.sealed_at, seal.last_at, seal.hash).order_by(seal.number.desc()).limit(1)
    row = scope.session.execute(query).mappings().one_or_none()
    return SealView(**row) if row is not None else None


def check_audits(host: Host, wanted: str | None = None) -> Iterator[AuditCheck]:
    """The seals of every organization that has an audit log, or of the one with this id or slug."""
    for row in host.ask("SELECT organization_id FROM audited_organizations()"):
        actor = Actor.system(row["organization_id"], frozenset({Permission.AUDIT_READ}))
        with host.open_scope(actor) as scope:
            check = check_audit(scope, wanted)
        if check is not None:
            yield check


def check_audit(scope: Scope, wanted: str | None = None) -> AuditCheck | None:
    """Hash every batch anew and go along the chain, on one snapshot; it ends at the first batch that does not hold.

    None for an organization of another id and slug than `wanted`.
    """
    scope.require(Permission.AUDIT_READ)
    scope.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    mine = select(Organization.name, Organization.slug).where(Organization.id == scope.organization_id)
    organization = scope.session.execute(mine).one()
    if wanted is not None and wanted not in {str(scope.organization_id), organization.slug}:
        return None
    walked = _walk(scope)
    unsealed = scope.select(AuditEntry.id).with_only_columns(func.count()).where(AuditEntry.seal_number.is_(None))
    return AuditCheck(
        organization=organization.name,
        batches=walked.batches,
        pruned=walked.pruned,
        entries=walked.entries,
        waiting=scope.session.scalar(unsealed) or 0,
        last_hash=walked.last_hash,
        broken=walked.broken,
    )


@dataclass(slots=True)
class _Walk:
    batches: int = 0
    pruned: int = 0
    entries: int = 0
    last_hash: str = ""
    broken: BrokenSeal | None = None


def _walk(scope: Scope) -> _Walk:
    seal, walk = AuditSeal, _Walk()
    columns = (seal.number, seal.previous, seal.hash, seal.count.label("entries"), seal.pruned_at)
    for row in scope.session.execute(scope.select(*columns).order_by(seal.number)):
        number = walk.batches + 1
        reason = _amiss(scope, row, number=number, last_hash=walk.last_hash)
        if reason is not None:
            walk.broken = BrokenSeal(number=number, reason=reason)
            return walk
        walk.batches, walk.last_hash = number, row.hash
        walk.pruned += row.pruned_at is not None
        walk.entries += 0 if row.pruned_at is not None else row.entries
    walk.broken = _loose(scope, walk.batches)
    return walk


def _amiss(scope: Scope, seal: Row[Any], *, number: int, last_hash: str) -> str | None:
    if seal.number != number:
        return MISSING
    if seal.previous != last_hash:
        return UNCHAINED
    statement = text("SELECT entries, hash FROM audit_hash(:organization, :number, :previous)")
    values = {"organization": scope.organization_id, "number": number, "previous": last_hash}
    found = scope.session.execute(statement, values).one()
    if seal.pruned_at is not None:
        return PRUNED if found.entries else None
    if found.entries != seal.entries:
        return TAKEN if found.entries < seal.entries else ADDED
    return None if found.hash == seal.hash else CHANGED


def _loose(scope: Scope, last: int) -> BrokenSeal | None:
    """Entries under a number that no seal has."""
    entry = AuditEntry
    numbers = scope.select(entry.seal_number).where(entry.seal_number > last)
    number = scope.session.scalar(numbers.order_by(entry.seal_number).limit(1))
    return BrokenSeal(number=number, reason=MISSING) if number is not None else None
