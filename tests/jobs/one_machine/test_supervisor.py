"""Children come back, end in order, and never outlive their supervisor."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rhesis_app.infra.supervise import ChildSpec, Supervisor, program

pytestmark = pytest.mark.integration
Eventually = Callable[[Callable[[], bool]], bool]


def shell(script: str) -> Callable[[], subprocess.Popen[bytes]]:
    return program(["/bin/sh", "-c", script])


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(said: list[str]) -> Iterator[Supervisor]:
    supervisor = Supervisor(say=said.append, first_pause_s=0.02, grace_s=0.5)
    yield supervisor
    supervisor.stop()


def test_a_child_that_dies_is_started_again(supervisor: Supervisor, said: list[str], tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    supervisor.add(ChildSpec("brief", shell(f"echo x >> {starts}; exit 3")))
    supervisor.start()
    while supervisor.deaths("brief") < 3:
        assert supervisor.watch(5)
    assert starts.read_text() == "x\n" * 3
    # each pause is twice the one before
    assert [line.rpartition("in ")[2] for line in said] == ["0.02 s", "0.04 s", "0.08 s"]
    assert "brief ended (exit status 3)" in said[0]


def test_a_killed_child_is_named_by_its_signal(supervisor: Supervisor, said: list[str]) -> None:
    supervisor.add(ChildSpec("victim", shell("kill -KILL $$")))
    supervisor.start()
    while not supervisor.deaths("victim"):
        assert supervisor.watch(5)
    assert "SIGKILL" in said[0]


def test_what_a_dead_child_left_in_its_group_goes_with_it(
    supervisor: Supervisor, tmp_path: Path, alive: Callable[[int], bool], eventually: Eventually
) -> None:
    left = tmp_path / "left"
    supervisor.add(ChildSpec("parent", shell(f"sleep 60 & echo $! > {left}; exit 1")))
    supervisor.start()
    while not supervisor.deaths("parent"):
        assert supervisor.watch(5)
    assert eventually(lambda: not alive(int(left.read_text())))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_watch(supervisor: Supervisor, number: int) -> None:
    supervisor.add(ChildSpec("calm", shell("exec sleep 60")))
    supervisor.start()
    os.kill(os.getpid(), number)
    assert supervisor.watch(5) is False


def test_signals_are_given_back_afterwards(supervisor: Supervisor) -> None:
    before = signal.getsignal(signal.SIGINT)
    with supervisor:
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before


def test_those_who_serve_end_after_those_they_serve(
    supervisor: Supervisor, tmp_path: Path, eventually: Eventually
) -> None:
    order = tmp_path / "order"
    for name, serves in (("database", True), ("web", False)):
        script = (
            f"trap 'sleep 0.1; echo {name} >> {order}; exit 0' TERM; : > {order}.{name}; while :; do sleep 0.01; done"
        )
        supervisor.add(ChildSpec(name, shell(script), serves_others=serves))
    supervisor.start()
    assert eventually(lambda: all(Path(f"{order}.{name}").exists() for name in ("database", "web")))
    supervisor.stop()
    assert order.read_text().split() == ["web", "database"]


def test_one_that_does_not_listen_is_killed_and_named(
    supervisor: Supervisor, said: list[str], tmp_path: Path, eventually: Eventually
) -> None:
    deaf = tmp_path / "deaf"
    supervisor.add(ChildSpec("deaf", shell(f"trap '' TERM; : > {deaf}; while :; do sleep 0.01; done")))
    supervisor.start()
    assert eventually(deaf.exists)
    supervisor.stop()
    assert said == ["deaf did not end in time and is killed"]


def test_one_that_runs_already_is_watched_and_brought_back(supervisor: Supervisor, tmp_path: Path) -> None:
    again = tmp_path / "again"
    running = shell("exit 0")()
    supervisor.add(ChildSpec("adopted", shell(f": > {again}; exec sleep 60")), running=running)
    supervisor.start()
    while not supervisor.deaths("adopted"):
        assert supervisor.watch(5)
    while not again.exists():
        assert supervisor.watch(0.01)


def test_a_killed_supervisor_leaves_nobody(alive: Callable[[int], bool], eventually: Eventually) -> None:
    starter = (
        "from rhesis_app.infra.supervise import *\n"
        "s = Supervisor()\n"
        "for name in 'abc': s.add(ChildSpec(name, program(['/bin/sleep', '60'])))\n"
        "s.start()\n"
        "print(*(child.process.pid for child in s._children), flush=True)\n"
        "while s.watch(): pass\n"
    )
    process = subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pids = [int(part) for part in process.stdout.readline().split()]
    assert len(pids) == 3
    assert all(map(alive, pids))
    process.kill()
    process.wait()
    process.stdout.close()
    assert eventually(lambda: not any(map(alive, pids)))
