"""What an HTTP answer means for a run: the error code of its status, and how long it asks us to wait."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from rhesis_app.kernel.ports import OutboundAnswer, OutboundFailure

MAX_RETRY_AFTER_S = 300.0


def classify(answer: OutboundAnswer) -> str | None:
    """The error code of an answer, None for a 2xx.

    408 is a time-out, 425 and 429 are throttling, and so is a 503 that says when to come back. A redirect counts as
    `http_4xx`: it is not followed, and asking again would not help.
    """
    status = answer.status
    if 200 <= status < 300:
        return None
    if status == 408:
        return "timeout"
    if status in {425, 429} or (status == 503 and "retry-after" in answer.headers):
        return "throttled"
    return "http_5xx" if status >= 500 else "http_4xx"


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that `Retry-After` asks for, as seconds or as an HTTP date; at most 300, None when absent or garbage."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return min(float(text[:9]), MAX_RETRY_AFTER_S)
    moment = _http_date(text)
    if moment is None:
        return None
    return min(max((moment - now).total_seconds(), 0.0), MAX_RETRY_AFTER_S)


def failure_of(answer: OutboundAnswer, now: datetime) -> OutboundFailure | None:
    """The failure that an answer amounts to, with the answer kept beside it; None for a 2xx."""
    code = classify(answer)
    if code is None:
        return None
    pause = retry_after_s(answer.headers, now)
    return OutboundFailure(code, _explain(answer.status, code), retry_after_s=pause, answer=answer)


def _explain(status: int, code: str) -> str:
    if status < 400:
        return f"The endpoint answered {status}, a redirect. Redirects are not followed: enter the final URL."
    if status in {401, 403}:
        return (
            f"The endpoint answered {status}: it did not accept the credentials. Check the endpoint's authentication."
        )
    if code == "throttled":
        return f"The endpoint answered {status}: it asks for fewer calls at a time."
    return f"The endpoint answered {status}."


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
