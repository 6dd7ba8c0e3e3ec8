"""The one retry policy: which failures are asked again, when, and at whose expense."""

from collections.abc import Callable
from dataclasses import dataclass

RETRYABLE = frozenset({"connect", "timeout", "dns", "reset", "http_5xx"})
"""Codes where asking again may help; 408 counts as `timeout`, 425 and 429 as `throttled`."""
MAX_ATTEMPTS = 3
_FIRST_CEILING_S = 2.0
_LOWEST_S = 1.0
_HIGHEST_S = 60.0


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """`retry` after `delay_s`; `uses_attempt` is False when the endpoint itself asked us to come back later."""

    retry: bool
    delay_s: float = 0.0
    uses_attempt: bool = True


def retry_decision(
    code: str,
    attempt: int,
    *,
    random: Callable[[], float],
    max_attempts: int = MAX_ATTEMPTS,
    retry_after_s: float | None = None,
) -> RetryDecision:
    """What to do after attempt number `attempt` (from 1) failed with `code`. `random` gives numbers from 0 to 1.

    A throttled call always goes on: the run's own deadline ends it, not a count. The pause that was asked for is the
    endpoint's throttle's to keep; were it the item's as well, it would outlast the pause that somebody ends by hand.
    """
    if code == "throttled":
        return RetryDecision(retry=True, delay_s=full_jitter_s(attempt, random), uses_attempt=False)
    if code not in RETRYABLE or attempt >= max_attempts:
        return RetryDecision(retry=False)
    return RetryDecision(retry=True, delay_s=max(retry_after_s or 0.0, full_jitter_s(attempt, random)))


def full_jitter_s(attempt: int, random: Callable[[], float]) -> float:
    """Seconds to wait: anywhere between 1 and a ceiling that doubles with each attempt, at most 60."""
    ceiling = min(_HIGHEST_S, _FIRST_CEILING_S * 2.0 ** min(max(attempt, 1), 10))
    return _LOWEST_S + random() * (ceiling - _LOWEST_S)
