"""Where the answer to a claimed item comes from: the endpoint that is asked, or what an earlier run has kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import tuple_

from rhesis_app.endpoints.actions.exchange import Exchange, PreparedEndpoint, ask
from rhesis_app.endpoints.actions.recorded import RecordedAnswer, ask_and_record
from rhesis_app.endpoints.rules.throttle import Seen
from rhesis_app.kernel.ports import HttpDoor, Turns
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.actions.claim import Item
from rhesis_app.runs.models import EffectiveResult


@dataclass(frozen=True, slots=True)
class Got:
    """What came of an item. `attempts` is how often it was asked for, None where this run's own attempts say so.

    `recorded` is the whole answer where it is to be kept. Without `was_asked` it waited in vain for its turn.
    """

    exchange: Exchange
    attempts: int | None = None
    was_asked: bool = True
    recorded: RecordedAnswer | None = None


class AnswerSource(Protocol):
    """Gives answers to a slice."""

    def get_ready(self, scope: Scope, items: Sequence[Item]) -> None:
        """In the main thread, in the transaction that claimed these items: read what `answer` will need."""

    def answer(self, item: Item) -> Got:
        """The answer to one item; called from many threads, touches no database, raises nothing of the outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedEndpoint:
    """Asks the endpoint, saying which attempt at which test it is; with `records`, answers come with all that was said.

    A model that is asked as an endpoint has `turns`.
    """

    run_id: UUID
    door: HttpDoor
    endpoint: PreparedEndpoint
    turns: Turns | None = None
    records: bool = False

    def get_ready(self, scope: Scope, items: Sequence[Item]) -> None:
        """Nothing is needed besides the item."""

    def answer(self, item: Item) -> Got:
        """One call, when its turn has come."""
        if self.turns is None:
            return self._ask(item)
        if not self.turns.take(self.endpoint.snapshot.timeout_s):
            return Got(Exchange(request={}, error_code="throttled"), was_asked=False)
        seen = Seen("worker_lost")
        try:
            got = self._ask(item)
            seen = seen_of(got.exchange)
            return got
        finally:
            self.turns.give(seen.code, seen.status, seen.pause_s)

    def _ask(self, item: Item) -> Got:
        headers = {"Idempotency-Key": f"{self.run_id}:{item.test_id}:{item.trial}", "X-Attempt": str(item.attempt)}
        roots = roots_of(self.run_id, item)
        if not self.records:
            return Got(ask(self.door, self.endpoint, roots, headers=headers))
        exchange, recorded = ask_and_record(self.door, self.endpoint, roots, headers)
        return Got(exchange, recorded=recorded)


@dataclass(frozen=True, slots=True)
class StoredAnswers:
    """Gives what the run `run_id` has kept, errors among it; calls nobody."""

    run_id: UUID
    _kept: dict[tuple[UUID, int], Got] = field(default_factory=dict)

    def get_ready(self, scope: Scope, items: Sequence[Item]) -> None:
        """Read the answers to these items, in one statement."""
        if not items:
            return
        result = EffectiveResult
        keys = [(item.test_version_id, item.trial) for item in items]
        query = scope.select(*(getattr(result, name) for name in ("test_version_id", "trial", "attempts", *_KEPT)))
        found = query.where(result.run_id == self.run_id, tuple_(result.test_version_id, result.trial).in_(keys))
        for row in scope.session.execute(found):
            self._kept[row.test_version_id, row.trial] = Got(_exchange(row), row.attempts)

    def answer(self, item: Item) -> Got:
        """What was kept; nothing of it is held any longer."""
        return self._kept.pop((item.test_version_id, item.trial))


_KEPT = (
    *("request", "response", "output", "context", "tool_calls", "tokens_in", "tokens_out", "latency_ms"),
    *("error_code", "error_detail"),
)


def seen_of(exchange: Exchange) -> Seen:
    """What an exchange showed of whoever was asked."""
    pause_s = exchange.retry_after_s or 0.0 if exchange.error_code == "throttled" else 0.0
    return Seen(exchange.error_code, (exchange.response or {}).get("status"), pause_s)


def _exchange(row: Any) -> Exchange:
    kept = {name: getattr(row, name) for name in _KEPT}
    return Exchange(
        **kept
        | {
            "request": kept["request"] or {},
            "context": tuple(kept["context"]),
            "tool_calls": tuple(kept["tool_calls"]),
        }
    )


def roots_of(run_id: UUID, item: Item) -> dict[str, object]:
    """What a request template may speak of."""
    turn = {"role": "user", "content": item.prompt}
    return {
        "input": item.prompt,
        "messages": [*item.messages, turn],
        "turns": [*item.messages, turn],
        "context": item.context,
        "test": {"id": str(item.test_id), "metadata": item.metadata},
        "run": {"id": str(run_id)},
        "trial": item.trial,
    }
