"""A run whose endpoint has stopped answering ends in minutes; one that started since is not ended for it."""

from uuid import UUID

from rhesis_app.runs.actions.sweep import sweep
from tests.jobs.runs.test_being_polite import YES, change, drive, let_time_pass, outcomes, questions
from tests.jobs.runs.world import World, make_world
from tests.people import Person
from tests.scripted_endpoint import Call, Reply, ScriptedEndpoint

LONG_AGO = "UPDATE test_run SET started_at = started_at - interval '200 s'"


def is_open_for(world: World) -> float:
    return float(world.ask("SELECT open_s FROM endpoint_throttle")[0].open_s)


def fail_until_open_for(world: World, run_id: UUID, seconds: float) -> None:
    while is_open_for(world) < seconds:
        let_time_pass(world)
        drive(world, run_id)


def status_of(world: World, run_id: UUID) -> str:
    return str(world.ask("SELECT status FROM test_run WHERE id = :run", run=run_id)[0].status)


def test_what_nobody_asks_ends_when_the_endpoint_is_gone_for_minutes(alice: Person) -> None:
    answered = 10

    def dies(call: Call) -> Reply:
        return YES if int(call.json["message"].split()[-1]) < answered else Reply(status=500)

    with ScriptedEndpoint(dies) as server:
        world = make_world(alice, server.url, questions(80), max_concurrency=4)
        run_id = world.start()
        fail_until_open_for(world, run_id, 120)
        change(world, LONG_AGO)
        assert sweep(alice.host).unanswered == 0  # it may be a restart that takes a while
        fail_until_open_for(world, run_id, 240)
        calls = len(server.calls)
        swept = sweep(alice.host)
        assert (swept.ended, len(server.calls)) == (1, calls)
    found = outcomes(world, run_id)
    assert (found["passed"], found["endpoint_gone"]) == (answered, swept.unanswered)
    assert sum(found.values()) == 80
    assert status_of(world, run_id) == "partial"
    (said,) = world.ask("SELECT DISTINCT error_detail FROM test_result WHERE error_code = 'endpoint_gone'")
    assert said.error_detail.startswith("The endpoint failed every call for minutes")
    assert sweep(alice.host).unanswered == 0


def test_a_run_that_starts_afterwards_or_is_paused_is_left_alone(alice: Person) -> None:
    with ScriptedEndpoint(lambda _call: Reply(status=500)) as server:
        world = make_world(alice, server.url, questions(60), max_concurrency=4)
        first = world.start()
        fail_until_open_for(world, first, 240)
        change(world, LONG_AGO)
        change(world, "UPDATE test_run SET paused_at = now()")
        assert sweep(alice.host).unanswered == 0
        change(world, "UPDATE test_run SET paused_at = NULL")
        later = world.start()
        drive(world, later)
        assert sweep(alice.host).unanswered > 0
    assert status_of(world, first) in {"partial", "errored"}
    assert status_of(world, later) == "running"
    assert world.ask("SELECT count(*) AS n FROM work_item WHERE run_id = :run", run=later)[0].n == 60
