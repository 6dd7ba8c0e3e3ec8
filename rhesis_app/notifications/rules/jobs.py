"""Jobs: their statuses, their leases, when one that failed is tried again."""

from enum import StrEnum
from typing import Final

LEASE_S: Final = 60
LOOK_S: Final = 2.0
MAX_ATTEMPTS: Final = 3
_FIRST_PAUSE_S: Final = 10.0
_LONGEST_PAUSE_S: Final = 600.0


class JobStatus(StrEnum):
    """Where a job is; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    ERRORED = "errored"
    CANCELLED = "cancelled"


FINAL: Final = frozenset({JobStatus.DONE, JobStatus.ERRORED, JobStatus.CANCELLED})


def pause_s(attempt: int) -> float:
    """How long to wait after the attempt of that number, from 1: 10 s, 40 s, 160 s, at most ten minutes."""
    return min(_FIRST_PAUSE_S * 4.0 ** (attempt - 1), _LONGEST_PAUSE_S)
