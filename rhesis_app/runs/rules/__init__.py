"""Pure decisions of runs: statuses, totals, how a run ends."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final

from rhesis_app.scoring.outcome import Outcome
from rhesis_app.scoring.stats import pass_rate
from rhesis_app.sdk import Rate, Totals

LEASE_S: Final = 60
RENEW_S: Final = 15.0
CLAIM_S: Final = 20.0
"""How long a slice claims while calls of another run are under way."""
ALONE_S: Final = 300.0
"""How long it claims while none are: to end it for nobody's sake would empty its calls one by one, and then fill them anew."""
SLOT_THREADS: Final = 64
MAX_ATTEMPTS: Final = 3
LEAST_RETRIES: Final = 10
DEADLINE: Final = timedelta(hours=6)
SCORING_AT_ONCE: Final = 8
"""Stored answers that are scored at a time: text checks need no more, and a judge is asked no more."""
SCORING_S: Final = 300
"""How long the scoring of one stored answer may take."""


class RunStatus(StrEnum):
    """Where a run is; the last four are final."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    PARTIAL = "partial"
    ERRORED = "errored"
    CANCELLED = "cancelled"


class RunKind(StrEnum):
    """How a run came to be."""

    RUN = "run"
    RERUN = "rerun"
    RESCORE = "rescore"
    RETRY = "retry"


COUNTED: Final = (RunKind.RUN, RunKind.RERUN)
"""Kinds of runs that asked the endpoint for what they show, unless they replayed it; of these only whole ones are "the run before"
or a trend."""


FINAL: Final = frozenset({RunStatus.COMPLETED, RunStatus.PARTIAL, RunStatus.ERRORED, RunStatus.CANCELLED})


def slots(limit: int) -> int:
    """How many slices an endpoint's limit keeps busy at once."""
    return max(1, -(-limit // SLOT_THREADS))


def retry_budget(planned: int) -> int:
    """How many retries a run has for failures of its endpoint: a fifth of its items, and never less than ten."""
    return max(LEAST_RETRIES, planned // 5)


def totals_of(planned: int, counts: Mapping[str, int], *, ended: bool) -> Totals:
    """Totals from results counted by outcome; what has no result is pending, or cancelled once the run has ended."""
    known = {str(outcome): counts.get(str(outcome), 0) for outcome in Outcome}
    open_items = planned - sum(known.values())
    return Totals(planned=planned, **known, **{"cancelled" if ended else "pending": open_items})


def rate_of(totals: Totals) -> Rate:
    """The pass rate with its interval; everything undecided counts as left out."""
    excluded = totals.error + totals.unscored + totals.pending + totals.cancelled
    return pass_rate(passed=totals.passed, failed=totals.failed, excluded=excluded)


def final_status(totals: Totals) -> RunStatus:
    """How a run with no open item ended."""
    if totals.cancelled:
        return RunStatus.CANCELLED
    if totals.error == totals.planned:
        return RunStatus.ERRORED
    return RunStatus.PARTIAL if totals.error else RunStatus.COMPLETED
