"""Where a run's answers come from: the endpoint, or what an earlier run has recorded of it."""

from enum import StrEnum
from typing import Final


class Source(StrEnum):
    """`record` asks and keeps every answer whole; a replay gives kept answers, and asks or fails where there is none."""

    LIVE = "live"
    RECORD = "record"
    REPLAY = "replay"
    REPLAY_OR_FAIL = "replay-or-fail"


SOURCES: Final = (
    (Source.LIVE, "Ask", "Every test is sent to the endpoint."),
    (Source.RECORD, "Ask and record", "The same, and every answer is kept whole for later runs."),
    (Source.REPLAY, "Replay, ask what is missing", "Recorded answers cost nothing; what is new is asked and recorded."),
    (
        Source.REPLAY_OR_FAIL,
        "Replay only",
        "The endpoint is never called: a test without a recorded answer is an error.",
    ),
)
"""Each with its label and what it does, for those who choose."""
REPLAYS: Final = (Source.REPLAY, Source.REPLAY_OR_FAIL)
NOT_RECORDED: Final = "not_recorded"
"""The error code of a test whose answer a recording does not have."""
_SHOWN: Final = 60


def not_recorded(number: int, position: int, prompt: str, trial: int) -> str:
    """That a recording (of run `number`) has no answer to a test, and what to do, as an error's detail."""
    said = " ".join(prompt.split())
    said = said if len(said) <= _SHOWN else f"{said[:_SHOWN].rstrip()}…"
    which = f"Test {position} (“{said}”)" + (f", trial {trial}," if trial > 1 else "")
    return (
        f"{which} is not in the recording of #{number}: what would be sent was never answered there."
        " Record it with a run of the source record, or let one of the source replay ask what is missing."
    )
