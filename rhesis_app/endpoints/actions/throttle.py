"""The row that every claim locks: it learns from each batch of calls, in the transaction that writes their answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import TextClause, case, func, text, update

from rhesis_app.endpoints.models import Endpoint, EndpointThrottle, Model, ModelThrottle, ThrottleColumns
from rhesis_app.endpoints.queries.endpoints import EndpointView, get_endpoint
from rhesis_app.endpoints.queries.models import ModelView, get_model
from rhesis_app.endpoints.rules.throttle import OPEN_S, Seen, Throttle, after
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope

_LOCK: Final = (
    "SELECT cur_limit AS limit, successes, EXTRACT(epoch FROM now() - lowered_at)::float8 AS lowered_ago_s, lowered_for,"
    " limit_floor, failures, open_s,"
    " GREATEST(0, EXTRACT(epoch FROM open_until - now()))::float8 AS open_left_s,"
    " GREATEST(0, EXTRACT(epoch FROM paused_until - now()))::float8 AS pause_left_s,"
    # whoever holds the row and then stands still, a frozen machine, must not keep all others from the endpoint
    " set_config('idle_in_transaction_session_timeout', '10s', true) AS let_go"
    " FROM {table} WHERE organization_id = :organization AND {key} = :key FOR UPDATE"
)
_KEEP: Final = (
    "UPDATE {table} SET cur_limit = :limit, successes = :successes, lowered_for = :lowered_for,"
    " limit_floor = :limit_floor, failures = :failures, open_s = :open_s,"
    " lowered_at = now() - make_interval(secs => CAST(:lowered_ago_s AS float8)),"
    " open_until = CASE WHEN CAST(:open_s AS float8) > 0 THEN now() + make_interval(secs => CAST(:open_left_s AS float8)) END,"
    " paused_until = CASE WHEN CAST(:pause_left_s AS float8) > 0 THEN now() + make_interval(secs => CAST(:pause_left_s AS float8)) END"
    " WHERE organization_id = :organization AND {key} = :key"
)


@dataclass(frozen=True, slots=True)
class ThrottleRow:
    """The two statements on the throttles of endpoints, or on those of models."""

    lock: TextClause
    keep: TextClause

    @classmethod
    def of(cls, table: str, key: str) -> "ThrottleRow":
        """Those of a table, by the name of its key."""
        return cls(text(_LOCK.format(table=table, key=key)), text(_KEEP.format(table=table, key=key)))


ENDPOINT_ROW: Final = ThrottleRow.of("endpoint_throttle", "endpoint_id")
MODEL_ROW: Final = ThrottleRow.of("model_throttle", "model_key")


def learn(
    scope: Scope, key: UUID | str, calls: Sequence[Seen], most: int, *, row: ThrottleRow = ENDPOINT_ROW
) -> Throttle:
    """Lock a throttle (an endpoint's by its id) until the transaction ends and let it learn; written only where that changes it.

    The lock is a statement of its own: who counts calls in flight after it sees what everybody before has committed.
    """
    where = {"organization": scope.organization_id, "key": key}
    found = scope.session.execute(row.lock, where).mappings().one()
    held = Throttle(**{name: found[name] for name in Throttle.__dataclass_fields__})
    learned = after(held, calls, most)
    if learned != held:
        values = {name: getattr(learned, name) for name in Throttle.__dataclass_fields__}
        scope.session.execute(row.keep, {**where, **values})
    return learned


_WHOLE: Final = {"cur_limit": None, "successes": 0, "lowered_at": None, "lowered_for": None, "failures": 0}
_CLOSED: Final = {"open_s": 0.0, "open_until": None}


def _one_call(row: type[ThrottleColumns]) -> dict[str, Any]:
    """One call tries; should it fail, the breaker opens for as long as the first time, as if it had not been opened for longer."""
    return {
        "open_s": case((row.open_s > 0, OPEN_S / 2), else_=0.0),
        "open_until": case((row.open_s > 0, func.now())),
    }


def forget_trouble(scope: Scope, endpoint_id: UUID) -> None:
    """The whole limit, no pause and a closed breaker, whatever was learned. Call it inside `atomic()`."""
    _change(scope, endpoint_id, {**_WHOLE, **_CLOSED})


def reset_throttle(scope: Scope, endpoint_id: UUID) -> EndpointView:
    """Ask an endpoint again that was left alone, with its full limit; after an open breaker one call goes first.

    Raises NotFound, Forbidden.
    """
    with scope.atomic():
        row = scope.get(Endpoint, endpoint_id, lock=True)
        scope.require(Permission.ENDPOINT_WRITE, project=row.project_id)
        _change(scope, endpoint_id, {**_WHOLE, **_one_call(EndpointThrottle)})
        scope.record("endpoint.reset_throttle", "endpoint", row.id, name=row.name)
        return get_endpoint(scope, endpoint_id)


def reset_model_throttle(scope: Scope, model_id: UUID) -> ModelView:
    """Call a model again that was left alone, with all its turns; after an open breaker one call goes first.

    Raises NotFound, Forbidden.
    """
    with scope.atomic() as session:
        row = scope.get(Model, model_id, lock=True)
        scope.require(Permission.MODEL_WRITE, project=row.project_id)
        held = ModelThrottle
        session.execute(
            update(held)
            .where(held.organization_id == scope.organization_id, held.model_key == str(model_id))
            .values({**_WHOLE, **_one_call(held), "paused_until": func.now()})
        )
        scope.record("model.reset_throttle", "model", row.id, name=row.name)
        return get_model(scope, model_id)


def _change(scope: Scope, endpoint_id: UUID, values: Mapping[str, Any]) -> None:
    """A pause has ended then, which says on pages that the sweeper is next."""
    scope.session.execute(
        update(EndpointThrottle)
        .where(EndpointThrottle.organization_id == scope.organization_id, EndpointThrottle.endpoint_id == endpoint_id)
        .values({**values, "paused_until": func.now()})
    )
