"""Keeps child processes running: one that dies comes back, all end in order, and none outlives the supervisor.

All of it happens in the main thread: signals arrive there, and a child's life is bound to the thread that started it.
"""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Self

from rhesis_app.infra.embedded.leash import Leash, start_leashed

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0
# a child that lived this long did not die of its start: the next pause is a short one again
STEADY_S = 30.0
GRACE_S = 30.0
WATCHED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)


@dataclass(frozen=True)
class ChildSpec:
    """A program to keep running. `start` launches it once more; `serves_others` lets it end after those it serves."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    stop_signal: int = signal.SIGTERM
    serves_others: bool = False


def program(
    argv: Sequence[str], env: Mapping[str, str] | None = None, *, death_signal: int = signal.SIGTERM
) -> Callable[[], subprocess.Popen[bytes]]:
    """A `start` for a plain command; its output passes through."""
    return lambda: start_leashed(argv, env=env, leash=Leash(death_signal=death_signal))


@dataclass
class _Child:
    spec: ChildSpec
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    deaths: int = 0


def _write(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


@dataclass
class Supervisor:
    """Add children, `start`, call `watch` until it says False, `stop`. As a context it stops at the end."""

    say: Callable[[str], None] = _write
    first_pause_s: float = FIRST_PAUSE_S
    grace_s: float = GRACE_S
    _children: list[_Child] = field(default_factory=list, init=False)
    _asked: int | None = field(default=None, init=False)
    _wake: tuple[int, int] | None = field(default=None, init=False)
    _before: dict[int, Callable[[int, FrameType | None], object] | int | None] = field(default_factory=dict, init=False)

    def add(self, spec: ChildSpec, *, running: subprocess.Popen[bytes] | None = None) -> None:
        """Take a child in; one that already runs is watched from now on."""
        child = _Child(spec, process=running, started_at=time.monotonic(), pause_s=self.first_pause_s)
        self._children.append(child)
        if self._wake is not None and running is None:
            self._launch(child)

    def start(self) -> None:
        """Listen for signals and launch every child that does not run yet."""
        reading, writing = os.pipe()
        for end in (reading, writing):
            os.set_blocking(end, False)
        self._wake = (reading, writing)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        # what is ignored stays so: `nohup` means it
        heard = [number for number in WATCHED if signal.getsignal(number) is not signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._note) for number in heard}
        for child in self._children:
            if child.process is None:
                self._launch(child)

    def watch(self, timeout_s: float | None = None) -> bool:
        """Wait for something to happen and bring back what died; False once SIGINT, SIGTERM or SIGHUP came."""
        if self._asked is None and self._wake is not None:
            select.select([self._wake[0]], [], [], self._patience(timeout_s))
            self._drain()
        if self._asked is not None:
            return False
        for child in self._children:
            self._look_after(child)
        return True

    def deaths(self, name: str) -> int:
        """How often a child has ended by itself."""
        return sum(child.deaths for child in self._children if child.spec.name == name)

    def stop(self) -> None:
        """End those who are served, then those who serve; kill what is late, or all at once on a second signal."""
        for serving in (False, True):
            self._end([child for child in self._children if child.spec.serves_others is serving and child.process])
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
        if self._wake is not None:
            signal.set_wakeup_fd(-1)
            for end in self._wake:
                os.close(end)
            self._wake = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self._asked = number

    def _drain(self) -> None:
        if self._wake is None:
            return
        try:
            while os.read(self._wake[0], 512):
                pass
        except BlockingIOError:
            return

    def _patience(self, timeout_s: float | None) -> float | None:
        now = time.monotonic()
        waits = [child.restart_at - now for child in self._children if child.process is None]
        if timeout_s is not None:
            waits.append(timeout_s)
        return max(0.0, min(waits)) if waits else None

    def _launch(self, child: _Child) -> None:
        child.started_at = time.monotonic()
        child.process = child.spec.start()

    def _look_after(self, child: _Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.restart_at:
                self._launch(child)
            return
        status = child.process.poll()
        if status is None:
            return
        # what it left in its group would keep its port or its locks from the next one
        _signal_group(child.process, signal.SIGKILL)
        if now - child.started_at >= STEADY_S:
            child.pause_s = self.first_pause_s
        child.process, child.deaths, child.restart_at = None, child.deaths + 1, now + child.pause_s
        self.say(f"{child.spec.name} ended ({_how(status)}); starting it again in {child.pause_s:g} s")
        child.pause_s = min(child.pause_s * 2, LONGEST_PAUSE_S)

    def _end(self, children: list[_Child]) -> None:
        self._asked = None
        for child in children:
            if child.process is not None and child.process.poll() is None:
                child.process.send_signal(child.spec.stop_signal)
        deadline = time.monotonic() + self.grace_s
        while any(child.process and child.process.poll() is None for child in children):
            left = deadline - time.monotonic()
            if left <= 0 or self._asked is not None:
                break
            self._await_change(left)
        for child in children:
            if child.process is None:
                continue
            if child.process.poll() is None:
                self.say(f"{child.spec.name} did not end in time and is killed")
            _signal_group(child.process, signal.SIGKILL)
            child.process.wait()
            child.process = None

    def _await_change(self, left: float) -> None:
        if self._wake is None:
            time.sleep(min(left, 0.02))
            return
        select.select([self._wake[0]], [], [], left)
        self._drain()


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    """Signal all that a child started and left in its process group, whose number is the child's."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _how(status: int) -> str:
    if status < 0:
        return signal.Signals(-status).name
    return f"exit status {status}"
