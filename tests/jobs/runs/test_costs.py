"""What a run costs and where its cap stops it: real rows, a real endpoint, slices side by side."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from examples.scripted_model.server import ScriptedModel
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.ports import Prices
from rhesis_app.runs.actions.drive import drive_run
from rhesis_app.runs.actions.start import NewRun, start_run
from rhesis_app.runs.actions.sweep import sweep
from tests.jobs.runs.test_judging import judged_by_tiny
from tests.jobs.runs.world import World, make_world
from tests.people import Person
from tests.scripted_endpoint import Call, Reply, ScriptedEndpoint, json_reply

USAGE = {"output": "$.reply", "tokens_in": "$.usage.in", "tokens_out": "$.usage.out"}
PRICES = {"price_input": Decimal("2.5"), "price_output": Decimal(10)}


def billed(_call: Call) -> Reply:
    return json_reply({"reply": "yes", "usage": {"in": 100, "out": 25}})


def asking(count: int) -> list[tuple[str, str]]:
    return [(f"p{number}", "yes") for number in range(count)]


def priced(alice: Person, url: str, count: int, **endpoint: Any) -> World:
    return make_world(alice, url, asking(count), **{"response_mapping": USAGE, **PRICES, **endpoint})


def drive(world: World, run_id: UUID) -> bool:
    with world.person.scope() as scope:
        return drive_run(scope, world.parts, run_id, stop=threading.Event())


def codes(world: World, run_id: UUID) -> dict[str | None, int]:
    found = world.ask("SELECT error_code, count(*) FROM test_result WHERE run_id = :run GROUP BY 1", run=run_id)
    return dict(tuple(row) for row in found)


def run_of(world: World, run_id: UUID) -> Any:
    (row,) = world.ask("SELECT * FROM test_run WHERE id = :run", run=run_id)
    return row


def test_an_answer_costs_its_tokens_by_the_prices_of_its_endpoint(alice: Person) -> None:
    with ScriptedEndpoint(billed) as server:
        world = priced(alice, server.url, 4)
        run_id = world.start()
        assert not drive(world, run_id)
    costs = world.ask("SELECT cost FROM test_result WHERE run_id = :run", run=run_id)
    assert [row.cost for row in costs] == [Decimal("0.0005")] * 4
    told = alice.api.get(f"/test-runs/{run_id}").json["cost"]
    assert told == {
        "endpoint": "0.002",
        "judge": None,
        "currency": "USD",
        "unpriced": 0,
        "unpriced_judgements": 0,
        "tokens_in": 400,
        "tokens_out": 100,
        "judge_tokens_in": None,
        "judge_tokens_out": None,
        "cap": None,
        "not_asked": 0,
    }
    assert run_of(world, run_id).spent == 0  # counted only where a cap stops the run


def test_the_cost_that_an_answer_tells_wins_over_prices(alice: Person) -> None:
    def tells(call: Call) -> Reply:
        usage = {"in": 100, "out": 25, "cost": "0.00042"} if "p0" in call.json["message"] else {"in": 100, "out": 25}
        return json_reply({"reply": "yes", "usage": usage})

    with ScriptedEndpoint(tells) as server:
        world = priced(alice, server.url, 2, response_mapping=USAGE | {"cost": "$.usage.cost"})
        run_id = world.start()
        drive(world, run_id)
    found = world.ask("SELECT cost FROM test_result WHERE run_id = :run ORDER BY cost", run=run_id)
    assert [row.cost for row in found] == [Decimal("0.00042"), Decimal("0.0005")]


def test_what_is_not_known_is_no_zero(alice: Person) -> None:
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"})) as server:
        world = priced(alice, server.url, 3)
        run_id = world.start()
        drive(world, run_id)
    assert {row.cost for row in world.ask("SELECT cost FROM test_result WHERE run_id = :run", run=run_id)} == {None}
    told = alice.api.get(f"/test-runs/{run_id}").json["cost"]
    assert (told["endpoint"], told["unpriced"], told["tokens_in"]) == (None, 3, None)


def test_a_run_stops_at_its_cap_and_what_was_not_asked_says_so(alice: Person) -> None:
    with ScriptedEndpoint(billed) as server:
        world = priced(alice, server.url, 40, max_concurrency=4)
        run_id = world.start(cost_cap=Decimal("0.003"))
        assert not drive(world, run_id)
        calls = len(server.calls)
    # at most what was in flight when the cap was reached comes on top of the six answers that reach it
    assert 6 <= calls <= 6 + 4
    assert codes(world, run_id) == {None: calls, "cost_cap": 40 - calls}
    row = run_of(world, run_id)
    assert row.status == "partial"
    assert row.spent == calls * Decimal("0.0005")
    told = alice.api.get(f"/test-runs/{run_id}").json
    assert (told["cost"]["cap"], told["cost"]["not_asked"]) == ("0.003", 40 - calls)
    assert told["totals"]["error"] == 40 - calls
    assert world.ask("SELECT 1 FROM work_item") == []


def test_slices_side_by_side_share_the_cap(alice: Person) -> None:
    with ScriptedEndpoint(lambda call: replace(billed(call), delay_s=0.02)) as server:
        world = priced(alice, server.url, 120, max_concurrency=8)
        run_id = world.start(cost_cap=Decimal("0.01"))
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda _n: drive(world, run_id), range(3)))
        drive(world, run_id)
        calls = len(server.calls)
    assert 20 <= calls <= 20 + 8
    row = run_of(world, run_id)
    kept = world.ask("SELECT sum(cost) AS cost, count(*) AS n FROM test_result WHERE run_id = :run", run=run_id)[0]
    assert (row.spent, kept.n, row.status) == (kept.cost, 120, "partial")


def test_the_sweeper_ends_what_a_dead_worker_left_behind(alice: Person) -> None:
    world = priced(alice, "http://127.0.0.1:9", 5)
    capped, other = world.start(cost_cap=Decimal(1)), world.start(cost_cap=Decimal(1))
    with alice.scope() as scope, scope.atomic() as session:
        session.execute(text("UPDATE test_run SET spent = 1.2 WHERE id = :run"), {"run": capped})
    swept = sweep(alice.host)
    assert (swept.spent, swept.ended) == (5, 1)
    assert codes(world, capped) == {"cost_cap": 5}
    assert codes(world, other) == {}
    assert sweep(alice.host).spent == 0


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ({}, "map its token counts"),
        ({"response_mapping": USAGE}, "Give the endpoint prices"),
        ({**PRICES}, "map its token counts"),
    ],
)
def test_a_cap_on_what_cannot_be_known_is_refused(alice: Person, endpoint: dict[str, Any], said: str) -> None:
    world = make_world(alice, "http://127.0.0.1:9", asking(2), **endpoint)
    with pytest.raises(Invalid) as refused:
        world.start(cost_cap=Decimal(5))
    assert said in refused.value.errors["cost_cap"][0]


@pytest.mark.parametrize("cap", ["0", "-1", "0.0000001", "1000001", "NaN"])
def test_a_cap_is_an_amount(alice: Person, cap: str) -> None:
    world = priced(alice, "http://127.0.0.1:9", 2)
    with pytest.raises(Invalid) as refused:
        world.start(cost_cap=Decimal(cap))
    assert list(refused.value.errors) == ["cost_cap"]


def test_judges_alone_may_bring_a_run_to_its_cap(alice: Person) -> None:
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes, open"})) as server, ScriptedModel() as model:
        world = make_world(alice, server.url, asking(30), max_concurrency=2)
        judged = judged_by_tiny(world)
        judged.connect(model.url, prices=Prices(input_per_million=Decimal(100), output_per_million=Decimal(100)))
        with alice.scope() as scope:
            new = NewRun(test_set_id=world.test_set_id, endpoint_id=world.endpoint_id, cost_cap=Decimal("0.005"))
            run_id = start_run(scope, judged.registry, new)
        judged.drive(run_id)
    kept = world.ask("SELECT sum(cost) AS cost, count(*) AS n, max(cost) AS most FROM evaluation")[0]
    row = run_of(world, run_id)
    assert row.spent == kept.cost >= row.cost_cap
    assert kept.cost < row.cost_cap + 3 * kept.most  # what was in flight, and the answer that reached it
    assert codes(world, run_id) == {None: kept.n, "cost_cap": 30 - kept.n}
    told = alice.api.get(f"/test-runs/{run_id}").json["cost"]
    assert (told["endpoint"], told["unpriced"], told["unpriced_judgements"]) == (None, kept.n, 0)


def test_a_failure_that_waits_to_be_tried_again_is_not_tried_past_the_cap(alice: Person) -> None:
    def answer(call: Call) -> Reply:
        return billed(call) if call.number > 0 else json_reply({}, status=500)

    with ScriptedEndpoint(answer) as server:
        world = priced(alice, server.url, 3, max_concurrency=1)
        run_id = world.start(cost_cap=Decimal("0.0005"))
        assert not drive(world, run_id)
        assert len(server.calls) == 2
    assert codes(world, run_id) == {None: 1, "cost_cap": 2}
    said = world.ask("SELECT attempts, error_detail FROM test_result WHERE error_code = 'cost_cap' ORDER BY attempts")
    assert [row.attempts for row in said] == [0, 1]
    assert {row.error_detail for row in said} == {"The run reached its cost cap before this test was answered."}


def test_an_answer_that_is_discarded_is_not_counted(alice: Person) -> None:
    with ScriptedEndpoint(lambda call: replace(billed(call), delay_s=0.5)) as server:
        world = priced(alice, server.url, 2, max_concurrency=2)
        run_id = world.start(cost_cap=Decimal(1))
        thread = threading.Thread(target=drive, args=(world, run_id))
        thread.start()
        while len(server.calls) < 2:
            threading.Event().wait(0.02)
        with alice.scope() as scope, scope.atomic() as session:  # another slice took one of them over
            session.execute(
                text(
                    "UPDATE work_item SET fence = fence + 1, lease_owner = 'other', lease_until = now() + interval '1 hour'"
                    " WHERE position = (SELECT min(position) FROM work_item)"
                )
            )
        thread.join(30)
    assert run_of(world, run_id).spent == Decimal("0.0005")
    assert codes(world, run_id) == {None: 1}


def test_new_prices_change_no_run_that_is_going_on(alice: Person) -> None:
    with ScriptedEndpoint(billed) as server:
        world = priced(alice, server.url, 2)
        run_id = world.start()
        prices = {"input_per_million": "1000", "output_per_million": "1000"}
        assert alice.api.patch(f"/endpoints/{world.endpoint_id}", {"prices": prices}).status_code == 200
        drive(world, run_id)
    assert {row.cost for row in world.ask("SELECT cost FROM test_result")} == {Decimal("0.0005")}


def test_a_rescore_copies_answers_and_not_their_cost(alice: Person) -> None:
    with ScriptedEndpoint(billed) as server:
        world = priced(alice, server.url, 2)
        run_id = world.start()
        drive(world, run_id)
    again = UUID(alice.api.post(f"/test-runs/{run_id}/rescore", {}).json["id"])
    drive(world, again)
    rows = world.ask("SELECT tokens_in, cost FROM test_result WHERE run_id = :run", run=again)
    assert [tuple(row) for row in rows] == [(100, None)] * 2
    told = alice.api.get(f"/test-runs/{again}").json["cost"]
    assert (told["endpoint"], told["unpriced"], told["tokens_in"]) == (None, 0, None)


@pytest.mark.parametrize("cap", [None, Decimal(100)])
def test_a_cap_costs_no_statement(alice: Person, statements: Any, cap: Decimal | None) -> None:
    with ScriptedEndpoint(billed) as server:
        world = priced(alice, server.url, 60, max_concurrency=64)
        run_id = world.start(cost_cap=cap)
        with world.person.scope() as scope, statements() as seen:
            drive_run(scope, world.parts, run_id, stop=threading.Event())
    assert not [one for one in seen if "end_spent" in one]
    assert not [one for one in seen if one.lstrip().startswith("UPDATE test_run SET spent")]
