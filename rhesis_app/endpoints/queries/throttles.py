"""Where the throttle of an endpoint or of a model stands, as pages and the API tell it."""

from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from sqlalchemy import ColumnElement, Double, Text, and_, case, cast, extract, func

from rhesis_app.endpoints.models import Endpoint, EndpointThrottle, Model, ModelThrottle, ThrottleColumns

_NOW: Final = func.now()
LOWERED_AFTER: Final = {
    "timeout": "calls that got no answer in time",
    "throttled": "it asked for fewer",
    "http_5xx": "it said that it is busy",
}
OF_ENDPOINT: Final = and_(
    EndpointThrottle.organization_id == Endpoint.organization_id, EndpointThrottle.endpoint_id == Endpoint.id
)
OF_MODEL: Final = and_(
    ModelThrottle.organization_id == Model.organization_id, ModelThrottle.model_key == cast(Model.id, Text)
)


def seconds_until(moment: Any) -> ColumnElement[float]:
    """Seconds from now until a moment, as a column."""
    return cast(extract("epoch", moment - _NOW), Double)


def paused_s(row: type[ThrottleColumns]) -> ColumnElement[float | None]:
    """What is left of the pause that was asked for; null without one."""
    return case((row.paused_until > _NOW, seconds_until(row.paused_until)))


def open_s(row: type[ThrottleColumns]) -> ColumnElement[float | None]:
    """How long the breaker stays open, 0 when one call is let through; null while it is closed."""
    return case((row.open_until.is_not(None), func.greatest(seconds_until(row.open_until), 0.0)))


def throttled(row: type[ThrottleColumns]) -> tuple[ColumnElement[Any], ...]:
    """The columns that `throttle_view` takes."""
    columns = (row.cur_limit, row.lowered_for, paused_s(row), open_s(row))
    names = ("cur_limit", "lowered_for", "paused_s", "open_s")
    return tuple(column.label(name) for column, name in zip(columns, names, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottleView:
    """How an endpoint or a model is asked now; every field is null where nothing holds it up.

    `limit` is how many calls at a time it was lowered to, after its failures with the code `lowered_for`. `paused_s` is what is
    left of the pause it asked for. `open_s` is how long nothing is asked after too many failures in a row; at 0 one call tries.
    """

    limit: int | None = None
    lowered_for: str | None = None
    paused_s: float | None = None
    open_s: float | None = None

    @property
    def sentences(self) -> tuple[str, ...]:
        """What holds the endpoint up, in words; none where nothing does."""
        return tuple(said for said in (self._pause, self._breaker, self._limit) if said)

    @property
    def _pause(self) -> str:
        return "" if self.paused_s is None else f"It asked for a pause: {ceil(self.paused_s)} s are left."

    @property
    def _breaker(self) -> str:
        if self.open_s is None:
            return ""
        when = f"one call tries it again in {ceil(self.open_s)} s" if self.open_s > 0 else "one call tries it again"
        return f"Too many calls in a row failed: {when}."

    @property
    def _limit(self) -> str:
        if self.limit is None:
            return ""
        calls = "1 call" if self.limit == 1 else f"{self.limit} calls"
        why = LOWERED_AFTER.get(self.lowered_for or "", "it had too much to do")
        return f"It gets {calls} at a time for now, after {why}. Every 20 good answers add one."


def throttle_view(row: Any) -> ThrottleView:
    """From a row with the columns that `throttled` gives."""
    return ThrottleView(limit=row.cur_limit, lowered_for=row.lowered_for, paused_s=row.paused_s, open_s=row.open_s)
