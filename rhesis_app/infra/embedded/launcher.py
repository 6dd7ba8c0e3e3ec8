"""Becomes another program that ends when the process that asked for it ends.

`leash.py` runs this file by its path, with a plan as JSON and then the program's own arguments. It is a program of its
own, and not a function between fork and exec, because code there may stop for ever in a process with threads.
It needs nothing but the standard library and starts in about 20 ms.
"""

import ctypes
import fcntl
import json
import os
import pwd
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CLONE_NEWUSER = 0x10000000
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522

EX_UNAVAILABLE = 69
EX_LOCKED = 75
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
GRACE_S = 10.0

NO_DISGUISE = (
    "PostgreSQL refuses to run as root, and this machine allows neither a user namespace nor a change of user. "
    "Run rhesis-app as an ordinary user, or set DATABASE_URL to a PostgreSQL 15 or newer that runs elsewhere."
)


class LaunchError(Exception):
    """The program cannot be started; `code` becomes the exit status."""

    def __init__(self, message: str, code: int = EX_UNAVAILABLE) -> None:
        super().__init__(message)
        self.code = code


def main(arguments: list[str]) -> int:
    plan: dict[str, Any] = json.loads(arguments[0])
    argv = arguments[1:]
    try:
        if plan["signal"] != signal.SIGKILL:
            # a shell starts what goes on behind it with some signals ignored: this one must end the program all the same
            signal.signal(int(plan["signal"]), signal.SIG_DFL)
        _leash(plan)
        if plan["hold"]:
            _hold(Path(plan["hold"]), plan["patience_s"])
        for stale in plan["stale"]:
            Path(stale).unlink(missing_ok=True)
        if plan["disguise"]:
            _disguise(argv[0], [Path(path) for path in plan["owned"]])
            # a change of credentials clears the death signal
            _leash(plan)
        if plan["lifeline"] is not None:
            return _run_beside(argv, plan)
        _become(argv, plan["env"])
    except LaunchError as failure:
        sys.stderr.write(f"{failure}\n")
        return failure.code
    except OSError as failure:
        sys.stderr.write(f"{argv[0]}: {failure.strerror}\n")
        return EX_UNAVAILABLE
    return 0


def _leash(plan: dict[str, Any]) -> None:
    if plan["lifeline"] is not None:
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(plan["signal"]), 0, 0, 0)
    # whoever asked may have ended before the signal was set: then nobody would ever send it
    if os.getppid() != plan["parent"]:
        raise LaunchError("the process that asked for this one has ended")


def _hold(path: Path, patience_s: float) -> None:
    """Take a lock that the program to be and all its descendants keep until the last of them is gone."""
    held = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                message = f"processes of an earlier start still run (they hold {path})"
                raise LaunchError(message, EX_LOCKED) from None
            time.sleep(0.02)
        else:
            break
    os.set_inheritable(held, True)  # noqa: FBT003 - the call knows no keyword


def _become(argv: list[str], env: dict[str, str] | None) -> None:
    # Python ignores these two, and what is ignored stays ignored in the next program
    for name in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(name, signal.SIG_DFL)
    if env is None:
        os.execv(argv[0], argv)  # noqa: S606 - no shell is wanted
    os.execve(argv[0], argv, env)  # noqa: S606 - no shell is wanted


# --- another user than root -------------------------------------------------------------------------------------------


def _disguise(program: str, owned: list[Path]) -> None:
    """Let PostgreSQL see an ordinary user: in a user namespace (files stay ours), or as one who may open our files."""
    if not sys.platform.startswith("linux"):
        raise LaunchError(NO_DISGUISE)
    user = _ordinary_user()
    if _namespace_works(user, program, owned):
        for path in owned:
            _own(path, os.geteuid(), os.getegid())
        _enter_namespace(user)
        return
    try:
        for path in owned:
            _own(path, user.pw_uid, user.pw_gid)
        _change_user(user)
    except OSError:
        raise LaunchError(NO_DISGUISE) from None


def _ordinary_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        pass
    for user in pwd.getpwall():
        if user.pw_uid != 0:
            return user
    raise LaunchError(NO_DISGUISE)


def _namespace_works(user: pwd.struct_passwd, program: str, owned: list[Path]) -> bool:
    """Try in a child, since a namespace cannot be left again: it may be closed, or not reach the files."""
    child = os.fork()
    if child == 0:
        try:
            _enter_namespace(user)
            reachable = os.access(program, os.X_OK) and all(os.access(path.parent, os.W_OK | os.X_OK) for path in owned)
            os._exit(0 if reachable else 1)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def _enter_namespace(user: pwd.struct_passwd) -> None:
    uid, gid = os.geteuid(), os.getegid()
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user.pw_uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{user.pw_gid} {gid} 1")


def _change_user(user: pwd.struct_passwd) -> None:
    """Change to another user, keeping the one capability that opens our files and directories wherever they are."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    wanted = 1 << CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    # effective, permitted and inheritable, for the lower and then the upper 32 capabilities
    sets = (ctypes.c_uint32 * 6)(wanted, wanted, wanted, 0, 0, 0)
    if libc.capset(header, sets) or libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0):
        raise OSError(ctypes.get_errno(), "capset")


def _own(path: Path, uid: int, gid: int) -> None:
    """Give a directory and all in it to one user, when an earlier start in the other disguise left it to another."""
    if not path.exists() or path.stat().st_uid == uid:
        return
    for folder, _, names in os.walk(path):
        for name in names:
            os.chown(Path(folder) / name, uid, gid, follow_symlinks=False)
        os.chown(folder, uid, gid)


# --- where no signal tells of a parent's death ------------------------------------------------------------------------


def _run_beside(argv: list[str], plan: dict[str, Any]) -> int:
    """Run the program as a child and end it when the lifeline, a pipe that the asking process keeps open, closes."""
    wake_read, wake_write = os.pipe()
    for end in (wake_read, wake_write):
        os.set_blocking(end, False)
    child = os.fork()
    if child == 0:
        _become_or_exit(argv, plan["env"])
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in FORWARDED:
        signal.signal(number, lambda received, _: os.kill(child, received))
    _await_end(child, plan["lifeline"], wake_read, int(plan["signal"]))
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        if os.WTERMSIG(status) != signal.SIGKILL:
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    return os.waitstatus_to_exitcode(status)


def _become_or_exit(argv: list[str], env: dict[str, str] | None) -> None:
    try:
        _become(argv, env)
    except OSError as failure:
        sys.stderr.write(f"{argv[0]}: {failure.strerror}\n")
    finally:
        os._exit(EX_UNAVAILABLE)


def _await_end(child: int, lifeline: int, wake: int, death_signal: int) -> None:
    """Return when the child has ended; tell it once when the lifeline closes, and kill it when it does not listen."""
    watched, kill_at = [lifeline, wake], None
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        ready, _, _ = select.select(watched, [], [], None if kill_at is None else max(0.0, kill_at - time.monotonic()))
        if wake in ready:
            os.read(wake, 512)
        if lifeline in ready:
            watched, kill_at = [wake], time.monotonic() + GRACE_S
            os.kill(child, death_signal)
        if kill_at is not None and time.monotonic() >= kill_at:
            os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
