"""Everything that runs, as `rhesis-app up` runs it, with each process at hand to be killed, frozen or kept down."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import urllib3

from benchmarks.faults.database import Eyes
from benchmarks.faults.deadly import install
from rhesis_app.infra.embedded.leash import Leash, start_leashed
from rhesis_app.infra.embedded.servers import EmbeddedServers
from rhesis_app.infra.migrate import migrate
from rhesis_app.infra.up import COMMANDS, UpOptions, child_environment
from rhesis_app.infra.web_server import is_live

RUN_WORKERS = ("run-worker-1", "run-worker-2")
WORKERS = (*RUN_WORKERS, "job-worker-3")
_PAUSE_S = 0.5
_READY_S = 300.0


@dataclass(slots=True)
class _Child:
    start: Callable[[], "subprocess.Popen[bytes]"]
    process: "subprocess.Popen[bytes]"
    died_at: float | None = None


@dataclass
class Site:
    """One data directory with its servers, web and workers. What dies comes back half a second later, unless it is kept down.

    `start_s` is how long web and workers took to start on this machine. With `disk_mb` the data lies on a disk of that
    size; making one takes the right to mount.
    """

    place: Path
    disk_mb: int = 0
    kept_down: set[str] = field(default_factory=set)

    def __enter__(self) -> Self:
        (self.place / "data").mkdir(parents=True, exist_ok=True)
        if self.disk_mb:
            _mount(self.place / "data", self.disk_mb)
        self.port = _free_port()
        # two gunicorn workers, as many connections as `up` gives them
        self._servers = EmbeddedServers(self.place / "data", connections=84)
        self._servers.start()
        addresses = self._servers.addresses
        try:
            migrate(addresses.database_owner_url)
            self.eyes = Eyes(self._servers.superuser_url.replace("/postgres?", "/rhesis?"))
            self.environment = self._environment()
            started = time.monotonic()
            self._children = self._start_all()
            self.until_live()
            self.start_s = time.monotonic() - started
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in getattr(self, "_children", {}):
            if name not in {"postgres", "valkey"}:
                self.signal(name, signal.SIGKILL)
        if hasattr(self, "eyes"):
            self.eyes.close()
        for name, server in (("postgres", self._servers.postgres), ("valkey", self._servers.valkey)):
            if name in getattr(self, "_children", {}):
                self.signal(name, signal.SIGCONT)
                server.process = self._children[name].process
        self._servers.stop()
        if self.disk_mb:
            subprocess.run(["umount", "-l", self.place / "data"], check=False)

    # --- what runs ----------------------------------------------------------------------------------------------------

    def tend(self) -> None:
        """Bring back what died; call it often."""
        now = time.monotonic()
        for name, child in self._children.items():
            if child.process.poll() is None:
                continue
            child.died_at = child.died_at or now
            if name not in self.kept_down and now - child.died_at >= _PAUSE_S:
                child.process, child.died_at = child.start(), None

    def signal(self, name: str, number: int, *, only: str = "all") -> None:
        """Signal a process with all that it forked, or `only` "itself", or "forks"."""
        leader = self._children[name].process
        if leader.poll() is not None:
            return
        forks = descendants(leader.pid)
        chosen = {"all": [leader.pid, *forks], "itself": [leader.pid], "forks": forks}[only]
        for pid in chosen:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        if number == signal.SIGKILL and only != "forks":
            leader.wait()

    def forks(self, name: str) -> list[int]:
        """What a process forked, at any depth."""
        return descendants(self._children[name].process.pid)

    def runs(self, name: str) -> bool:
        """Whether a process is there."""
        return self._children[name].process.poll() is None

    def add(self, name: str, argv: tuple[str, ...], **environment: str) -> None:
        """One more process, until `drop`."""
        start = self._starter(name, argv, {**self.environment, **environment})
        self._children[name] = _Child(start, start())

    def drop(self, name: str) -> None:
        """End a process that was added."""
        self.signal(name, signal.SIGKILL)
        del self._children[name]

    def until_live(self) -> None:
        """Wait until everything is up: the web answers and the workers have registered."""
        deadline = time.monotonic() + _READY_S
        while not is_live("127.0.0.1", self.port):
            if time.monotonic() > deadline:
                raise AssertionError(f"the web server does not start; see {self.place}")
            self.tend()
            time.sleep(0.05)

    def call(self, method: str, path: str, **options: Any) -> urllib3.BaseHTTPResponse:
        """A request to the API. Raises urllib3's HTTPError while nobody answers."""
        return urllib3.request(
            method, f"http://127.0.0.1:{self.port}/api/v1{path}", retries=False, timeout=15.0, **options
        )

    def redis(self) -> Any:
        """A client of the queue's server."""
        import redis

        return redis.Redis.from_url(self._servers.addresses.redis_url, socket_timeout=5)

    def _environment(self) -> dict[str, str]:
        found = install(self.place / "plugins")
        given = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("RHESIS_", "DATABASE_"))},
            "RHESIS_RATE_LIMIT_TOKEN": "10000000",
            "RHESIS_RATE_LIMIT_ANONYMOUS": "10000000",
            "PYTHONPATH": os.pathsep.join([str(found), str(Path(__file__).parents[2])]),
            "RHESIS_WEB_WORKERS": "2",
        }
        options = UpOptions(environment=given, data_dir=self.place / "data", port=self.port)
        return child_environment(options, self._servers)

    def _start_all(self) -> dict[str, _Child]:
        servers = self._servers
        assert servers.postgres.process is not None
        assert servers.valkey.process is not None
        children = {
            "postgres": _Child(servers.postgres.launch, servers.postgres.process),
            "valkey": _Child(servers.valkey.launch, servers.valkey.process),
        }
        commands = {"web": COMMANDS.web, WORKERS[2]: (*COMMANDS.worker, "jobs")}
        commands |= dict.fromkeys(RUN_WORKERS, (*COMMANDS.worker, "runs"))
        for name, argv in commands.items():
            start = self._starter(name, argv, self.environment)
            children[name] = _Child(start, start())
        return children

    def _starter(
        self, name: str, argv: tuple[str, ...], environment: Mapping[str, str]
    ) -> Callable[[], "subprocess.Popen[bytes]"]:
        log, leash = self.place / f"{name}.log", Leash(death_signal=signal.SIGKILL)
        return lambda: start_leashed(argv, env=environment, leash=leash, log=log)


def can_mount() -> bool:
    """Whether a disk of a given size can be made here."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            _mount(Path(folder), 1)
        except (OSError, subprocess.CalledProcessError):
            return False
        subprocess.run(["umount", folder], check=True)
    return True


def _mount(folder: Path, size_mb: int) -> None:
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m,mode=0700", "tmpfs", str(folder)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def descendants(pid: int) -> list[int]:
    """All processes below one."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                parent = int((folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(folder.name))
    found, left = [], [pid]
    while left:
        below = children.get(left.pop(), [])
        found += below
        left += below
    return found


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def python(*arguments: str) -> tuple[str, ...]:
    """A command of this interpreter."""
    return (sys.executable, *arguments)
