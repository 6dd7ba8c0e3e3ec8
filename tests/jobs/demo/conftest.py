"""The demonstration's chatbot as a real process."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from examples.scripted_model.server import ScriptedModel
from rhesis_app.demo.actions.credentials import model_port
from rhesis_app.infra.site import site_directory


@pytest.fixture(scope="session")
def chatbot_port_number() -> Iterator[int]:
    """The port of a chatbot that answers; a model that judges answers at the next one."""
    port, model = _neighbours()
    script = site_directory() / "examples/demo_chatbot/server.py"
    with model, subprocess.Popen([sys.executable, str(script), "--port", str(port)]) as process:
        try:
            _await(port, process)
            yield port
        finally:
            process.terminate()


def _neighbours() -> tuple[int, ScriptedModel]:
    """A free port, and the model on the one after it."""
    for _ in range(50):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = int(listening.getsockname()[1])
            with suppress(OSError):
                return port, ScriptedModel(port=model_port(port))
    raise AssertionError("there are no two free ports side by side")


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
