"""What tests with real processes ask."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest


def lives(pid: int) -> bool:
    """Whether a process runs; one that ended and was not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(true: Callable[[], bool], within_s: float = 10.0) -> bool:
    """Poll, and answer whether it came true."""
    deadline = time.monotonic() + within_s
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture
def alive() -> Callable[[int], bool]:
    return lives


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], bool]:
    return wait_until
