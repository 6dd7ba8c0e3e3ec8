"""What statuses and Retry-After mean."""

from datetime import UTC, datetime

import pytest

from rhesis_app.infra.http import classify, failure_of, retry_after_s
from rhesis_app.kernel.ports import OutboundAnswer

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def answer(status, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return OutboundAnswer(status=status, headers=named, body=b"", latency_ms=1.0)


@pytest.mark.parametrize(
    ("status", "code"),
    [(200, None), (204, None), (301, "http_4xx"), (400, "http_4xx"), (401, "http_4xx"), (404, "http_4xx"),
    (408, "timeout"),
     (425, "throttled"), (429, "throttled"), (500, "http_5xx"), (503, "http_5xx"), (599, "http_5xx")],
)  # fmt: skip
def test_a_status_has_its_code(status, code):
    assert classify(answer(status)) == code


def test_a_503_that_says_when_is_throttling():
    assert classify(answer(503, retry_after="5")) == "throttled"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7), ("0", 0), (" 30 ", 30), ("99999", 300), ("9" * 400, 300), ("-5", None), ("1.5", None),
        ("soon", None), ("", None),
        ("٣", None), ("Sun, 01 Mar 2026 12:00:10 GMT", 10), ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("Sun, 01 Mar 2027 12:00:00 GMT", 300), ("Sunday, 01-Mar-26 12:00:20 GMT", 20),
        ("Sun, 99 Mar 2026 12:00:10 GMT", None),
        ("Sun, 01 Mar 2026 12:00:10", 10), ("Sun, 01 Mar 99999 12:00:10 GMT", None),
    ],
)  # fmt: skip
def test_retry_after_is_read_in_both_forms_and_garbage_is_ignored(text, seconds):
    assert retry_after_s({"retry-after": text}, NOW) == seconds


def test_a_failure_keeps_the_answer_and_the_pause():
    said = answer(429, retry_after="20")
    failure = failure_of(said, NOW)
    assert failure is not None
    assert (failure.code, failure.retry_after_s, failure.answer) == ("throttled", 20, said)


def test_a_redirect_says_to_enter_the_final_url():
    failure = failure_of(answer(302), NOW)
    assert failure is not None
    assert "final URL" in failure.message


def test_a_success_is_no_failure():
    assert failure_of(answer(201), NOW) is None
