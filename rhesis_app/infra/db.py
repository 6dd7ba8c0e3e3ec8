"""The database: engine, the role every connection takes, and sessions that tell PostgreSQL who is asking."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.exc import DataError, InvalidatePoolError
from sqlalchemy.orm import DeclarativeBase, Session, SessionTransaction
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from rhesis_app.infra.config import Settings, is_flask_command
from rhesis_app.infra.orm import Base, TenantOwned
from rhesis_app.infra.prepared import keep_ready
from rhesis_app.kernel.actor import Actor

APP_ROLE = "rhesis_app"
_WHO = "SELECT set_config('app.organization_id', %(organization)s, true), set_config('app.user_id', %(user)s, true)"


class UnsafeRow(Exception):
    """A row of one organization was about to be written by another; a mistake of ours, not of the person who asked."""


class TenantSession(Session):
    """A session of one actor: each outermost transaction starts by saying who asks, and new rows get the actor's organization."""


@event.listens_for(TenantSession, "after_begin")
def _say_who(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    if transaction.nested:
        return  # the settings survive a SAVEPOINT; they belong to the outermost transaction
    actor: Actor | None = session.info.get("actor")
    if actor is not None:
        # as the driver takes it: every request begins with this, and SQLAlchemy's compiling is a third of its cost
        connection.exec_driver_sql(_WHO, {"organization": str(actor.organization_id), "user": str(actor.user_id or "")})


@event.listens_for(TenantSession, "before_flush")
def _fill_organization(session: Session, _context: Any, _instances: Any) -> None:
    actor: Actor | None = session.info.get("actor")
    for row in session.new:
        if not isinstance(row, TenantOwned) or actor is None:
            continue
        if row.organization_id is None:
            row.organization_id = actor.organization_id
        elif row.organization_id != actor.organization_id:
            raise UnsafeRow(f"a {type(row).__name__} of another organization was about to be written")


class _Shared(DeclarativeBase):
    """What Flask-SQLAlchemy is handed: our metadata, without the type map that it could not copy."""

    metadata = Base.metadata


def attach_database(app: Flask, settings: Settings, migrations: str) -> SQLAlchemy:
    """Give the app its engine (through Flask-SQLAlchemy), and the `flask` command line its `db`."""
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        "pool_size": settings.database_pool,
        "max_overflow": settings.database_pool,
        "pool_timeout": 10,
        "pool_use_lifo": True,  # the connection used last is the one that needs no ping
        "hide_parameters": True,  # a failed statement is logged, and its values are people's prompts and secrets
        "connect_args": {"connect_timeout": 5, "application_name": "rhesis-app"},
    }
    database = SQLAlchemy(model_class=_Shared, disable_autonaming=True)
    database.init_app(app)
    if is_flask_command():
        from flask_migrate import Migrate  # noqa: PLC0415 with Alembic it costs 8 MB, and a server never migrates

        Migrate(app, database, directory=migrations)
    with app.app_context():
        take_app_role(database.engine)
        keep_ready(database.engine)
        ping_idle(database.engine)
    return database


def ping_idle(engine: Engine, *, after_s: float = 1.0) -> None:
    """Ask a pooled connection whether it is alive before it is used, if it lay idle for `after_s` seconds or more.

    One that does not answer is replaced together with all that are older than this, as `pool_pre_ping` does for every use.
    """

    @event.listens_for(engine, "checkin")
    def _left(_connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        record.info["idle_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _ping(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: Any) -> None:
        idle_since: float | None = record.info.get("idle_since")  # forgotten with the connection: a new one has none
        if idle_since is None or time.monotonic() - idle_since < after_s:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error


@contextmanager
def one_statement(connection: Connection) -> Iterator[None]:
    """Let the one statement of the block be a transaction by itself, which saves the round trips of BEGIN and COMMIT.

    By the driver's own switch: the isolation level AUTOCOMMIT of SQLAlchemy sends a SET for it.
    """
    driver: Any = connection.connection.dbapi_connection
    try:
        driver.autocommit = True
        yield
    finally:
        if not driver.closed:
            driver.autocommit = False


def private_engine(settings: Settings) -> Engine:
    """An engine without a pool for a thread that lives beside forks: no lock or connection of it is ever shared."""
    engine = create_engine(
        settings.database_url, poolclass=NullPool, hide_parameters=True, connect_args={"connect_timeout": 5}
    )
    take_app_role(engine)

    @event.listens_for(engine, "connect")
    def _let_go_when_frozen(connection: DBAPIConnection, _record: Any) -> None:
        # a process that stands still in the middle of a round would keep all the others from sweeping
        cursor = connection.cursor()
        try:
            cursor.execute("SET idle_in_transaction_session_timeout = '60s'")
        finally:
            cursor.close()
        connection.commit()

    return engine


def _name_what_cannot_be_sent(failure: ExceptionContext) -> DataError | None:
    """The driver refuses NUL with a bare ValueError: to us that is a value that the database does not take, like any other."""
    original = failure.original_exception
    if isinstance(original, UnicodeEncodeError) or (isinstance(original, ValueError) and "NUL" in str(original)):
        return DataError(failure.statement, None, original, hide_parameters=True)
    return None


def take_app_role(engine: Engine) -> None:
    """Make every connection of `engine` act as the app's role, whatever login the URL names."""
    event.listen(engine, "handle_error", _name_what_cannot_be_sent)

    @event.listens_for(engine, "connect")
    def _become_app(connection: DBAPIConnection, _record: Any) -> None:
        cursor = connection.cursor()
        try:
            cursor.execute(f"SET ROLE {APP_ROLE}")
        finally:
            cursor.close()
        connection.commit()  # a SET inside a transaction that is rolled back would be undone
