"""`up` with small programs in the place of ours: what it starts, with what environment, and how it ends."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

STARTER = """
import sys
from pathlib import Path
from rhesis_app.infra.up import Commands, ExtraChild, UpOptions, run_up
folder, port = Path(sys.argv[1]), int(sys.argv[2])
commands = Commands(
    migrate=(sys.executable, str(folder / "stand_in.py"), "migrate"),
    web=(sys.executable, str(folder / "stand_in.py"), "web"),
    worker=(sys.executable, str(folder / "stand_in.py"), "worker"),
)
extra = ExtraChild("bot", (sys.executable, str(folder / "stand_in.py"), "bot"), {"BOT": "1"})
environment = {"PATH": "/usr/bin:/bin", **dict(part.split("=", 1) for part in sys.argv[3:])}
options = UpOptions(
    environment=environment, data_dir=folder / "data", port=port, workers=1, extra_children=(extra,), commands=commands,
    after_ready=lambda ready: print("hook", ready.url, flush=True),
)
sys.exit(run_up(options))
"""

# each writes what it got, and then behaves like the real one
STAND_IN = """
import json, os, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
role = "-".join(sys.argv[1:])
draft = Path(__file__).with_name(role + ".new")
draft.write_text(json.dumps({"pid": os.getpid(), **os.environ}))
draft.rename(Path(__file__).with_name(role + ".json"))
class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health/live" else 500)
        self.end_headers()
    def log_message(self, *args): pass
if role == "migrate":
    sys.exit(int(os.environ.get("MIGRATE_STATUS", "0")))
if role == "web":
    host, _, port = os.environ["RHESIS_BIND"].rpartition(":")
    HTTPServer((host, int(port)), Answer).serve_forever()
time.sleep(60)
"""


@dataclass
class Up:
    folder: Path
    port: int
    process: subprocess.Popen[str]

    def lines_until(self, start: str) -> list[str]:
        assert self.process.stdout is not None
        lines: list[str] = []
        for line in self.process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith(start):
                return lines
        raise AssertionError("\n".join(lines))

    def seen_by(self, role: str) -> dict[str, str]:
        seen: dict[str, str] = json.loads((self.folder / f"{role}.json").read_text())
        return seen

    def has_started(self, role: str) -> bool:
        return (self.folder / f"{role}.json").exists()


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    started: list[subprocess.Popen[str]] = []
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        free = int(trial.getsockname()[1])

    def start(*settings: str, port: int = free) -> Up:
        command = [sys.executable, "-c", STARTER, str(tmp_path), str(port), *settings]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        started.append(process)
        return Up(tmp_path, port, process)

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_from_nothing_to_ready_and_back(up: Callable[..., Up], eventually: Callable[..., bool]) -> None:
    running = up()
    lines = running.lines_until("hook")
    assert f"ready http://127.0.0.1:{running.port}" in lines
    assert any(line.startswith("Endpoints on loopback and private addresses are allowed") for line in lines)
    migrate, web = running.seen_by("migrate"), running.seen_by("web")
    # the owner's address is the migration's alone
    assert "rhesis_owner@" in migrate["RHESIS_DATABASE_OWNER_URL"]
    assert web["RHESIS_DATABASE_OWNER_URL"] == ""
    assert "rhesis_app@" in web["DATABASE_URL"]
    assert web["REDIS_URL"].startswith("unix://")
    assert web["RHESIS_ALLOW_LOCAL_TARGETS"] == "1"
    secrets = json.loads((running.folder / "data" / "secrets.json").read_text())
    assert [web["SECRET_KEY"], web["RHESIS_ENCRYPTION_KEYS"]] == [secrets["secret_key"], secrets["encryption_key"]]
    assert eventually(lambda: all(map(running.has_started, ("worker-runs", "worker-jobs", "bot"))))
    assert running.seen_by("bot")["BOT"] == "1"

    second = up(port=running.port)
    assert second.process.wait(20) == 1
    assert f"is in use by process {running.process.pid}" in second.lines_until("/")[-1]

    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(20) == 0
    assert not (running.folder / "data" / "servers.json").exists()


def test_a_killed_up_leaves_nothing_and_the_next_one_starts_at_once(
    up: Callable[..., Up], alive: Callable[[int], bool], eventually: Callable[..., bool]
) -> None:
    first = up()
    first.lines_until("ready")
    roles = ("web", "worker-runs", "worker-jobs", "bot")
    assert eventually(lambda: all(map(first.has_started, roles)))
    pids = [int(first.seen_by(role)["pid"]) for role in roles]
    assert all(map(alive, pids))
    first.process.kill()
    up().lines_until("ready")
    assert not any(map(alive, pids))


def test_servers_of_the_operator_and_his_words_are_left_alone(up: Callable[..., Up]) -> None:
    running = up(
        "DATABASE_URL=postgresql://x/y", "REDIS_URL=redis://x", "RHESIS_EXTERNAL_URL=https://x", "SECRET_KEY=mine"
    )
    lines = running.lines_until("ready")
    assert not any("loopback" in line for line in lines)
    web = running.seen_by("web")
    assert (web["DATABASE_URL"], web["REDIS_URL"], web["SECRET_KEY"]) == ("postgresql://x/y", "redis://x", "mine")
    assert "RHESIS_ALLOW_LOCAL_TARGETS" not in web
    assert not (running.folder / "data" / "postgres").exists()


def test_a_taken_port_is_told_before_anything_starts(up: Callable[..., Up]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = up(port=port)
        assert refused.process.wait(20) == 1
    line = refused.lines_until("Nothing can listen")[-1]
    assert f"127.0.0.1:{port}" in line
    assert f"--port {port + 1}" in line
    assert not (refused.folder / "data" / "postgres").exists()


def test_a_failed_migration_starts_nothing(up: Callable[..., Up]) -> None:
    failed = up("DATABASE_URL=postgresql://x/y", "REDIS_URL=redis://x", "MIGRATE_STATUS=3")
    assert failed.process.wait(20) == 1
    assert failed.lines_until("The database could not be brought to this version")
    assert not failed.has_started("web")
