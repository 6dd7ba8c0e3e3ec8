"""Hearing that a deploy wants this process to end."""

import signal
import threading
from types import FrameType


def stop_on_sigterm() -> threading.Event:
    """An event that SIGTERM sets from now on: the queue's library resets the child's handlers, so work listens for itself."""
    stop = threading.Event()

    def _heard(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _heard)
    return stop
