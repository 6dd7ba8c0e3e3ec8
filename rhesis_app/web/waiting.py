"""How many of a process's threads may wait for something outside: a quarter of its eight, so that the others answer."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Final

from rhesis_app.kernel.errors import TooMany
from rhesis_app.web.scope import release_connection

MAX_WAIT_S: Final = 60
_ASK_AGAIN_S: Final = 0.5
_SLOTS: Final = 2
_WAITERS: Final = 1
_slots = BoundedSemaphore(_SLOTS)
# a pipeline that long-polls all day must not close the workbench: one slot is never a waiter's
_waiters = BoundedSemaphore(_WAITERS)


@contextmanager
def callout_slot() -> Iterator[None]:
    """Hold a slot while calling an endpoint; TooMany at once when all are taken. Give the connection back first."""
    if not _slots.acquire(blocking=False):
        raise TooMany("Other test calls are under way. Wait for their answers, then try again.", retry_after_s=2)
    try:
        yield
    finally:
        _slots.release()


@contextmanager
def wait_slot() -> Iterator[bool]:
    """Whether this request may wait (`?wait=`); with False it answers at once with what is known."""
    if not _waiters.acquire(blocking=False):
        yield False
        return
    try:
        with _slot_if_free() as is_free:
            yield is_free
    finally:
        _waiters.release()


@contextmanager
def _slot_if_free() -> Iterator[bool]:
    is_free = _slots.acquire(blocking=False)
    try:
        yield is_free
    finally:
        if is_free:
            _slots.release()


def wait_until(holds: Callable[[], bool], seconds: int) -> None:
    """Ask `holds` twice a second without holding a connection in between; not at all when others wait already."""
    until = time.monotonic() + seconds
    with wait_slot() as may_wait:
        while may_wait and (left := until - time.monotonic()) > 0:
            release_connection()
            time.sleep(min(_ASK_AGAIN_S, left))
            if holds():
                return
