"""Slots for what waits: two in a process, of which one is never a waiter's."""

import pytest

from rhesis_app.kernel.errors import TooMany
from rhesis_app.web.waiting import callout_slot, wait_slot


def test_a_third_call_is_turned_away_and_a_slot_comes_back() -> None:
    with callout_slot():
        with callout_slot(), pytest.raises(TooMany), callout_slot():
            pass
        with callout_slot():
            pass


def test_a_second_waiter_does_not_wait_and_leaves_room_for_a_call() -> None:
    with wait_slot() as first, wait_slot() as second, callout_slot():
        assert (first, second) == (True, False)
    with wait_slot() as again:
        assert again


def test_nobody_waits_while_all_slots_are_called_out() -> None:
    with callout_slot(), callout_slot(), wait_slot() as may_wait:
        assert not may_wait
    with callout_slot(), callout_slot():
        pass


def test_a_slot_comes_back_after_an_error() -> None:
    with pytest.raises(LookupError), callout_slot():
        raise LookupError
    with callout_slot(), callout_slot():
        pass
