"""A process's name tells whether it still lives, and never condemns one that cannot be seen from here."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from rhesis_app.infra import life
from rhesis_app.infra.life import fate_of, this_place, this_process
from rhesis_app.kernel.ports import Fate

pytestmark = pytest.mark.skipif(not this_place(), reason="this system does not tell what became of a process")
NAME = "import os; from rhesis_app.infra.life import this_process; print(this_process(), flush=True); input()"
FORK = (
    "import os, sys; from rhesis_app.infra.life import this_process\n"
    "if os.fork(): os.wait()\nelse: print(this_process(), flush=True); sys.stdin.readline()"
)


@contextmanager
def started(code: str) -> "Iterator[tuple[subprocess.Popen[str], str]]":
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as made:
        assert made.stdout is not None
        try:
            yield made, made.stdout.readline().strip()
        finally:
            made.kill()


def test_names_are_never_the_same_and_say_alive() -> None:
    assert len({this_process() for _ in range(50)}) == 50
    assert fate_of(this_process()) is Fate.ALIVE


def test_a_killed_process_is_told_from_a_killed_worker() -> None:
    with started(NAME) as (process, name):
        assert fate_of(name) is Fate.ALIVE
        process.kill()
        process.wait()
        assert fate_of(name) is Fate.PROCESS_DIED, "its parent, the tests, lives on"
    with started(FORK) as (worker, name):
        worker.kill()
        worker.wait()
        assert fate_of(name) is Fate.WORKER_DIED


def test_one_that_is_dead_and_not_yet_buried_is_dead() -> None:
    with started(NAME) as (process, name):
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert fate_of(name) is Fate.PROCESS_DIED


def test_a_number_that_was_given_out_again_is_somebody_else() -> None:
    mine = f"{os.getpid()}."
    again = this_process().replace(f"/{mine}", f"/{mine}0")
    assert fate_of(again) is Fate.PROCESS_DIED


@pytest.mark.parametrize("name", ["", "0123456789abcdef", "another-boot.4026531836:1.1/2.2/ab"])
def test_others_are_not_judged(name: str) -> None:
    assert fate_of(name) is Fate.UNKNOWN


def test_without_proc_nobody_is_judged(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    name = this_process()
    monkeypatch.setattr(life, "_PROC", tmp_path)
    this_place.cache_clear()
    assert fate_of(name) is Fate.UNKNOWN
    this_place.cache_clear()
