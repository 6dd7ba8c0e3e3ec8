"""Being polite: how many calls an endpoint gets at a time, and when it gets none. Decisions only; a row keeps them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce
from typing import Final

RISE_AFTER: Final = 20
"""Successes after which a lowered limit rises by one."""
LOWER_AGAIN_S: Final = 5.0
"""A limit loses at most a half in so many seconds: calls that were under way do not count twice."""
OPEN_AFTER: Final = 20
"""Hard failures in a row that open the breaker."""
OPEN_S: Final = 30.0
MOST_OPEN_S: Final = 300.0
HARD: Final = frozenset({"connect", "tls", "dns", "reset", "http_5xx", "timeout"})
"""Failures that say the endpoint is not there."""
UNASKED: Final = frozenset(
    {"blocked_address", "template", "secret", "worker_lost", "deadline", "cost_cap", "endpoint_gone"}
)
"""Failures on our side, which say nothing of the endpoint."""
_BUSY_STATUS: Final = 503


@dataclass(frozen=True, slots=True)
class Seen:
    """What one call showed: its error code, None when it was answered, the status, and the pause it was asked for."""

    code: str | None = None
    status: int | None = None
    pause_s: float = 0.0

    @property
    def asks_for_less(self) -> bool:
        """Whether the endpoint has too much to do: 429, 503 or no answer in time."""
        return self.code in {"throttled", "timeout"} or self.status == _BUSY_STATUS

    @property
    def is_refused_alone(self) -> bool:
        """Whether this call was one too many, and nothing was said of any other: 429 without a pause."""
        return self.code == "throttled" and self.status != _BUSY_STATUS and not self.pause_s

    @property
    def is_plain(self) -> bool:
        """Whether it was answered, well or not, without any sign of trouble."""
        return self.code not in HARD | UNASKED and not self.asks_for_less


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """Where an endpoint's throttle stands; seconds count from now.

    `limit` is None unless it was lowered, and for five seconds after `lowered_ago_s` it does not sink below `limit_floor`.
    `open_s` is how long the breaker was last opened for, 0 while it is closed; once `open_left_s` is over one call is let
    through, and what comes of it decides.
    """

    limit: int | None = None
    successes: int = 0
    lowered_ago_s: float | None = None
    lowered_for: str | None = None
    limit_floor: int | None = None
    failures: int = 0
    open_s: float = 0.0
    open_left_s: float = 0.0
    pause_left_s: float = 0.0

    @property
    def shut_s(self) -> float:
        """Seconds until anything may be asked, 0 when it may be now."""
        return max(self.pause_left_s, self.open_left_s, 0.0)

    @property
    def is_calm(self) -> bool:
        """Whether another success would change nothing."""
        return self.limit is None and not self.failures and not self.open_s

    def room(self, most: int) -> int:
        """How many calls may be in flight, of `most` that the endpoint allows."""
        if self.shut_s > 0:
            return 0
        return 1 if self.open_s else min(most, self.limit or most)


def after(throttle: Throttle, calls: Iterable[Seen], most: int) -> Throttle:
    """The throttle after a batch of calls in the order in which they ended, with `most` calls at a time allowed."""
    return reduce(lambda held, seen: _after_one(held, seen, most), calls, throttle)


def _after_one(held: Throttle, seen: Seen, most: int) -> Throttle:
    if seen.code in UNASKED:
        return held
    held = replace(held, pause_left_s=max(held.pause_left_s, seen.pause_s)) if seen.pause_s else held
    held = _failed(held) if seen.code in HARD else _alive(held)
    if seen.asks_for_less:
        return _lowered(held, seen, most)
    return _succeeded(held, most) if seen.is_plain else held


def _failed(held: Throttle) -> Throttle:
    """One more in a row: opens the breaker, or leaves it open for twice as long when it was the call let through."""
    if held.open_s:
        longer = min(held.open_s * 2, MOST_OPEN_S)
        return held if held.open_left_s > 0 else replace(held, open_s=longer, open_left_s=longer)
    failures = held.failures + 1
    if failures < OPEN_AFTER:
        return replace(held, failures=failures)
    return replace(held, failures=0, open_s=OPEN_S, open_left_s=OPEN_S)


def _alive(held: Throttle) -> Throttle:
    return replace(held, failures=0, open_s=0.0, open_left_s=0.0) if held.failures or held.open_s else held


def _lowered(held: Throttle, seen: Seen, most: int) -> Throttle:
    """By one for a call that was refused alone, else to the half. Few refusals among many answers are made up for as they come."""
    room = min(most, held.limit or most)
    floor = room if held.limit_floor is None else min(room, held.limit_floor)
    if held.lowered_ago_s is None or held.lowered_ago_s >= LOWER_AGAIN_S:
        floor = max(1, room // 2)
        held = replace(held, limit_floor=floor, lowered_ago_s=0.0)
    limit = max(floor, room - 1) if seen.is_refused_alone else floor
    if limit == held.limit or limit >= most > 1:
        return held
    return replace(held, limit=limit, successes=0 if limit == floor else held.successes, lowered_for=seen.code)


def _succeeded(held: Throttle, most: int) -> Throttle:
    """Counted only while the limit is lowered; back at the endpoint's own it is forgotten."""
    if held.limit is None:
        return held
    if held.successes + 1 < RISE_AFTER:
        return replace(held, successes=held.successes + 1)
    risen = held.limit + 1
    if risen >= most:
        return replace(held, limit=None, successes=0, lowered_for=None)
    return replace(held, limit=risen, successes=0)
