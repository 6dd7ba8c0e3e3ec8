"""The audit log: its entries, and the seals over them."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from rhesis_app.kernel.host import Host
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.models import AuditEntry

SEALED_AFTER_S: Final = 300
"""How long the oldest entry of an organization waits for its seal, so that a batch is more than a few of them."""
MOST_IN_A_BATCH: Final = 2000


def write_audit(scope: Scope, action: str, object_type: str, object_id: UUID | None, facts: Mapping[str, Any]) -> None:
    """One entry of the audit log, in the transaction of what it tells of."""
    scope.session.add(
        AuditEntry(
            user_id=scope.actor.user_id,
            actor_kind=scope.actor.kind,
            action=action,
            object_type=object_type,
            object_id=object_id,
            facts=dict(facts),
            ip=scope.ip,
        )
    )


def seal_audit(host: Host, *, waited_s: float = SEALED_AFTER_S, most: int = MOST_IN_A_BATCH) -> int:
    """Seal what has waited so long, a batch for each organization; how many entries that were. Two at once do not disturb each other."""
    waiting = host.ask("SELECT organization_id FROM unsealed_audit(:age)", age=waited_s)
    statement = "SELECT seal_audit(:organization, :most) AS entries"
    return sum(host.ask(statement, organization=row["organization_id"], most=most)[0]["entries"] for row in waiting)
