"""Where an endpoint's throttle stands, as pages and the API tell it."""

from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from sqlalchemy import ColumnElement, Double, and_, case, cast, extract, func

from rhesis_app.endpoints.models import Endpoint, EndpointThrottle

_NOW: Final = func.now()
LOWERED_AFTER: Final = {
    "timeout": "calls that got no answer in time",
    "throttled": "it asked for fewer",
    "http_5xx": "it said that it is busy",
}
OF_ENDPOINT: Final = and_(
    EndpointThrottle.organization_id == Endpoint.organization_id, EndpointThrottle.endpoint_id == Endpoint.id
)


def seconds_until(moment: Any) -> ColumnElement[float]:
    """Seconds from now until a moment, as a column."""
    return cast(extract("epoch", moment - _NOW), Double)


PAUSED_S: Final = case((EndpointThrottle.paused_until > _NOW, seconds_until(EndpointThrottle.paused_until)))
OPEN_S: Final = case(
    (EndpointThrottle.open_until.is_not(None), func.greatest(seconds_until(EndpointThrottle.open_until), 0.0))
)
THROTTLED: Final = (
    EndpointThrottle.cur_limit,
    EndpointThrottle.lowered_for,
    PAUSED_S.label("paused_s"),
    OPEN_S.label("open_s"),
)
"""The columns that `throttle_view` takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottleView:
    """How an endpoint is asked now; every field is null where nothing holds it up.

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
    """From a row with the columns `THROTTLED`."""
    return ThrottleView(limit=row.cur_limit, lowered_for=row.lowered_for, paused_s=row.paused_s, open_s=row.open_s)
