"""A slice whose database is away for a moment keeps what it has and asks nobody twice."""

import threading
from collections.abc import Iterator
from typing import Any

import psycopg2.errors
import pytest
from sqlalchemy import Engine, event, text

from rhesis_app.endpoints.actions.throttle import learn
from rhesis_app.runs.actions import drive
from rhesis_app.runs.actions.drive import drive_run
from tests.jobs.runs.world import World, make_world
from tests.people import Person
from tests.scripted_endpoint import ScriptedEndpoint, json_reply

TESTS = 12


@pytest.fixture
def endpoint() -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"}, delay_s=0.05)) as server:
        yield server


@pytest.fixture
def world(alice: Person, endpoint: ScriptedEndpoint, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(drive, "_AGAIN_S", 0.01)
    return make_world(alice, endpoint.url, [(f"Question {n}", "yes") for n in range(TESTS)], max_concurrency=4)


def driven(world: World) -> None:
    run_id = world.start()
    with world.person.scope() as scope:
        while drive_run(scope, world.parts, run_id, stop=threading.Event()):
            pass
    assert world.ask("SELECT count(*) FROM test_result WHERE outcome = 'passed'")[0][0] == TESTS
    assert world.ask("SELECT max(attempts) FROM test_result")[0][0] == 1
    assert world.ask("SELECT finished_at FROM test_run")[0].finished_at is not None


def test_answers_are_written_after_connections_were_cut(
    world: World, endpoint: ScriptedEndpoint, superuser: Engine
) -> None:
    """Cut in the middle of a transaction, twice, and once more while it is tried again."""
    cut = []

    def strike(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "INSERT INTO test_result" in statement and len(cut) < 3:
            cut.append(statement)
            with superuser.connect() as connection:
                connection.execute(
                    text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rhesis_app'")
                )

    engine = world.person.host.engine
    event.listen(engine, "before_cursor_execute", strike)
    try:
        driven(world)
    finally:
        event.remove(engine, "before_cursor_execute", strike)
    assert len(cut) == 3
    assert endpoint.count == TESTS


def test_what_a_commit_took_without_being_heard_goes_back_first(
    world: World, endpoint: ScriptedEndpoint, superuser: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection breaks when the commit has arrived: items are leased to a slice that knows nothing of them."""
    unheard = []
    dialect = world.person.host.engine.dialect
    really_commit = dialect.do_commit

    def commit(connection: Any) -> None:
        really_commit(connection)
        with superuser.connect() as look:
            leased = look.scalar(text("SELECT count(*) FROM work_item WHERE lease_owner IS NOT NULL"))
        if leased and not unheard:
            unheard.append(leased)
            raise psycopg2.errors.AdminShutdown("the connection broke")

    monkeypatch.setattr(dialect, "do_commit", commit)
    driven(world)
    assert unheard == [4]
    assert endpoint.count == TESTS


def test_whoever_holds_an_endpoints_row_and_stands_still_loses_it(world: World) -> None:
    with world.person.scope() as scope, scope.atomic() as session:
        learn(scope, world.endpoint_id, [], 4)
        assert session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "10s"
    assert world.ask("SHOW idle_in_transaction_session_timeout")[0][0] == "0"
