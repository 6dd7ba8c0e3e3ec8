"""How a model's calls at a time are dealt out, and how a process uses those that it holds."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhesis_app.endpoints.actions.turns import ModelTurns
from rhesis_app.endpoints.rules.throttle import Seen
from rhesis_app.endpoints.rules.turns import deal


@pytest.mark.parametrize(
    ("room", "wanted", "dealt"),
    [
        (8, [64], [8]),
        (8, [64, 64], [4, 4]),
        (8, [2, 64], [2, 6]),
        (8, [64, 64, 64], [3, 3, 2]),
        (1, [64, 64], [1, 0]),
        (0, [64], [0]),
        (8, [], []),
        (8, [0, 3], [0, 3]),
    ],
)
def test_turns_are_dealt_as_evenly_as_they_are_wanted(room: int, wanted: list[int], dealt: list[int]) -> None:
    assert deal(room, wanted) == dealt


@given(st.integers(0, 100), st.lists(st.integers(0, 80), max_size=12))
def test_no_turn_is_dealt_twice_and_none_is_kept_back_from_who_wants_it(room: int, wanted: list[int]) -> None:
    dealt = deal(room, wanted)
    assert sum(dealt) == min(room, sum(wanted))
    assert all(0 <= got <= most for got, most in zip(dealt, wanted, strict=True))
    hungry = [got for got, most in zip(dealt, wanted, strict=True) if got < most]
    assert not hungry or max(dealt) - min(hungry) <= 1


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def turns(clock: Clock) -> ModelTurns:
    held = ModelTurns("model", 8, clock)
    held.hold(2, 55.0)
    return held


def test_no_more_are_taken_than_are_held(turns: ModelTurns) -> None:
    assert [turns.take(0) for _ in range(3)] == [True, True, False]
    turns.give(None)
    assert turns.take(0)


def test_none_is_taken_before_any_was_dealt_nor_after_the_lease(clock: Clock, turns: ModelTurns) -> None:
    assert not ModelTurns("model", 8, clock).take(0)
    clock.now = 55.0
    assert not turns.take(0)


def test_calls_in_flight_stay_held_when_fewer_are_dealt(turns: ModelTurns) -> None:
    assert turns.take(0)
    assert turns.take(0)
    assert turns.shrink(1) == 2
    turns.give(None)
    assert not turns.take(0)
    assert turns.shrink(1) == 1
    turns.give(None)
    assert turns.take(0)


def test_a_pause_that_was_asked_for_holds_at_once(clock: Clock, turns: ModelTurns) -> None:
    assert turns.take(0)
    turns.give("throttled", 429, 7.0)
    assert not turns.take(0)
    clock.now = 7.0
    assert turns.take(0)
    assert turns.collect() == [Seen("throttled", 429, 7.0)]
    assert turns.collect() == []


def test_who_waits_gets_the_turn_that_another_gives_back() -> None:
    held = ModelTurns("model", 8)
    held.hold(1, float("inf"))
    assert held.take(0)
    got: list[bool] = []
    waiting = threading.Thread(target=lambda: got.append(held.take(30)))
    waiting.start()
    held.give(None)
    waiting.join(30)
    assert got == [True]
