"""The audit log's entries."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.models import AuditEntry


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
