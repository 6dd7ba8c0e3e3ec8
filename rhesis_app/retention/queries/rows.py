"""The rows of an organization as JSON, a table at a time: PostgreSQL writes them, and reads them back as they were."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, Text, cast, exists, func, literal, null, or_, select, text
from sqlalchemy.dialects.postgresql import TIMESTAMP

from rhesis_app.infra.orm import Base
from rhesis_app.kernel.scope import Scope
from rhesis_app.retention.rules.archive import (
    ORGANIZATION,
    ORGANIZATION_COLUMNS,
    PEOPLE,
    PEOPLE_COLUMNS,
    TABLES,
    travelling,
)

Condition = Callable[[Scope, Table], ColumnElement[bool]]
_BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSource:
    """Where a part of an archive comes from: its table, and the columns that travel."""

    name: str
    table: Table
    columns: tuple[str, ...]


def row_sources() -> tuple[RowSource, ...]:
    """All parts of an archive, in the order in which they are written back."""
    tables = Base.metadata.tables
    own = (RowSource(name=name, table=tables[name], columns=travelling(name, tables[name].c.keys())) for name in TABLES)
    return (
        RowSource(name=ORGANIZATION, table=tables[ORGANIZATION], columns=ORGANIZATION_COLUMNS),
        RowSource(name=PEOPLE, table=tables[PEOPLE], columns=PEOPLE_COLUMNS),
        *own,
    )


def begin_reading(scope: Scope) -> None:
    """From here on everything is read as of one moment, with times in UTC, whatever changes meanwhile."""
    scope.session.rollback()  # the snapshot must begin with this transaction's first statement
    scope.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    scope.session.execute(text("SET LOCAL TimeZone = 'UTC'"))


def count_rows(scope: Scope, source: RowSource) -> int:
    """How many rows of a table travel."""
    query = select(func.count()).select_from(source.table).where(*_conditions(scope, source))
    return int(scope.session.scalar(query) or 0)


def rows_as_json(scope: Scope, source: RowSource) -> Generator[str, None, None]:
    """Each row as a JSON object on one line, by primary key; read in batches."""
    line = (
        select(*(_value(source, name) for name in source.columns))
        .where(*_conditions(scope, source))
        .order_by(*source.table.primary_key.columns)
        .subquery("line")
    )
    query = select(cast(func.row_to_json(line.table_valued()), Text))
    for (row,) in scope.session.execute(query, execution_options={"yield_per": _BATCH}):
        # a line break within JSON is only ever space between its parts: inside of texts it is escaped
        yield row.replace("\n", " ").replace("\r", " ")


def count_secrets(scope: Scope) -> int:
    """How many endpoints and models have a secret, which stays behind."""
    endpoint, model = Base.metadata.tables["endpoint"], Base.metadata.tables["model"]
    held = [
        select(func.count())
        .select_from(table)
        .where(table.c.organization_id == scope.organization_id, column.is_not(None))
        .scalar_subquery()
        for table, column in ((endpoint, endpoint.c.secret), (model, model.c.key))
    ]
    return int(scope.session.scalar(select(held[0] + held[1])) or 0)


def database_version(scope: Scope) -> str:
    """The version of the database's tables."""
    return str(scope.session.scalar(text("SELECT version_num FROM alembic_version")))


def _value(source: RowSource, name: str) -> ColumnElement[Any]:
    """A column as it travels: schedules wait at the other end until somebody resumes them."""
    if source.name == "schedule" and name == "is_paused":
        return literal(value=True).label(name)
    if source.name == "schedule" and name == "next_at":
        return cast(null(), TIMESTAMP(timezone=True)).label(name)
    return source.table.c[name]


def _conditions(scope: Scope, source: RowSource) -> tuple[ColumnElement[bool], ...]:
    table = source.table
    if source.name == ORGANIZATION:
        return (table.c.id == scope.organization_id,)
    if source.name == PEOPLE:
        member = Base.metadata.tables["membership"]
        return (exists().where(member.c.organization_id == scope.organization_id, member.c.user_id == table.c.id),)
    more = _ONLY.get(source.name)
    ours = table.c.organization_id == scope.organization_id
    return (ours,) if more is None else (ours, more(scope, table))


def _ended(scope: Scope, column: Any) -> ColumnElement[bool]:
    run = Base.metadata.tables["test_run"]
    return exists().where(
        run.c.organization_id == scope.organization_id, run.c.id == column, run.c.finished_at.is_not(None)
    )


def _done(scope: Scope, column: Any) -> ColumnElement[bool]:
    job = Base.metadata.tables["job"].alias("its_job")
    return exists().where(
        job.c.organization_id == scope.organization_id, job.c.id == column, job.c.finished_at.is_not(None)
    )


def _of_ended_run(scope: Scope, table: Table) -> ColumnElement[bool]:
    return _ended(scope, table.c.run_id)


def _told_of(scope: Scope, table: Table) -> ColumnElement[bool]:
    """Of the jobs those that something refers to; the others are over."""
    about = [
        exists().where(other.c.organization_id == scope.organization_id, other.c.job_id == table.c.id)
        for other in (Base.metadata.tables["analysis"], Base.metadata.tables["attack_suite"])
    ]
    return table.c.finished_at.is_not(None) & or_(*about)


_ONLY: Final[Mapping[str, Condition]] = {
    "test_run": lambda _scope, table: table.c.finished_at.is_not(None),
    "run_metric": _of_ended_run,
    "test_result": _of_ended_run,
    "evaluation": _of_ended_run,
    "review": _of_ended_run,
    "gate_decision": _of_ended_run,
    "recorded_exchange": _of_ended_run,
    "replacement": lambda scope, table: _ended(scope, table.c.run_id) & _ended(scope, table.c.retry_run_id),
    "job": _told_of,
    "analysis": lambda scope, table: _ended(scope, table.c.run_id) & _done(scope, table.c.job_id),
    "attack_suite": lambda scope, table: _done(scope, table.c.job_id),
}
"""Runs and jobs that go on stay behind, with what there is of them."""
