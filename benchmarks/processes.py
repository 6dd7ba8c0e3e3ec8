"""What processes cost, read from /proc: CPU seconds of whole trees, and the memory that they really hold."""

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def tree(root: int) -> list[int]:
    """A process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for folder in _PROC.iterdir():
        if folder.name.isdecimal() and (stat := _stat(int(folder.name))):
            parents.setdefault(int(stat[1]), []).append(int(folder.name))
    found, waiting = [], [root]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += parents.get(one, [])
    return found


def cpu_s(roots: Iterable[int]) -> float:
    """CPU seconds of these trees so far, children that have ended and were waited for among them."""
    ticks = 0
    for root in roots:
        for process in tree(root):
            if stat := _stat(process):
                ticks += sum(int(value) for value in stat[11:15])  # utime stime cutime cstime
    return ticks / _TICKS


def pss_mb(roots: Iterable[int]) -> float:
    """Memory of these trees: what is shared counts once, by halves or thirds (PSS)."""
    kilobytes = 0
    for root in roots:
        for process in tree(root):
            try:
                lines = (_PROC / str(process) / "smaps_rollup").read_text(encoding="ascii").splitlines()
            except OSError:
                continue
            kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes / 1024


def named(root: int, *words: str) -> list[int]:
    """Children of `root` whose command line holds all these words."""
    children = [process for process in tree(root) if (stat := _stat(process)) and int(stat[1]) == root]
    return [process for process in children if all(word in _command(process) for word in words)]


class Peak:
    """The largest memory of some trees while it watched."""

    def __init__(self) -> None:
        self.mb = 0.0


@contextmanager
def watching(roots: list[int], every_s: float = 0.2) -> Iterator[Peak]:
    """Look at the memory of these trees again and again."""
    peak, ended = Peak(), threading.Event()

    def look() -> None:
        while True:
            peak.mb = max(peak.mb, pss_mb(roots))
            if ended.wait(every_s):
                return

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


def _stat(process: int) -> list[str] | None:
    """The fields of /proc/N/stat after the name: state, parent, …"""
    try:
        return (_PROC / str(process) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(") ")[2].split()
    except OSError:
        return None


def _command(process: int) -> str:
    try:
        return (_PROC / str(process) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
