"""The demonstration's chatbot as a real process."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from rhesis_app.infra.site import site_directory


@pytest.fixture(scope="session")
def chatbot_port_number() -> Iterator[int]:
    """The port of a chatbot that answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = int(listening.getsockname()[1])
    script = site_directory() / "examples/demo_chatbot/server.py"
    with subprocess.Popen([sys.executable, str(script), "--port", str(port)]) as process:
        try:
            _await(port, process)
            yield port
        finally:
            process.terminate()


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("the chatbot does not start")
