"""Entity tags: who edits an asset says which state of it they saw."""

import hashlib
from datetime import datetime
from uuid import UUID

from rhesis_app.kernel.errors import PreconditionFailed


def etag(row_id: UUID, updated_at: datetime) -> str:
    """The quoted tag of one state of one asset."""
    digest = hashlib.sha256(f"{row_id}:{updated_at.timestamp()}".encode()).hexdigest()
    return f'"{digest[:20]}"'


def require_match(if_match: str | None, row_id: UUID, updated_at: datetime) -> None:
    """Raise PreconditionFailed when the asset is not in the state that `if_match` names; None and `*` match anything."""
    if if_match is None or if_match.strip() == "*":
        return
    if etag(row_id, updated_at) not in [tag.strip() for tag in if_match.split(",")]:
        raise PreconditionFailed("Somebody changed this since you read it. Read it again, then repeat your change.")
