"""Items are leased before a thread is free for them, and that neither asks more at once nor costs anybody a try."""

import threading
from typing import Any

from rhesis_app.runs.actions.askers import Askers
from rhesis_app.runs.actions.claim import Item
from rhesis_app.runs.models import TestRun
from tests.jobs.runs.test_driving import drive, outcomes
from tests.jobs.runs.world import World, make_world
from tests.people import Person
from tests.scripted_endpoint import Call, Reply, ScriptedEndpoint, json_reply, throttled

LIMIT = 4
MANY = [(f"Question {number}", "yes") for number in range(80)]
LEASED = "SELECT count(*) FROM work_item WHERE lease_owner IS NOT NULL"


class Watched:
    """An endpoint that looks how much is leased while it is asked."""

    def __init__(self) -> None:
        self.leased: list[int] = []
        self.world: World | None = None
        self.answer = self.yes

    def yes(self, _call: Call) -> Reply:
        return json_reply({"reply": "yes"}, delay_s=0.03)

    def __call__(self, call: Call) -> Reply:
        if self.world is not None:
            self.leased.append(self.world.ask(LEASED)[0][0])
        return self.answer(call)


def start(person: Person, script: Watched, server: ScriptedEndpoint, **run: Any) -> tuple[World, Any]:
    world = make_world(person, server.url, MANY, max_concurrency=LIMIT)
    script.world = world
    return world, world.start(**run)


def test_more_is_leased_than_may_be_asked_at_once(alice: Person) -> None:
    script = Watched()
    with ScriptedEndpoint(script) as server:
        world, run_id = start(alice, script, server)
        drive(world, run_id)
        assert server.max_in_flight <= LIMIT
        assert len(server.calls) == len(MANY)
    assert LIMIT < max(script.leased) <= 2 * LIMIT
    assert outcomes(world, run_id) == {"passed": len(MANY)}
    assert world.ask("SELECT DISTINCT attempts FROM test_result")[0].attempts == 1


def test_what_waits_when_the_worker_stops_has_used_no_try(alice: Person) -> None:
    script, stop = Watched(), threading.Event()

    def until_it_waits(_call: Call) -> Reply:
        if script.leased[-1] > LIMIT:
            stop.set()
        return json_reply({"reply": "yes"}, delay_s=0.03)

    script.answer = until_it_waits
    with ScriptedEndpoint(script) as server:
        world, run_id = start(alice, script, server)
        drive(world, run_id, stop)
        assert stop.is_set(), "nothing ever waited"
        asked = len(server.calls)
    left = world.ask("SELECT attempt, lease_owner FROM work_item")
    assert {(row.attempt, row.lease_owner) for row in left} == {(0, None)}
    assert asked + len(left) == len(MANY)


def test_beside_a_lowered_limit_nothing_waits(alice: Person) -> None:
    script = Watched()
    lowered_at: list[int] = []

    def refused_once(call: Call) -> Reply:
        if not lowered_at and script.leased[-1] > LIMIT:
            lowered_at.append(call.number)
            return throttled(status=503)
        return json_reply({"reply": "yes"}, delay_s=0.03)

    script.answer = refused_once
    with ScriptedEndpoint(script) as server:
        world, run_id = start(alice, script, server)
        drive(world, run_id)
        assert server.max_in_flight <= LIMIT
        assert len(server.calls) == len(MANY) + 1
    assert lowered_at
    # by then every call that was under way or waiting when the limit sank has been asked or given back
    settled = script.leased[lowered_at[0] + 4 * LIMIT : lowered_at[0] + 5 * LIMIT]
    assert settled
    assert max(settled) <= LIMIT
    assert outcomes(world, run_id) == {"passed": len(MANY)}


def test_a_run_with_a_cap_holds_nothing_ahead(alice: Person) -> None:
    script = Watched()
    with ScriptedEndpoint(script) as server:
        world, run_id = start(alice, script, server)
        with alice.scope() as scope, scope.atomic() as session:
            session.scalars(scope.select(TestRun).where(TestRun.id == run_id)).one().cost_cap = 1000
        drive(world, run_id)
    assert max(script.leased) <= LIMIT
    assert outcomes(world, run_id) == {"passed": len(MANY)}


def test_nothing_is_held_ahead_where_not_every_thread_may_ask() -> None:
    askers, asked = Askers(4, holds_ahead=True), threading.Event()
    item: Any = type("OneItem", (), {"key": (1, 1)})()
    one: Item = item
    try:
        askers.ask(one, lambda _item: asked.set())
        assert asked.wait(5)
        askers.answered([one, one, one])
        assert (askers.ahead(4), askers.ahead(3)) == (3, 0)
        askers.answered([one])
        assert askers.ahead(4) == 3, "a small batch after a large one lowers it slowly"
    finally:
        askers.close()


def test_what_no_thread_has_begun_is_taken_back_and_never_asked() -> None:
    askers, go, asked = Askers(1, holds_ahead=True), threading.Event(), []
    begun = threading.Event()
    items: list[Any] = [type("OneItem", (), {"key": (number, 1)})() for number in range(3)]

    def work(item: Item) -> None:
        begun.set()
        assert go.wait(5)
        asked.append(item)

    try:
        for item in items:
            askers.ask(item, work)
        assert begun.wait(5)
        assert askers.recall() == items[1:]
        assert askers.recall() == []
        go.set()
    finally:
        askers.close()
    askers._pool.shutdown(wait=True)
    assert asked == items[:1]
