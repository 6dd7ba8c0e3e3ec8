"""Processes that end with the one that started them, however it ends.

On Linux the kernel sends a signal when the parent dies; elsewhere a small process beside the program waits for a pipe
to close. The kernel means the parent's *thread*: start leashed processes from the main thread.
"""

import ctypes
import functools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rhesis_app.infra.embedded import launcher

HAS_DEATH_SIGNAL = sys.platform.startswith("linux")
PATIENCE_S = 15.0


@dataclass(frozen=True)
class Leash:
    """How a process is bound to us, and what is done just before it becomes the program."""

    death_signal: int = signal.SIGTERM
    hold: Path | None = None  # a lock file the program and all its descendants keep
    stale: tuple[Path, ...] = ()  # files of an earlier life, removed once the lock is held
    disguise: bool = False  # show the program an ordinary user
    owned: tuple[Path, ...] = ()  # directories that the disguised program must own
    exact_env: Mapping[str, str] | None = None  # the program's whole environment
    by_kernel: bool = HAS_DEATH_SIGNAL


PLAIN = Leash()


def start_leashed(
    argv: Sequence[str], *, leash: Leash = PLAIN, env: Mapping[str, str] | None = None, log: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a program in a process group of its own, so that Ctrl-C reaches it only through us.

    `argv[0]` is an absolute path. With `log` its output is appended there, otherwise it is ours.
    """
    lifeline = None if leash.by_kernel else _lifeline()[0]
    plan = {
        "parent": os.getpid(),
        "signal": int(leash.death_signal),
        "hold": str(leash.hold) if leash.hold else None,
        "patience_s": PATIENCE_S,
        "stale": [str(path) for path in leash.stale],
        "disguise": leash.disguise,
        "owned": [str(path) for path in leash.owned],
        "env": dict(leash.exact_env) if leash.exact_env is not None else None,
        "lifeline": lifeline,
    }
    command = [sys.executable, "-I", "-S", "-B", launcher.__file__, json.dumps(plan), *argv]
    output = log.open("ab") if log else None
    try:
        return subprocess.Popen(  # noqa: S603 - callers pass programs of ours, never a user's text
            command,
            env=dict(env) if env is not None else None,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            pass_fds=() if lifeline is None else (lifeline,),
            process_group=0,
        )
    finally:
        if output:
            output.close()


def die_with_parent(death_signal: int = signal.SIGTERM) -> None:
    """Bind the calling process itself, for one that was forked and not started by us."""
    parent = os.getppid()
    if HAS_DEATH_SIGNAL:
        ctypes.CDLL(None).prctl(launcher.PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), death_signal)
        return
    threading.Thread(target=_watch_parent, args=(parent, death_signal), name="leash", daemon=True).start()


def _watch_parent(parent: int, death_signal: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), death_signal)


@functools.cache
def _lifeline() -> tuple[int, int]:
    """One pipe for the whole process: its write end is inherited by nobody and closes when we end."""
    return os.pipe()
