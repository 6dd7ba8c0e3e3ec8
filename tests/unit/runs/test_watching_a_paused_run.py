"""`rhesis-app run` says that a run is paused, and goes on waiting."""

from typing import Any

import pytest

from rhesis_app.runs.cli.watch import Progress, line_of, watch

TOTALS = {"planned": 4, "passed": 1, "failed": 0, "error": 0, "unscored": 0}


def run(status: str = "running", **changes: Any) -> dict[str, Any]:
    return {"id": "7", "number": 12, "status": status, "totals": TOTALS, "paused_at": None, "paused_by": None} | changes


PAUSED = run(paused_at="2026-06-18T09:12:00Z", paused_by="Alice")


class Server:
    """Answers one state after the other."""

    def __init__(self, *states: dict[str, Any]) -> None:
        self.states = list(states)

    def get(self, _path: str) -> dict[str, Any]:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]


def test_the_line_says_who_paused_it() -> None:
    assert line_of(PAUSED) == "#12 paused by Alice: 1 / 4 answered · 1 passed"
    assert line_of(PAUSED | {"paused_by": None}).startswith("#12 paused: ")
    assert line_of(run()).startswith("#12 running: ")


def test_a_pause_and_its_end_are_said_at_once_also_in_a_log(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rhesis_app.runs.cli.watch.time.sleep", lambda _seconds: None)
    server: Any = Server(PAUSED, PAUSED, run(), run("completed"))
    ended = watch(server, run(), Progress(is_terminal=False), timeout_s=60)
    assert ended["status"] == "completed"
    said = [line.split(":")[0] for line in capsys.readouterr().err.splitlines()]
    assert said[:3] == ["#12 running", "#12 paused by Alice", "#12 running"]
