"""The one retry policy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhesis_app.endpoints.rules import retry_decision

NEVER = [
    "http_4xx",
    "blocked_address",
    "tls",
    "too_large",
    "encoding",
    "not_json",
    "mapping",
    "template",
    "secret",
    "deadline",
    "cost_cap",
]


@pytest.mark.parametrize("code", ["connect", "timeout", "dns", "reset", "http_5xx"])
def test_three_attempts_are_made(code):
    made = [retry_decision(code, attempt, random=lambda: 0.5).retry for attempt in (1, 2, 3)]
    assert made == [True, True, False]


@pytest.mark.parametrize("code", NEVER)
def test_what_asking_again_cannot_mend_is_not_asked_again(code):
    assert not retry_decision(code, 1, random=lambda: 0.5).retry


@given(attempt=st.integers(1, 40), chance=st.floats(0, 1))
def test_waits_stay_between_1_and_60_seconds(attempt, chance):
    assert 1 <= retry_decision("timeout", attempt, random=lambda: chance, max_attempts=99).delay_s <= 60


def test_waits_grow():
    waits = [retry_decision("timeout", attempt, random=lambda: 1.0, max_attempts=99).delay_s for attempt in range(1, 8)]
    assert waits == [4, 8, 16, 32, 60, 60, 60]


def test_the_wait_is_spread_over_the_whole_range():
    assert retry_decision("timeout", 2, random=lambda: 0.0).delay_s == 1


def test_a_throttled_call_keeps_its_attempt_and_leaves_the_pause_to_the_endpoints_throttle():
    decided = retry_decision("throttled", 3, random=lambda: 0.0, retry_after_s=120)
    assert (decided.retry, decided.uses_attempt, decided.delay_s) == (True, False, 1)


def test_a_500_that_names_a_time_is_waited_for():
    assert retry_decision("http_5xx", 1, random=lambda: 0.0, retry_after_s=30).delay_s == 30
