"""Real workers on the tests' own servers, and ways to end them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rhesis_app.infra.config import Settings


@contextmanager
def workers(settings: Settings, count: int = 2) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """`rhesis-app worker` processes on the tests' own servers."""
    environment = {
        **os.environ,
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": settings.secret_keys[0],
        "RHESIS_ENCRYPTION_KEYS": settings.encryption_keys[0],
        "RHESIS_ALLOW_LOCAL_TARGETS": "1",
    }
    command = [sys.executable, "-m", "rhesis_app.cli", "worker", "--queue", "runs"]
    started = [subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) for _ in range(count)]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


def until(holds: Callable[[], bool], timeout_s: float = 40.0) -> None:
    """Wait for something; AssertionError when it does not come."""
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)


def kill_with_children(pid: int) -> None:
    """The worker and the slice it forked, at once: neither can tell the other."""
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    for victim in (pid, *map(int, children)):
        os.kill(victim, signal.SIGKILL)
