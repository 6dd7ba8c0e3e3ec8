"""SIGKILL of the supervisor in the middle of a run: nothing is left behind, and the next start finishes the run."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from rhesis_app.infra.embedded.servers import find_running
from tests.e2e.conftest import EMAIL, PASSWORD, Instance, make_owner, start_instance, stop_instance
from tests.e2e.http_api import HttpApi, make_run
from tests.scripted_endpoint import Call, Reply, ScriptedEndpoint, json_reply

TESTS = 60


@pytest.fixture
def endpoint() -> Iterator[ScriptedEndpoint]:
    """Slow enough that a kill falls between answers."""

    def script(call: Call) -> Reply:
        return json_reply({"reply": f"You said: {call.json['message']}"}, delay_s=0.4)

    with ScriptedEndpoint(script) as server:
        yield server


def until(holds: Callable[[], bool], within_s: float = 20.0) -> bool:
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def facts(pid: int) -> tuple[int, str]:
    """The parent of a process and its name; of one that is gone or was not yet collected, (0, "")."""
    try:
        name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(") ")
    except (FileNotFoundError, ProcessLookupError):
        return 0, ""
    state, parent = rest.split()[:2]
    return (0, "") if state == "Z" else (int(parent), name)


def family(root: int) -> dict[int, str]:
    """All that descends from a process, by id."""
    everybody = {int(entry.name): facts(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    found: dict[int, str] = {}
    generation = {root}
    while generation:
        generation = {pid for pid, (parent, _) in everybody.items() if parent in generation and pid not in found}
        found |= {pid: everybody[pid][1] for pid in generation}
    return found


def users_of(data: Path) -> list[str]:
    """The command lines of whatever names this directory in its arguments or its environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid() or not facts(int(entry.name))[1]:
            continue
        try:
            said = (entry / "cmdline").read_bytes() + b"\0" + (entry / "environ").read_bytes()
        except OSError:
            continue
        if bytes(data) in said:
            found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def let_leases_run_out(instance: Instance) -> None:
    """The minute that a lost lease lasts, gone by at once."""
    found = find_running(instance.data)
    assert found
    engine = create_engine(found.database_owner_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE work_item SET lease_until = now() WHERE lease_until > now()"))
    engine.dispose()


@pytest.mark.timeout(240)
def test_a_killed_supervisor_leaves_nothing_and_the_next_start_finishes_the_run(
    tmp_path: Path, endpoint: ScriptedEndpoint
) -> None:
    data = tmp_path / "data"
    first = start_instance(data)
    first.printed(r"ready (\S+)", 90)
    make_owner(first)
    api = HttpApi(first.url)
    api.sign_in(EMAIL, PASSWORD)
    run_id = make_run(
        api,
        endpoint.url,
        [(f"Question {number:02d}", f"Question {number:02d}") for number in range(TESTS)],
        metric={"name": "Repeats it", "evaluator": "text.contains"},
        max_concurrency=4,
    )
    assert until(lambda: endpoint.count >= 10)
    started = family(first.process.pid)
    assert {"postgres", "valkey-server"} <= set(started.values())
    assert len(users_of(data)) >= 6
    first.process.kill()
    first.process.wait()
    assert until(lambda: not any(facts(pid)[1] for pid in started)), started
    assert users_of(data) == []

    second = start_instance(data, port=int(first.url.rpartition(":")[2]))
    try:
        second.printed(r"ready (\S+)", 90)
        let_leases_run_out(second)
        run = api.finished(run_id)  # the credential of before is good: the keys lie with the data
        assert (run["status"], run["totals"]["passed"]) == ("completed", TESTS)
        rows = api.get(f"/test-runs/{run_id}/results?limit=200")
        assert Counter(row["test_id"] for row in rows).most_common(1)[0][1] == 1
        assert len(rows) == TESTS
        asked = Counter(call.headers["idempotency-key"] for call in endpoint.calls)
        assert len(asked) == TESTS
        assert max(asked.values()) <= 2
        _a_third_is_refused(second, data)
    finally:
        assert stop_instance(second) == 0
    assert until(lambda: users_of(data) == [])


def _a_third_is_refused(second: Instance, data: Path) -> None:
    third = start_instance(data)
    assert third.process.wait(30) == 1
    said = third.log.read_text("utf-8").strip().splitlines()
    assert said[-1].endswith(
        f"{data} is in use by process {second.process.pid}. Stop that one, or choose another directory with --data."
    )
    assert len(said) == 1
    assert HttpApi(second.url).ask("/projects")[0] == 401
