"""A run at work: what is in flight, what waits and for what."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from sqlalchemy import Double, cast, extract, func, select

from rhesis_app.endpoints.models import EndpointThrottle
from rhesis_app.runs.models import TestRun, WorkItem
from rhesis_app.runs.queries.json_rows import json_object
from rhesis_app.runs.queries.views import RunView
from rhesis_app.runs.rules import RunKind

_ENOUGH = 5  # answers before a remaining time is more than a guess


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Open items of a run: being asked, lost with their worker, due now, waiting for a later try. Seconds from now."""

    in_flight: int = 0
    lost: int = 0
    due: int = 0
    later: int = 0
    next_try_s: float | None = None
    paused_s: float | None = None

    @classmethod
    def read(cls, found: Mapping[str, Any] | None) -> "Progress":
        """From the column that `open_work` makes."""
        return cls(**found) if found else cls()


def open_work() -> Any:
    """The run's open items by state as one JSON column; correlated to TestRun, and cheap where nothing is open."""
    item, now = WorkItem, func.now()
    is_free = item.lease_owner.is_(None)
    paused = (
        select(_seconds(EndpointThrottle.paused_until))
        .where(EndpointThrottle.organization_id == TestRun.organization_id)
        .where(EndpointThrottle.endpoint_id == TestRun.endpoint_id, EndpointThrottle.paused_until > now)
        .where(TestRun.kind != RunKind.RESCORE)  # who scores stored answers asks nobody
        .correlate(TestRun)
        .scalar_subquery()
    )
    columns = {
        "in_flight": func.count().filter(item.lease_until > now),
        "lost": func.count().filter(item.lease_until <= now),
        "due": func.count().filter(is_free, item.not_before <= now),
        "later": func.count().filter(is_free, item.not_before > now),
        "next_try_s": _seconds(func.min(item.not_before).filter(is_free)),
        "paused_s": paused,
    }
    return (
        select(json_object(columns))
        .where(item.organization_id == TestRun.organization_id, item.run_id == TestRun.id)
        .correlate(TestRun)
        .scalar_subquery()
    )


def standing_still(run: RunView, progress: Progress) -> str:
    """Why nothing moves, as a sentence; empty while something is being asked or the run has ended."""
    if run.is_finished:
        return ""
    if run.cancel_requested_at is not None:
        return f"Cancelling: nothing new is asked, {_answers(progress.in_flight)} still on the way and kept."
    if progress.paused_s is not None and progress.paused_s > 0:
        return f"The endpoint asks for a pause: going on in {ceil(progress.paused_s)} s."
    if progress.in_flight:
        return ""
    if progress.lost:
        return "A worker was lost. Its calls are given out again within a minute."
    if progress.due:
        return "Waits for a worker. If this stays, look whether one runs: rhesis-app doctor."
    if progress.later and progress.next_try_s is not None:
        return f"{_calls(progress.later)} to be tried again, the next one in {max(ceil(progress.next_try_s), 0)} s."
    return ""


def time_left_ms(run: RunView) -> float | None:
    """How long the rest takes at the pace so far; None while that would be a guess."""
    done = run.totals.answered
    if run.is_finished or run.duration_ms is None or done < _ENOUGH or not run.totals.pending:
        return None
    return run.duration_ms / done * run.totals.pending


def _seconds(moment: Any) -> Any:
    return cast(extract("epoch", moment - func.now()), Double)


def _answers(count: int) -> str:
    return "1 answer is" if count == 1 else f"{count} answers are"


def _calls(count: int) -> str:
    return "1 call is" if count == 1 else f"{count} calls are"
