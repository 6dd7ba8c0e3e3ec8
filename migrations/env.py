"""Migrations run as the database's owner: RHESIS_DATABASE_OWNER_URL, else DATABASE_URL, without taking the app's role."""

import importlib
import pkgutil

import psycopg2
from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

import rhesis_app
from rhesis_app.infra.migrate import check_migrator, owner_url, refusal
from rhesis_app.infra.orm import Base


def load_rows() -> None:
    """Import every context's rows, so that the metadata is complete when it is compared with the database."""
    for module in pkgutil.walk_packages(rhesis_app.__path__, "rhesis_app."):
        if module.name.endswith(".models"):
            importlib.import_module(module.name)


def run() -> None:
    """Apply or compare inside one transaction; two starters wait for each other on an advisory lock."""
    load_rows()
    engine = create_engine(owner_url(context.config), poolclass=NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata, transaction_per_migration=False)
        with context.begin_transaction():
            check_migrator(connection)
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7265736973)")
            context.run_migrations()


if context.is_offline_mode():
    raise SystemExit("Migrations need a database: offline SQL would miss the checks they make.")
try:
    run()
except (psycopg2.Error, DBAPIError) as failure:
    refused = refusal(failure)
    if refused is None:
        raise
    raise refused from failure
