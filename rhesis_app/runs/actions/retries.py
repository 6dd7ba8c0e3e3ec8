"""The budget of a run's retries: an endpoint in trouble is not asked three times for everything."""

from typing import Final
from uuid import UUID

from sqlalchemy import text

from rhesis_app.kernel.scope import Scope

# no key is changed, so that slices which insert results of the run at the same time do not wait for each other in a circle
_HELD: Final = text(
    "SELECT retries FROM test_run WHERE organization_id = :organization AND id = :run FOR NO KEY UPDATE"
)
_TAKE: Final = text(
    "UPDATE test_run SET retries = retries + :taken WHERE organization_id = :organization AND id = :run"
)


def take_retries(scope: Scope, run_id: UUID, wanted: int, budget: int) -> int:
    """Take up to `wanted` retries from a run's budget; returns how many there were. Call it inside `atomic()`."""
    if not wanted:
        return 0
    where = {"organization": scope.organization_id, "run": run_id}
    used = scope.session.execute(_HELD, where).scalar_one()
    taken = min(wanted, max(0, budget - used))
    if taken:
        scope.session.execute(_TAKE, {**where, "taken": taken})
    return taken
