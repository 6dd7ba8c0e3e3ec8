"""A process ends with the one that started it, by the kernel's signal and by the portable way."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rhesis_app.infra.embedded.leash import Leash, start_leashed

pytestmark = pytest.mark.integration
WAYS = pytest.mark.parametrize("by_kernel", [True, False], ids=["by-kernel", "portable"])
SLEEP = ["/bin/sleep", "60"]
Eventually = Callable[[Callable[[], bool]], bool]


def children_of(pid: int) -> list[int]:
    return [int(part) for part in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_sleep(pid: int) -> bool:
    return Path(f"/proc/{pid}/comm").read_text() == "sleep\n"


@WAYS
@pytest.mark.parametrize("is_ignored", [False, True], ids=["", "behind-a-shell"])
def test_it_ends_when_its_parent_is_killed(
    by_kernel: bool, is_ignored: bool, alive: Callable[[int], bool], eventually: Eventually
) -> None:
    starter = (
        "import signal, sys, time; from rhesis_app.infra.embedded.leash import Leash, start_leashed; "
        f"signal.signal(signal.SIGQUIT, signal.SIG_IGN if {is_ignored} else signal.SIG_DFL); "
        "leash = Leash(by_kernel=sys.argv[1] == 'True', death_signal=signal.SIGQUIT); "
        f"print(start_leashed({SLEEP!r}, leash=leash).pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", starter, str(by_kernel)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    # not before the program runs: until then it is the launcher that notices
    assert eventually(lambda: is_sleep(pid) if by_kernel else any(map(is_sleep, children_of(pid))))
    family = [pid, *children_of(pid)]
    assert all(map(alive, family))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert eventually(lambda: not any(map(alive, family)))


def test_it_may_be_killed_outright(alive: Callable[[int], bool], eventually: Eventually) -> None:
    process = start_leashed(SLEEP, leash=Leash(death_signal=signal.SIGKILL))
    assert eventually(lambda: is_sleep(process.pid))
    process.kill()
    assert process.wait(10) == -signal.SIGKILL


@WAYS
def test_its_own_end_is_reported_as_it_was(by_kernel: bool) -> None:
    leash = Leash(by_kernel=by_kernel)
    assert start_leashed(["/bin/sh", "-c", "exit 7"], leash=leash).wait(10) == 7
    assert start_leashed(["/bin/sh", "-c", "kill -TERM $$"], leash=leash).wait(10) == -signal.SIGTERM


@WAYS
def test_a_signal_reaches_the_program(by_kernel: bool, tmp_path: Path, eventually: Eventually) -> None:
    ready = tmp_path / "ready"
    script = (
        "import pathlib, signal, sys, time; signal.signal(signal.SIGINT, lambda *_: sys.exit(5));"
        f" pathlib.Path({str(ready)!r}).touch(); time.sleep(60)"
    )
    process = start_leashed([sys.executable, "-c", script], leash=Leash(by_kernel=by_kernel))
    assert eventually(ready.exists)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 5


@WAYS
def test_a_program_that_is_not_there_is_told(by_kernel: bool, tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert start_leashed(["/no/such/program"], leash=Leash(by_kernel=by_kernel), log=log).wait(10) != 0
    assert "/no/such/program: No such file or directory" in log.read_text()


def test_descendants_keep_the_lock_of_one_that_is_gone(tmp_path: Path) -> None:
    lock, out, stale = tmp_path / "lock", tmp_path / "out", tmp_path / "stale"
    stale.touch()
    # the descendant still sees the file that the next start clears away
    script = f"(sleep 0.4; ls {stale}; echo left) & exit 0"
    assert start_leashed(["/bin/sh", "-c", script], leash=Leash(hold=lock), log=out).wait(10) == 0
    second = start_leashed(["/bin/sh", "-c", "echo in"], leash=Leash(hold=lock, stale=(stale,)), log=out)
    assert second.wait(10) == 0
    assert out.read_text() == f"{stale}\nleft\nin\n"
    assert not stale.exists()


def test_the_exact_environment_is_all_it_gets(tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start_leashed(
        ["/usr/bin/env"], leash=Leash(exact_env={"ONE": "1"}), env={"PGPORT": "1", "SECRET_KEY": "s"}, log=out
    )
    assert process.wait(10) == 0
    assert out.read_text() == "ONE=1\n"
