"""Connections of the pool: asked whether they live after they lay idle, and back as they came after a question to everybody."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from rhesis_app.infra import db
from rhesis_app.infra.config import Settings
from rhesis_app.infra.runtime import Runtime

Cut = Callable[[], None]


class Clock(SimpleNamespace):
    """A clock that stands until it is moved."""

    now: float = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(db, "time", made)
    return made


@pytest.fixture
def engine(settings: Settings, clock: Clock) -> Iterator[Engine]:
    """An engine of the test's own with two connections in its pool."""
    made = create_engine(
        settings.database_url,
        pool_size=2,
        pool_use_lifo=True,
        connect_args={"application_name": "test-of-idle-connections"},
    )
    db.take_app_role(made)
    db.ping_idle(made, after_s=1.0)
    with made.connect(), made.connect():
        pass
    yield made
    made.dispose()


@pytest.fixture
def cut(superuser: Engine) -> Cut:
    """End the backends of the test's own engine."""

    def end() -> None:
        with superuser.connect() as connection:
            ended = connection.scalars(
                text(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE application_name = 'test-of-idle-connections'"
                )
            ).all()
        assert ended == [True, True]

    return end


def role(engine: Engine) -> Any:
    with engine.connect() as connection:
        return connection.scalar(text("SELECT current_user"))


def test_connections_that_were_cut_while_idle_are_replaced_before_they_are_used(
    engine: Engine, clock: Clock, cut: Cut
) -> None:
    cut()
    clock.now += 1.0
    assert role(engine) == db.APP_ROLE
    with engine.connect() as one, engine.connect() as other:
        assert [one.scalar(text("SELECT 1")), other.scalar(text("SELECT 1"))] == [1, 1]


def test_a_connection_that_was_just_in_use_is_not_pinged(
    engine: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pings = []
    really_ping = engine.dialect.do_ping

    def ping(connection: Any) -> bool:
        pings.append(connection)
        return really_ping(connection)

    monkeypatch.setattr(engine.dialect, "do_ping", ping)
    clock.now += 0.9
    role(engine)
    clock.now += 0.9
    role(engine)
    assert pings == []
    clock.now += 1.1
    role(engine)
    assert len(pings) == 1


def test_one_that_was_cut_a_moment_ago_fails_once_and_takes_the_others_with_it(engine: Engine, cut: Cut) -> None:
    cut()
    with pytest.raises(OperationalError):
        role(engine)
    assert role(engine) == db.APP_ROLE
    with engine.connect() as one, engine.connect() as other:
        assert [one.scalar(text("SELECT 1")), other.scalar(text("SELECT 1"))] == [1, 1]


def test_a_question_to_everybody_is_one_statement_and_the_next_transaction_is_one(
    host: Runtime, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    with statements() as seen:
        assert host.ask("SELECT needs_first_owner() AS needed") == [{"needed": True}]
    assert len(seen) == 1
    with host.engine.connect() as connection:
        assert connection.connection.dbapi_connection.autocommit is False  # type: ignore[union-attr]
        connection.execute(text("SELECT set_config('app.user_id', 'somebody', true)"))
        assert connection.scalar(text("SELECT current_setting('app.user_id')")) == "somebody", "one transaction"


def test_a_question_that_fails_leaves_its_connection_as_it_was(host: Runtime) -> None:
    with pytest.raises(ProgrammingError):
        host.ask("SELECT no_such_function()")
    with host.engine.connect() as connection:
        assert connection.connection.dbapi_connection.autocommit is False  # type: ignore[union-attr]
        assert connection.scalar(text("SELECT 1")) == 1


def test_each_statement_of_such_a_block_is_a_transaction(host: Runtime) -> None:
    with host.engine.connect() as before, db.one_statement(before):
        first = before.scalar(text("SELECT txid_current()"))
        second = before.scalar(text("SELECT txid_current()"))
    assert first != second
