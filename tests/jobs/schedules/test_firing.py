"""A schedule that is due starts one run, whatever sweeps, how often, and whoever dies in between."""

import threading
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.actor import Actor
from rhesis_app.runs.actions.fire import MAY, fire_due, fire_schedule
from rhesis_app.runs.actions.sweep import sweep
from tests.jobs.runs.test_driving import answers_yes, drive, outcomes
from tests.jobs.runs.world import World, make_world
from tests.people import Person
from tests.scripted_endpoint import ScriptedEndpoint


def schedule(world: World, **fields: Any) -> dict[str, Any]:
    """A schedule of the world's test set, over the API."""
    parts = {"test_set_id": str(world.test_set_id), "endpoint_id": str(world.endpoint_id)}
    answer = world.person.api.post("/schedules", parts | {"cron": "0 6 * * *", "time_zone": "Europe/Berlin"} | fields)
    assert answer.status_code == 201, answer.json
    return answer.json  # type: ignore[no-any-return]


def make_due(world: World, ago: timedelta = timedelta(minutes=1)) -> datetime:
    """Move every schedule's next time into the past."""
    with world.person.scope() as scope, scope.atomic() as session:
        session.execute(text("UPDATE schedule SET next_at = now() - :ago WHERE next_at IS NOT NULL"), {"ago": ago})
    due: datetime = world.ask("SELECT next_at FROM schedule WHERE next_at IS NOT NULL LIMIT 1")[0].next_at
    return due


def runs_of(world: World) -> list[Any]:
    return world.ask("SELECT id, schedule_id, idempotency_key, started_by FROM test_run ORDER BY number")


def row_of(world: World) -> Any:
    return world.ask("SELECT *, now() AS now FROM schedule")[0]


@pytest.fixture
def world(alice: Person) -> World:
    return make_world(alice, "http://127.0.0.1:9", [("Question", "yes")])


def test_the_sweeper_starts_a_run_that_is_driven_to_its_end(alice: Person, host: Runtime) -> None:
    with ScriptedEndpoint(answers_yes) as server:
        world = make_world(alice, server.url, [("Question", "yes"), ("Other", "no")])
        made = schedule(world)
        due = make_due(world)
        assert sweep(host).fired == 1
        assert not row_of(world).last_error
        (run,) = runs_of(world)
        drive(world, run.id)
    assert outcomes(world, run.id) == {"passed": 1, "failed": 1}
    assert (str(run.schedule_id), run.started_by) == (made["id"], None)
    assert run.idempotency_key == f"schedule:{made['id']}:{due.isoformat()}"
    read = alice.api.get(f"/schedules/{made['id']}").json
    assert (read["last_run"]["id"], read["last_run"]["outcome"]) == (str(run.id), "failed")
    assert read["last_error"] is None
    assert row_of(world).next_at > row_of(world).now


def test_what_is_not_due_is_not_fired(world: World, host: Runtime) -> None:
    schedule(world)
    assert sweep(host).fired == 0
    assert runs_of(world) == []


def test_a_week_of_missed_times_is_one_run(world: World, host: Runtime) -> None:
    schedule(world, cron="*/15 * * * *")
    make_due(world, timedelta(days=7))
    assert [fire_due(host) for _ in range(3)] == [1, 0, 0]
    assert len(runs_of(world)) == 1
    row = row_of(world)
    assert row.now < row.next_at <= row.now + timedelta(minutes=15)


def test_sweepers_at_once_fire_a_due_schedule_once(world: World, host: Runtime) -> None:
    made = schedule(world)
    for round_number in range(5):
        due = make_due(world)
        ready, fired = threading.Barrier(4), []

        def one_sweeper(due: datetime = due, ready: threading.Barrier = ready, fired: list[bool] = fired) -> None:
            with host.open_scope(Actor.system(world.person.actor.organization_id, MAY)) as scope:
                ready.wait(10)
                fired.append(fire_schedule(scope, host.registry, UUID(made["id"]), due))

        threads = [threading.Thread(target=one_sweeper) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert sorted(fired) == [False, False, False, True]
        assert len(runs_of(world)) == round_number + 1
    assert len({run.idempotency_key for run in runs_of(world)}) == 5


def test_whole_sweeps_at_once_fire_a_due_schedule_once(world: World, host: Runtime) -> None:
    schedule(world)
    make_due(world)
    fired: list[int] = []
    threads = [threading.Thread(target=lambda: fired.append(fire_due(host))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(fired) == 1
    assert len(runs_of(world)) == 1


def test_a_sweeper_that_dies_before_its_commit_leaves_the_time_due(
    world: World, host: Runtime, superuser: Engine
) -> None:
    made = schedule(world)
    due = make_due(world)

    def fire_and_die() -> None:
        with host.open_scope(Actor.system(world.person.actor.organization_id, MAY)) as scope, scope.atomic() as session:
            assert fire_schedule(scope, host.registry, UUID(made["id"]), due)
            assert fire_due(host) == 0, "the row is held: another sweeper passes it by"
            backend = session.scalar(text("SELECT pg_backend_pid()"))
            with superuser.connect() as connection:
                connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": backend})

    with pytest.raises(DBAPIError):
        fire_and_die()
    assert runs_of(world) == []
    assert row_of(world).next_at == due
    assert [fire_due(host), fire_due(host)] == [1, 0]
    assert len(runs_of(world)) == 1


def test_a_time_whose_run_is_there_already_starts_no_other(world: World, host: Runtime) -> None:
    """Should the row ever be set back, the key of the time still gives the same run."""
    schedule(world)
    due = make_due(world)
    fire_due(host)
    with world.person.scope() as scope, scope.atomic() as session:
        session.execute(text("UPDATE schedule SET next_at = :due"), {"due": due})
    assert fire_due(host) == 1
    assert len(runs_of(world)) == 1
    assert row_of(world).last_error == ""


@pytest.mark.parametrize("verb", ["pause", "archive"])
def test_what_is_paused_or_archived_is_not_fired(world: World, host: Runtime, verb: str) -> None:
    made = schedule(world)
    due = make_due(world)
    api = world.person.api
    answer = api.post(f"/schedules/{made['id']}/pause") if verb == "pause" else api.delete(f"/schedules/{made['id']}")
    assert answer.json["next_fire_at"] is None
    with host.open_scope(Actor.system(world.person.actor.organization_id, MAY)) as scope:
        assert not fire_schedule(scope, host.registry, UUID(made["id"]), due)
    assert fire_due(host) == 0
    assert runs_of(world) == []


def test_in_an_archived_project_nothing_fires_until_it_is_back(world: World, host: Runtime) -> None:
    schedule(world)
    due = make_due(world)
    api, address = world.person.api, f"/projects/{world.project_id}"
    assert api.delete(address).status_code == 200
    assert fire_due(host) == 0
    assert row_of(world).next_at == due
    assert api.post(f"{address}/restore").status_code == 200
    assert [fire_due(host), fire_due(host)] == [1, 0]
    assert len(runs_of(world)) == 1


def test_what_cannot_be_started_is_kept_and_told_once_and_the_schedule_goes_on(world: World, host: Runtime) -> None:
    api = world.person.api
    made = schedule(world, name="Nightly")
    assert api.delete(f"/endpoints/{world.endpoint_id}").status_code == 200
    for _ in range(2):
        make_due(world)
        assert fire_due(host) == 1
    read = api.get(f"/schedules/{made['id']}").json
    assert read["last_error"] == "This endpoint is archived. Restore it or choose another."
    assert read["last_run"] is None
    assert read["etag"] == made["etag"], "nobody has edited it"
    (told,) = api.get("/notifications").json
    assert told["event"] == "schedule.failed"
    assert told["title"] == "“Nightly” could not start its run"
    assert told["body"].startswith("This endpoint is archived.")
    api.post(f"/endpoints/{world.endpoint_id}/restore")
    make_due(world)
    fire_due(host)
    assert api.get(f"/schedules/{made['id']}").json["last_error"] is None
    assert len(runs_of(world)) == 1


def test_who_does_not_want_to_hear_of_it_is_not_told(world: World, host: Runtime) -> None:
    api = world.person.api
    schedule(world)
    assert api.patch("/notification-preferences", {"in_app": {"schedule.failed": False}}).status_code == 200
    api.delete(f"/test-sets/{world.test_set_id}")
    make_due(world)
    fire_due(host)
    assert row_of(world).last_error == "This test set is archived. Restore it first."
    assert api.get("/notifications").json == []


def test_one_schedule_that_breaks_stops_no_other(world: World, host: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    first = schedule(world)
    schedule(world, name="Second")
    make_due(world)
    with world.person.scope() as scope, scope.atomic() as session:
        session.execute(text("UPDATE schedule SET time_zone = 'Nowhere/Atlantis' WHERE id = :id"), {"id": first["id"]})
    assert fire_due(host) == 1
    assert len(runs_of(world)) == 1
    assert "a schedule could not be fired" in caplog.text


def test_of_what_cannot_be_started_nothing_is_left(world: World, host: Runtime) -> None:
    schedule(world)
    world.person.api.delete(f"/metrics/{world.metric_id}")
    make_due(world)
    fire_due(host)
    assert row_of(world).last_error.startswith("No metric would judge this run.")
    assert world.ask("SELECT count(*) FROM test_set_version")[0][0] == 0
    assert world.ask("SELECT count(*) FROM audit_entry WHERE action = 'run.start'")[0][0] == 0


def test_whoever_made_the_schedule_hears_how_its_run_ended(alice: Person, host: Runtime) -> None:
    with ScriptedEndpoint(answers_yes) as server:
        world = make_world(alice, server.url, [("Question", "yes")])
        schedule(world)
        make_due(world)
        fire_due(host)
        drive(world, runs_of(world)[0].id)
    assert [told["event"] for told in alice.api.get("/notifications").json] == ["run.finished"]
