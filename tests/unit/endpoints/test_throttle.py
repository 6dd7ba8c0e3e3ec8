"""How many calls an endpoint gets at a time, and when it gets none."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhesis_app.endpoints.rules.throttle import HARD, UNASKED, Seen, Throttle, after

FINE, TOO_MANY, LATE, BROKEN = Seen(), Seen("throttled", 429), Seen("timeout"), Seen("http_5xx", 500)
CODES = sorted({*HARD, *UNASKED, "throttled", "http_4xx", "not_json", "mapping"})
SEEN = st.builds(
    Seen,
    st.none() | st.sampled_from(CODES),
    st.none() | st.sampled_from([200, 404, 429, 500, 503]),
    st.sampled_from([0.0, 3.0, 300.0]),
)
HALVED = Throttle(limit=8, lowered_ago_s=60.0, lowered_for="timeout")


def later(throttle: Throttle, seconds: float) -> Throttle:
    ago = None if throttle.lowered_ago_s is None else throttle.lowered_ago_s + seconds
    return replace(
        throttle,
        lowered_ago_s=ago,
        open_left_s=max(0.0, throttle.open_left_s - seconds),
        pause_left_s=max(0.0, throttle.pause_left_s - seconds),
    )


@given(batches=st.lists(st.tuples(st.lists(SEEN, max_size=60), st.floats(0, 400))), most=st.integers(1, 200))
def test_there_is_never_room_for_more_than_the_endpoint_allows_and_never_a_limit_under_one(batches, most):
    held = Throttle()
    for calls, passing in batches:
        held = later(after(held, calls, most), passing)
        assert 0 <= held.room(most) <= most
        assert held.limit is None or 1 <= held.limit < most or most == 1 == held.limit
        assert held.shut_s or held.room(most) >= 1
        assert 0 <= held.open_left_s <= held.open_s <= 300


@given(calls=st.lists(SEEN, max_size=80), cut=st.integers(0, 80), most=st.integers(1, 50))
def test_it_makes_no_difference_how_calls_are_gathered_into_batches(calls, cut, most):
    in_two = after(after(Throttle(), calls[:cut], most), calls[cut:], most)
    assert in_two == after(Throttle(), calls, most)


@pytest.mark.parametrize("most", [2, 16, 64, 200])
@pytest.mark.parametrize("capacity", [1, 5, 40, 300])
def test_with_an_endpoint_that_carries_only_so_many_it_settles_around_that(capacity, most):
    held, rooms = Throttle(), []
    for _ in range(1500):
        asked = held.room(most)
        turned_away = max(0, asked - capacity)
        held = later(after(held, [FINE] * (asked - turned_away) + [TOO_MANY] * turned_away, most), 1.0)
        rooms.append(asked)
    settled, bound = rooms[-500:], min(capacity, most)
    assert max(settled) <= bound + 6  # five seconds may pass until it is halved once more
    assert sum(settled) / len(settled) >= bound * 0.5


def test_an_endpoint_that_recovers_gets_its_whole_limit_again():
    assert after(HALVED, [FINE] * 20 * 7, 16).limit == 15
    whole = after(HALVED, [FINE] * 20 * 8, 16)
    assert (whole.limit, whole.lowered_for, whole.room(16)) == (None, None, 16)


def test_twenty_successes_raise_a_lowered_limit_by_one():
    assert after(HALVED, [FINE] * 19, 16).limit == 8
    assert after(HALVED, [FINE] * 20, 16).limit == 9
    assert after(HALVED, [FINE] * 39, 16).limit == 9


@pytest.mark.parametrize(
    "seen", [Seen("throttled", 429, 3.0), LATE, Seen("http_5xx", 503), Seen("throttled", 503)], ids=str
)
def test_a_pause_busy_and_late_halve_it(seen):
    halved = after(Throttle(), [seen], 16)
    assert (halved.limit, halved.lowered_for) == (8, seen.code)


@pytest.mark.parametrize("seen", [BROKEN, Seen("http_4xx", 404), Seen("not_json", 200), Seen("reset"), Seen("secret")])
def test_other_failures_do_not(seen):
    assert after(Throttle(), [seen], 16).limit is None


def test_each_call_that_is_refused_alone_takes_one_and_they_take_a_half_at_most_in_five_seconds():
    assert after(Throttle(), [TOO_MANY], 16).limit == 15
    assert after(Throttle(), [TOO_MANY] * 7, 16).limit == 9
    once = after(Throttle(), [TOO_MANY] * 9, 16)
    assert (once.limit, once.lowered_for) == (8, "throttled")
    assert after(later(once, 4.9), [TOO_MANY], 16).limit == 8
    assert after(later(once, 5.0), [TOO_MANY] * 9, 16).limit == 4


def test_it_is_halved_at_most_once_in_five_seconds_also_after_a_refusal():
    assert after(Throttle(), [TOO_MANY, LATE, LATE], 16).limit == 8
    assert after(after(Throttle(), [LATE], 16), [TOO_MANY, LATE], 16).limit == 8


def test_two_refusals_in_a_hundred_answers_leave_the_limit_nearly_whole():
    held, rooms = Throttle(), []
    for _ in range(200):
        held = later(after(held, [*[FINE] * 24, TOO_MANY, *[FINE] * 25], 100), 1.0)
        rooms.append(held.room(100))
    assert min(rooms) >= 98


def test_a_limit_of_one_stays_one():
    assert after(replace(HALVED, limit=1), [TOO_MANY], 16).limit == 1


def test_a_pause_lasts_as_long_as_the_longest_that_was_asked_for():
    paused = after(Throttle(), [Seen("throttled", 429, 30.0), Seen("throttled", 429, 5.0)], 16)
    assert (paused.pause_left_s, paused.room(16)) == (30.0, 0)
    assert later(paused, 30).room(16) == 8


@pytest.mark.parametrize("code", sorted(HARD))
def test_twenty_hard_failures_in_a_row_open_the_breaker_for_half_a_minute(code):
    nearly = after(Throttle(), [Seen(code)] * 19, 16)
    assert nearly.room(16) > 0
    opened = after(nearly, [Seen(code)], 16)
    assert (opened.open_s, opened.shut_s, opened.room(16)) == (30.0, 30.0, 0)


@pytest.mark.parametrize("seen", [FINE, Seen("http_4xx", 404), TOO_MANY])
def test_an_endpoint_that_answers_anything_is_there(seen):
    assert after(Throttle(), [BROKEN] * 19 + [seen] + [BROKEN] * 19, 16).open_s == 0


def test_what_failed_on_our_side_says_nothing_of_the_endpoint():
    assert after(Throttle(), [BROKEN] * 19 + [Seen("template")] + [BROKEN], 16).open_s == 30


def test_calls_that_were_under_way_do_not_open_it_longer():
    assert after(Throttle(), [BROKEN] * 60, 64).open_s == 30


def test_then_one_call_is_let_through_and_its_failures_double_the_wait_up_to_five_minutes():
    held, waits = after(Throttle(), [BROKEN] * 20, 16), []
    for _ in range(6):
        waits.append(held.open_left_s)
        held = later(held, held.open_left_s)
        assert held.room(16) == 1
        held = after(held, [BROKEN], 16)
    assert waits == [30, 60, 120, 240, 300, 300]


def test_its_success_closes_the_breaker():
    held = later(after(Throttle(), [BROKEN] * 20, 16), 30)
    assert after(held, [FINE], 16) == Throttle()
