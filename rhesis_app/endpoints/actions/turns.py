"""Calls of models at a time, over all processes: each process holds turns of a model, leased in the database.

A throttle per model learns from the calls as an endpoint's does. Threads take turns from memory; only the thread that
owns the session deals them anew, about every second, so that no call waits for the database.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from rhesis_app.endpoints.actions.throttle import MODEL_ROW, learn
from rhesis_app.endpoints.rules.throttle import Seen, Throttle
from rhesis_app.endpoints.rules.turns import deal
from rhesis_app.kernel.scope import Scope

INSTANCE: Final = "instance"
"""The key of the instance's own model; each organization has a throttle of its own for it."""
LEASE_S: Final = 60
_MARGIN_S: Final = 5.0
_ENSURE: Final = text(
    "INSERT INTO model_throttle (organization_id, model_key) SELECT :organization, unnest(CAST(:keys AS text[])) ON CONFLICT DO NOTHING"
)
_DEALT: Final = text(
    "WITH gone AS (DELETE FROM model_turns WHERE organization_id = :organization AND model_key = :key AND lease_until <= now())"
    " SELECT holder, turns, wanted FROM model_turns"
    " WHERE organization_id = :organization AND model_key = :key AND lease_until > now() ORDER BY since, holder"
)
_TAKE: Final = text(
    "INSERT INTO model_turns (organization_id, model_key, holder, turns, wanted, lease_until)"
    " VALUES (:organization, :key, :holder, :turns, :wanted, now() + make_interval(secs => :lease))"
    " ON CONFLICT (organization_id, model_key, holder)"
    " DO UPDATE SET turns = excluded.turns, wanted = excluded.wanted, lease_until = excluded.lease_until"
)
_LEAVE: Final = text("DELETE FROM model_turns WHERE organization_id = :organization AND holder = :holder")


def throttle_key(model_id: UUID | str | None) -> str:
    """Under what a model's throttle is kept."""
    return INSTANCE if model_id is None else str(model_id)


class ModelTurns:
    """The calls of one model that this process may have in flight; safe for many threads."""

    def __init__(self, key: str, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.key, self.most = key, most
        self.throttle = Throttle()
        self._clock = clock
        self._changed = threading.Condition()
        self._seen: list[Seen] = []
        self._capacity = self._in_use = 0
        self._paused_until = self._held_until = 0.0

    @property
    def capacity(self) -> int:
        """How many calls may be in flight from here."""
        return self._capacity

    def take(self, timeout_s: float) -> bool:
        """Wait for a turn; False when none came free in time. Whoever has one gives it back with `give`."""
        until = self._clock() + timeout_s
        with self._changed:
            while not self._is_free():
                left = until - self._clock()
                if left <= 0:
                    return False
                pause = self._paused_until - self._clock()
                self._changed.wait(min(left, pause) if pause > 0 else left)
            self._in_use += 1
            return True

    def give(self, code: str | None, status: int | None = None, pause_s: float = 0.0) -> None:
        """The call has ended, with this error code (None: answered), status, and a pause that the model asked for.

        A pause holds at once here, and for everybody else from the next dealing on.
        """
        with self._changed:
            self._in_use -= 1
            self._seen.append(Seen(code, status, pause_s))
            self._paused_until = max(self._paused_until, self._clock() + pause_s)
            self._changed.notify_all()

    def collect(self) -> list[Seen]:
        """What was seen since the last time."""
        with self._changed:
            seen, self._seen = self._seen, []
            return seen

    def shrink(self, capacity: int) -> int:
        """No more than so many new calls from now on; returns how many turns are held then, calls in flight among them."""
        with self._changed:
            self._capacity = min(self._capacity, capacity)
            return max(self._in_use, capacity)

    def hold(self, capacity: int, held_until: float) -> None:
        """So many calls, and none after `held_until` unless they are dealt anew: others may hold them then."""
        with self._changed:
            self._capacity, self._held_until = capacity, held_until
            self._changed.notify_all()

    def _is_free(self) -> bool:
        now = self._clock()
        return self._in_use < self._capacity and self._paused_until <= now < self._held_until


@dataclass(slots=True)
class TurnBook:
    """The turns of all models that one holder calls. `sync` and `leave` are for the thread that owns the session."""

    holder: str
    clock: Callable[[], float] = time.monotonic
    _turns: dict[str, ModelTurns] = field(default_factory=dict)
    _is_known: bool = False

    def of(self, model_id: UUID | str | None, most: int) -> ModelTurns:
        """The turns of a model that allows `most` calls at a time; none are held before the first `sync`."""
        key = throttle_key(model_id)
        if key not in self._turns:
            self._turns[key] = ModelTurns(key, most, self.clock)
        return self._turns[key]

    @property
    def shut_s(self) -> float:
        """Seconds until every model may be called again, 0 when all may be now."""
        return max((turns.throttle.shut_s for turns in self._turns.values()), default=0.0)

    def sync(self, scope: Scope, wanted: int) -> None:
        """Let the throttles learn, and deal the turns anew: this holder wants `wanted` of each model. Nothing without models."""
        if not self._turns:
            return
        with scope.atomic():
            if not self._is_known:
                keys = sorted(self._turns)
                scope.session.execute(_ENSURE, {"organization": scope.organization_id, "keys": keys})
            dealt = [(turns, self._deal(scope, turns, wanted)) for _, turns in sorted(self._turns.items())]
        self._is_known = True
        until = self.clock() + LEASE_S - _MARGIN_S
        for turns, capacity in dealt:
            turns.hold(capacity, until)

    def leave(self, scope: Scope) -> None:
        """Give all turns back."""
        if not self._is_known:
            return
        with scope.atomic() as session:
            session.execute(_LEAVE, {"organization": scope.organization_id, "holder": self.holder})
        self._is_known = False

    @contextmanager
    def held(self, scope: Scope, wanted: int) -> Iterator[None]:
        """Turns from here to the end of the block; `sync` within it keeps them for longer than a minute."""
        self.sync(scope, wanted)
        try:
            yield
        finally:
            self.leave(scope)

    def _deal(self, scope: Scope, turns: ModelTurns, wanted: int) -> int:
        turns.throttle = learn(scope, turns.key, turns.collect(), turns.most, row=MODEL_ROW)
        where = {"organization": scope.organization_id, "key": turns.key}
        rows = scope.session.execute(_DEALT, where).all()
        wants = min(wanted, turns.most)
        capacity = self._share(rows, turns.throttle.room(turns.most), wants)
        held = turns.shrink(capacity)
        taken = {"holder": self.holder, "turns": held, "wanted": wants, "lease": LEASE_S}
        scope.session.execute(_TAKE, where | taken)
        return capacity

    def _share(self, rows: Iterable[Any], room: int, wants: int) -> int:
        """What is dealt to this holder, as far as the others have let go of it."""
        wanted = {row.holder: row.wanted for row in rows} | {self.holder: wants}
        dealt = dict(zip(wanted, deal(room, list(wanted.values())), strict=True))
        of_others = sum(row.turns for row in rows if row.holder != self.holder)
        return max(0, min(dealt[self.holder], room - of_others))
