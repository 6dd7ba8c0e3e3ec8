"""What `up` says once it is ready: the link that makes the first owner, or the one that opens the demonstration."""

import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

from rhesis_app.demo.actions.credentials import REMOVED, chatbot_port, fix_port, model_port, was_removed
from rhesis_app.infra.embedded.leash import start_leashed
from rhesis_app.infra.site import site_directory
from rhesis_app.infra.up import ExtraChild, Ready, UpOptions
from rhesis_app.infra.web_server import port_problem

ALLOW_TARGETS: Final = "RHESIS_ALLOW_TARGETS"
LOOPBACK: Final = "127.0.0.1"
CHATBOT: Final = "examples/demo_chatbot/server.py"
MODEL: Final = "examples/scripted_model/server.py"
_CLI: Final = (sys.executable, "-m", "rhesis_app.cli")
_PORTS: Final = range(8790, 8990, 2)  # below those that the system lends to outgoing connections, so that it stays free


def with_first_link(options: UpOptions) -> UpOptions:
    """Once ready, print the link that makes the first owner; nothing when somebody is registered."""

    def print_link(ready: Ready) -> None:
        asked = subprocess.run(  # noqa: S603 - our own command
            (*_CLI, "first-link", "--url", ready.url),
            env=dict(ready.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        for line in asked.stdout.splitlines():
            if line.startswith("first start:"):
                options.say(line)

    return replace(options, after_ready=print_link)


def with_demo(options: UpOptions) -> UpOptions:
    """Run the chatbot and the scripted model beside the rest, open their addresses, and once ready make the demonstration.

    After somebody removed the demonstration that is said, and the rest is `with_first_link`.
    """
    if was_removed(options.place):
        options.say(REMOVED)
        return with_first_link(options)
    try:
        port = _port(options.place)
    except OSError:
        return options  # `up` says what is wrong with the directory

    def make(ready: Ready) -> None:
        # this thread outlives the command, so the leash holds
        made = start_leashed((*_CLI, "demo", "make", "--url", ready.url), env=ready.environment)
        if made.wait() != 0:
            options.say("The demonstration could not be made; the lines above say why. Everything else works.")

    return replace(
        options,
        environment={**options.environment, ALLOW_TARGETS: _allowed(options, port)},
        extra_children=(*options.extra_children, *_beside(port)),
        after_ready=make,
    )


def _beside(port: int) -> tuple[ExtraChild, ExtraChild]:
    """The demonstration's application under test, and the model that judges it."""
    chatbot = (sys.executable, str(site_directory() / CHATBOT), "--port", str(port))
    model = (sys.executable, str(site_directory() / MODEL), "--quiet", "--port", str(model_port(port)))
    return ExtraChild("demo-chatbot", chatbot), ExtraChild("demo-model", model)


def _allowed(options: UpOptions, port: int) -> str:
    given = options.environment.get(ALLOW_TARGETS, "").strip().strip(",")
    own = f"{LOOPBACK}:{port},{LOOPBACK}:{model_port(port)}"
    return f"{given},{own}" if given else own


def _port(place: Path) -> int:
    """The port of this data directory's chatbot: endpoints name it, so it never changes."""
    known = chatbot_port(place)
    if known is not None:
        return known
    free = next((port for port in _PORTS if _are_free(port)), None) or _any_port()
    fix_port(place, free)
    return free


def _are_free(port: int) -> bool:
    return all(port_problem(LOOPBACK, one) is None for one in (port, model_port(port)))


def _any_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as listening:
        return int(listening.getsockname()[1])
