"""A long run gives way: a short one of another organization gets its turn on the same worker, counted in calls and not in seconds."""

import threading
from collections import deque
from uuid import UUID

import pytest

from rhesis_app.runs.actions.drive import drive_run
from rhesis_app.runs.actions.sweep import sweep
from tests.jobs.runs.world import World, make_world
from tests.people import Person
from tests.scripted_endpoint import Call, Reply, ScriptedEndpoint, json_reply

CALLS_A_SECOND = 10
LARGE, SHORT = 120, 3


class Worker:
    """One worker with one queue, as it is in life; its seconds are counted in calls."""

    def __init__(self, server: ScriptedEndpoint) -> None:
        self.server = server
        self.queue: deque[tuple[World, UUID]] = deque()

    def work(self) -> None:
        while self.queue:
            world, run_id = self.queue.popleft()
            with world.person.scope() as scope:
                if drive_run(scope, world.parts, run_id, stop=threading.Event(), clock=self.clock):
                    self.queue.append((world, run_id))

    def clock(self) -> float:
        return self.server.count / CALLS_A_SECOND


@pytest.mark.parametrize("limit", [1, 4])
def test_a_short_run_of_others_has_its_first_answer_within_two_seconds_of_calls(
    alice: Person, charlie: Person, limit: int
) -> None:
    asked: list[str] = []
    begun: list[int] = []

    def script(call: Call) -> Reply:
        asked.append(call.json["message"].split()[0])
        if len(asked) == 37:
            worker.queue.append((theirs, theirs.start()))
            begun.append(len(asked))
        return json_reply({"reply": "yes"}, delay_s=0.002)

    with ScriptedEndpoint(script) as server:
        worker = Worker(server)
        mine = make_world(alice, server.url, [(f"large {n}", "yes") for n in range(LARGE)], max_concurrency=limit)
        theirs = make_world(charlie, server.url, [(f"short {n}", "yes") for n in range(SHORT)], max_concurrency=2)
        worker.queue.append((mine, mine.start()))
        worker.work()
    waited = asked.index("short") - begun[0]
    assert waited <= 2 * CALLS_A_SECOND
    assert (asked.count("large"), asked.count("short")) == (LARGE, SHORT)
    last = len(asked) - 1 - asked[::-1].index("short")
    assert last - asked.index("short") < SHORT + limit  # and is done in one go
    for world, planned in ((mine, LARGE), (theirs, SHORT)):
        assert world.ask("SELECT count(*) FROM test_result")[0][0] == planned


def test_a_run_whose_endpoint_is_paused_makes_nobody_give_way(alice: Person, charlie: Person) -> None:
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"})) as server:
        paused = make_world(charlie, server.url, [("short", "yes")])
        paused.start()
        mine = make_world(alice, server.url, [("large", "yes")])
        run_id = mine.start()
        with mine.person.scope() as scope:
            assert scope.session.connection().exec_driver_sql("SELECT others_wait(%s)", (run_id,)).scalar()
        with paused.person.scope() as scope, scope.atomic() as session:
            session.connection().exec_driver_sql(
                "UPDATE endpoint_throttle SET paused_until = now() + interval '1 minute'"
            )
        with mine.person.scope() as scope:
            assert not scope.session.connection().exec_driver_sql("SELECT others_wait(%s)", (run_id,)).scalar()
    assert sweep(alice.host).rung == 1
