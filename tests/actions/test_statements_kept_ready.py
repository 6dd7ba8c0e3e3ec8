"""A statement that asks for it is planned once for a connection and then named, whatever its values are."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, Integer, Text, cast, func, literal, select, text
from sqlalchemy.exc import DBAPIError

from rhesis_app.infra import prepared

VALUES = (1, 2**40, True, 1.5, Decimal("1.25"), "100% of 'it'", UUID(int=7), datetime(2026, 1, 2, tzinfo=UTC))


@pytest.fixture
def connection(app: Flask) -> Iterator[Connection]:
    """A connection that nobody used before."""
    engine: Engine = app.extensions["rhesis"].engine
    engine.dispose()
    with engine.connect() as opened:
        yield opened


def kept(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT count(*) FROM pg_prepared_statements")) or 0)


def ask(connection: Connection, *columns: Any) -> tuple[Any, ...]:
    return tuple(connection.execute(select(*columns).execution_options(keep_ready=True)).one())


def test_a_statement_is_kept_once_and_says_the_same_as_its_text(connection: Connection) -> None:
    numbers = [ask(connection, literal(number) + 1)[0] for number in (1, 2, 3)]
    assert numbers == [2, 3, 4]
    assert kept(connection) == 1


@pytest.mark.parametrize("value", [*VALUES, date(2026, 1, 2), timedelta(minutes=3)], ids=str)
def test_a_value_comes_back_as_what_it_went_out_as(connection: Connection, value: Any) -> None:
    chosen = func.coalesce(literal(value), literal(value))
    (plain,) = connection.execute(select(chosen)).one()
    assert ask(connection, chosen) == (plain,)
    assert kept(connection) == 1


def test_what_has_no_type_of_its_own_takes_it_from_its_place(connection: Connection) -> None:
    for value in (None, "7"):
        assert ask(connection, cast(literal(value, Text), Integer)) == (None if value is None else 7,)
    assert ask(connection, literal("50%").like("50\\%%")) == (True,)


def test_numbers_of_another_size_are_another_statement(connection: Connection) -> None:
    assert [ask(connection, literal(number))[0] for number in (1, 2**40, 5)] == [1, 2**40, 5]
    assert kept(connection) == 2


def test_a_rollback_forgets_none_and_a_new_connection_all(connection: Connection) -> None:
    ask(connection, literal(1))
    connection.rollback()
    assert ask(connection, literal(2)) == (2,)
    assert kept(connection) == 1
    connection.invalidate()
    connection.rollback()
    assert ask(connection, literal(3)) == (3,)
    assert kept(connection) == 1


def test_one_that_cannot_be_planned_fails_as_its_text_does(connection: Connection) -> None:
    with pytest.raises(DBAPIError, match="does not exist"):
        ask(connection, func.nothing_of_that_name(literal(1)))
    connection.rollback()
    assert kept(connection) == 0


def test_more_than_the_most_are_sent_as_text(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "MOST", 2)
    for number in range(4):
        assert ask(connection, *(literal(one) for one in range(number + 1))) == tuple(range(number + 1))
    assert kept(connection) == 2


def test_who_does_not_ask_keeps_nothing(connection: Connection) -> None:
    assert connection.execute(select(literal(1) + 1)).scalar_one() == 2
    assert kept(connection) == 0
