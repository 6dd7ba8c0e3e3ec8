"""Watching a run until it ends: a line that changes on a terminal, a line now and then in a log."""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import click

from rhesis_app.infra.remote import Server

FINAL: Final = frozenset({"completed", "partial", "errored", "cancelled"})
_FIRST_S: Final = 0.5
_LONGEST_S: Final = 3.0
_LOG_EVERY_S: Final = 15.0


class TooLong(Exception):
    """The run has not ended within the time given."""


def _is_terminal() -> bool:
    return sys.stderr.isatty()


@dataclass(slots=True)
class Progress:
    """Says on standard error how far a run is."""

    is_terminal: bool = field(default_factory=_is_terminal)
    _said: str = ""
    _said_at: float = 0.0
    _halted: bool = False

    def say(self, text: str) -> None:
        """A line of its own."""
        self.end()
        click.echo(text, err=True)

    def show(self, run: Mapping[str, Any]) -> None:
        """The run as it stands, when that is news."""
        line = line_of(run)
        now = time.monotonic()
        halted = run.get("paused_at") is not None
        is_soon = not self.is_terminal and halted == self._halted and now - self._said_at < _LOG_EVERY_S
        if line == self._said or is_soon:
            return
        if self.is_terminal:
            click.echo(f"\r\x1b[K{line}", err=True, nl=False)
        else:
            click.echo(line, err=True)
        self._said, self._said_at, self._halted = line, now, halted

    def end(self) -> None:
        """Leave the line that changes, if there is one."""
        if self.is_terminal and self._said:
            click.echo(err=True)
        self._said = ""


def line_of(run: Mapping[str, Any]) -> str:
    """`#12 running: 25 / 40 answered · 20 passed · 4 failed · 1 error`; `paused by Alice` in place of `running` while it is."""
    totals = run["totals"]
    parts = [f"{totals[name]:,} {name}" for name in ("passed", "failed", "error", "unscored") if totals[name]]
    answered = sum(totals[name] for name in ("passed", "failed", "error", "unscored"))
    status = run["status"]
    if run.get("paused_at") is not None:
        status = f"paused by {run['paused_by']}" if run.get("paused_by") else "paused"
    return " · ".join([f"#{run['number']} {status}: {answered:,} / {totals['planned']:,} answered", *parts])


def watch(server: Server, run: Mapping[str, Any], progress: Progress, *, timeout_s: float) -> Mapping[str, Any]:
    """The run once it has ended. Raises TooLong, and what the server raises."""
    until, pause = time.monotonic() + timeout_s, _FIRST_S
    while run["status"] not in FINAL:
        progress.show(run)
        left = until - time.monotonic()
        if left <= 0:
            raise TooLong
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_S)
        run = server.get(f"/test-runs/{run['id']}")
    progress.show(run)
    progress.end()
    return server.get(f"/test-runs/{run['id']}")


def await_report(server: Server, report_id: str, *, timeout_s: float) -> Mapping[str, Any]:
    """The report once its job has ended. Raises TooLong."""
    until = time.monotonic() + timeout_s
    while (report := server.get(f"/reports/{report_id}"))["status"] not in {"done", "errored", "cancelled"}:
        if time.monotonic() > until:
            raise TooLong
        time.sleep(_FIRST_S)
    return report
