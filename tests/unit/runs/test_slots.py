"""How many slices a limit keeps busy."""

import pytest

from rhesis_app.endpoints.rules import MAX_CONCURRENCY
from rhesis_app.runs.rules import SLOT_THREADS, slots


@pytest.mark.parametrize(("limit", "count"), [(1, 1), (SLOT_THREADS, 1), (SLOT_THREADS + 1, 2), (4 * SLOT_THREADS, 4)])
def test_a_slice_has_so_many_threads_and_a_wider_limit_several_slices(limit: int, count: int) -> None:
    assert slots(limit) == count


def test_the_widest_limit_is_reached_by_the_slices_it_gets() -> None:
    assert slots(MAX_CONCURRENCY[1]) * SLOT_THREADS >= MAX_CONCURRENCY[1]
