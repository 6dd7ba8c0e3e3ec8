"""Whoever guesses a password waits longer each time, before the guess is looked at."""

import time
from typing import Final

from rhesis_app.auth.actions.attempts import Attempt

_AT_ONCE: Final = 3
_AT_ONCE_FROM_ONE: Final = 10
_STEP_S: Final = 0.1
_LONGEST_S: Final = 1.0


def pause_of(attempt: Attempt) -> float:
    """Seconds: none for a typing mistake or two, more for each further guess, and never so many as would hold up a server."""
    over = max(attempt.of_both - _AT_ONCE, attempt.of_origin - _AT_ONCE_FROM_ONE, 0)
    return min(_LONGEST_S, over * _STEP_S)


def slow_down(attempt: Attempt) -> None:
    """Let it wait as long as that."""
    pause_s = pause_of(attempt)
    if pause_s:
        time.sleep(pause_s)
