"""Real workers killed while they record: what is recorded is what is answered, and a replay gives just that."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from rhesis_app.infra.config import Settings
from rhesis_app.runs.actions.sweep import sweep
from tests.jobs.faults.processes import kill_with_children, until, workers
from tests.jobs.runs.test_driving import drive
from tests.jobs.runs.world import World, make_world
from tests.people import Person
from tests.scripted_endpoint import Call, Reply, ScriptedEndpoint, json_reply

ITEMS = 200
# what was asked twice got two answers: that of the result has to be the one that is recorded
DIFFER = (
    "SELECT count(*) FROM test_result r LEFT JOIN recorded_exchange e ON e.run_id = r.run_id AND e.test_id = r.test_id"
    " WHERE r.run_id = :run AND e.body IS DISTINCT FROM r.response->>'body'"
)


def _results(world: World) -> int:
    return int(world.ask("SELECT count(*) FROM test_result")[0][0])


def _let_leases_run_out(superuser: Engine, world: World) -> None:
    with superuser.connect() as connection:
        connection.execute(
            text("UPDATE work_item SET lease_until = now() - interval '1 second' WHERE lease_owner IS NOT NULL")
        )
    sweep(world.person.host)


@pytest.fixture
def server() -> Iterator[ScriptedEndpoint]:
    def script(call: Call) -> Reply:
        return json_reply({"reply": f"answer {call.number}"}, delay_s=0.03)

    with ScriptedEndpoint(script, keep_calls=False) as started:
        yield started


def test_killing_the_workers_twice_leaves_a_recording_of_exactly_what_was_answered(
    alice: Person, server: ScriptedEndpoint, settings: Settings, superuser: Engine
) -> None:
    world: World = make_world(alice, server.url, [(f"Question {number:03d}", "answer") for number in range(ITEMS)])
    first = world.start(source="record")
    for share in (0.25, 0.6):
        with workers(settings) as started:
            until(lambda share=share: _results(world) >= ITEMS * share)
            for process in started:
                kill_with_children(process.pid)
        assert world.ask(DIFFER, run=first)[0][0] == 0
        assert world.ask("SELECT count(*) FROM recorded_exchange")[0][0] == _results(world)
        world.person.host.queue.redis.flushall()
        _let_leases_run_out(superuser, world)
    with workers(settings, 1):
        until(lambda: world.ask("SELECT finished_at FROM test_run")[0].finished_at is not None)
    assert world.ask(DIFFER, run=first)[0][0] == 0
    assert world.ask("SELECT count(*) FROM recorded_exchange")[0][0] == _results(world) == ITEMS
    asked = server.count
    second = world.start(source="replay-or-fail")
    drive(world, second)
    changed = (
        "SELECT count(*) FROM test_result a FULL JOIN (SELECT * FROM test_result WHERE run_id = :second) b USING (test_version_id, trial)"
        " WHERE a.run_id = :first AND (a.output, a.outcome, a.latency_ms) IS DISTINCT FROM (b.output, b.outcome, b.latency_ms)"
    )
    assert world.ask(changed, first=first, second=second)[0][0] == 0
    assert server.count == asked
