"""A whole instance as `rhesis-app up` starts it, and a real browser in front of it."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
EMAIL, PASSWORD = "ada@example.org", "seven otters read maps"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
]


@dataclass(frozen=True)
class Instance:
    """A running instance: where it answers, where its data is, and what it printed."""

    url: str
    data: Path
    log: Path
    process: "subprocess.Popen[bytes]" = field(repr=False)

    def printed(self, pattern: str, timeout_s: float = 60.0) -> str:
        """The first group of `pattern` in what was printed, waited for."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            found = re.search(pattern, self.log.read_text("utf-8", errors="replace"))
            if found:
                return found.group(1)
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(f"never printed {pattern!r}:\n{self.log.read_text('utf-8', errors='replace')[-3000:]}")


def start_instance(
    data: Path, *options: str, port: int | None = None, env: Mapping[str, str] | None = None
) -> Instance:
    """`rhesis-app up` on a data directory, with `env` over the environment."""
    chosen = port or free_port()
    log = data.with_name(f"{data.name}-{chosen}.log")
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("RHESIS_", "DATABASE_", "REDIS_"))
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "rhesis_app.cli", "up", "--port", str(chosen), "--data", str(data), *options],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={
                **kept,
                "RHESIS_RATE_LIMIT_TOKEN": "1000000",
                "RHESIS_RATE_LIMIT_ANONYMOUS": "1000000",
                "PYTHONUNBUFFERED": "1",
                **(env or {}),
            },
            cwd=data.parent,
        )
    return Instance(url=f"http://127.0.0.1:{chosen}", data=data, log=log, process=process)


def stop_instance(instance: Instance) -> int:
    """As Ctrl-C does; the exit status."""
    if instance.process.poll() is None:
        instance.process.send_signal(signal.SIGTERM)
    return instance.process.wait(60)


@contextmanager
def running(data: Path, *, env: Mapping[str, str] | None = None) -> Iterator[Instance]:
    """An instance that is ready; whatever goes wrong, it is stopped in the end."""
    started = start_instance(data, env=env)
    try:
        started.printed(r"ready (\S+)", 90)
        yield started
    finally:
        stop_instance(started)


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """A fresh instance without anybody in it."""
    with running(tmp_path_factory.mktemp("up") / "data") as started:
        yield started


@pytest.fixture(scope="session")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance with an owner, Ada, made from the command line."""
    with running(tmp_path_factory.mktemp("owned") / "data") as started:
        make_owner(started)
        yield started


def make_owner(instance: Instance) -> None:
    """Ada, who may sign in with EMAIL and PASSWORD."""
    words = ("create-owner", EMAIL, "--name", "Ada", "--organization", "Analytical")
    environment = {**os.environ, "RHESIS_DATA": str(instance.data), "RHESIS_FIRST_OWNER_PASSWORD": PASSWORD}
    command = [sys.executable, "-m", "rhesis_app.cli", *words]
    subprocess.run(command, check=True, env=environment, capture_output=True)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    if CHROMIUM is None:
        if os.environ.get("RHESIS_BROWSER_REQUIRED"):
            pytest.fail("Chromium is not installed")
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


class Watched:
    """A browser context that notes every console error, CSP violations among them."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.said: list[str] = []
        context.on("console", lambda message: self._note(message.type, message.text))
        context.on("weberror", lambda error: self.said.append(str(error.error)))
        self.page: Page = context.new_page()
        self.page.set_default_timeout(15_000)

    def _note(self, kind: str, text: str) -> None:
        if kind == "error" and "favicon" not in text:
            self.said.append(text)

    def audit(self, what: str) -> None:
        """axe finds nothing on this page, in light and in dark, and the console said nothing."""
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            violations: list[dict[str, Any]] = Axe().run(self.page).response["violations"]
            found = [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in violations]
            assert found == [], f"{what} in {scheme}: {found}"
        self.page.emulate_media(color_scheme="light")
        assert self.said == [], f"{what}: {self.said}"


def sign_in(watched: Watched, instance: Instance) -> None:
    """Through the login page."""
    watched.page.goto(f"{instance.url}/login")
    watched.page.get_by_label("E-mail").fill(EMAIL)
    watched.page.get_by_label("Password").fill(PASSWORD)
    watched.page.get_by_role("button", name="Sign in").click()
    watched.page.wait_for_url(lambda url: "/login" not in url)


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """A new browser profile."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    yield Watched(context)
    context.close()
