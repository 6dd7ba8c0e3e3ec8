"""Names of processes by which others on the same machine can tell that they are dead.

A name says which boot and which process namespace it belongs to, so that a process of another machine or container is
never judged; and when the process began, so that a number that was given out again is not taken for it. Where the
system does not tell (no /proc), names say nothing, nobody is declared dead, and leases run out as they always do.
"""

import functools
import os
from pathlib import Path
from uuid import uuid4

from rhesis_app.kernel.ports import Fate

_PROC = Path("/proc")
_DEAD = frozenset({"Z", "X"})


def this_process() -> str:
    """A new name for work that this process holds: place, parent, process, and what makes it the only one.

    Call it after a fork, in the process that works.
    """
    return f"{this_place()}{_born(os.getppid())}/{_born(os.getpid())}/{uuid4().hex[:12]}"


@functools.cache
def this_place() -> str:
    """How names of this machine's boot and process namespace begin; empty where the system does not tell."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}.{(_PROC / 'self/ns/pid').stat().st_ino}:"
    except OSError:
        return ""


def fate_of(name: str) -> Fate:
    """What became of the process of that name, as far as can be told from here."""
    place = this_place()
    if not place or not name.startswith(place):
        return Fate.UNKNOWN
    parent, process, _ = name.removeprefix(place).split("/")
    if not _lives(parent):
        return Fate.WORKER_DIED
    return Fate.ALIVE if _lives(process) else Fate.PROCESS_DIED


def _born(pid: int) -> str:
    state = _state(pid)
    return f"{pid}.{state[1]}" if state else f"{pid}."


def _lives(born: str) -> bool:
    pid, _, began = born.partition(".")
    state = _state(int(pid))
    return state is not None and state[0] not in _DEAD and began in {"", state[1]}


def _state(pid: int) -> tuple[str, str] | None:
    """A process's state and when it began, in ticks since the boot; None when there is none."""
    try:
        text = (_PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # what stands before is a name that may hold anything
    return fields[0], fields[19]
