"""Bringing a database to this version's tables, policies and functions."""

from collections.abc import Mapping

import psycopg2
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from flask import current_app, has_app_context
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from rhesis_app.infra.config import DATABASE_EXAMPLE, Settings, read_environment, required, with_driver
from rhesis_app.infra.db import APP_ROLE
from rhesis_app.infra.site import site_directory


def alembic_config(url: str | None = None) -> Config:
    """Alembic's configuration for this installation; `url` overrides the environment's."""
    config = Config()
    config.set_main_option("script_location", str(site_directory() / "migrations"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    if url is not None:
        config.attributes["url"] = url
    return config


def owner_url(config: Config) -> str:
    """The URL migrations connect with: given, or of the running app, or of the environment."""
    given = config.attributes.get("url")
    if given is not None:
        return str(given)
    if has_app_context():
        settings: Settings = current_app.extensions["rhesis"].settings
        return settings.database_owner_url or settings.database_url
    return database_owner_url(read_environment())


def database_owner_url(environment: Mapping[str, str]) -> str:
    """RHESIS_DATABASE_OWNER_URL, else DATABASE_URL; ConfigurationError says what to set."""
    return with_driver(
        environment.get("RHESIS_DATABASE_OWNER_URL") or required(environment, "DATABASE_URL", DATABASE_EXAMPLE)
    )


def migrate(url: str) -> None:
    """Upgrade the database at `url` (its owner's) to the newest version."""
    command.upgrade(alembic_config(url), "head")


def refusal(failure: psycopg2.Error | DBAPIError) -> CommandError | None:
    """What an operator can do about a migration that the database refused; None for what is a mistake of ours."""
    cause = failure.orig if isinstance(failure, DBAPIError) else failure
    if not isinstance(cause, psycopg2.Error):
        return None
    if isinstance(cause, psycopg2.OperationalError) and cause.pgcode is None:
        return CommandError(f"The database cannot be reached: {' '.join(str(cause).split())}")
    if isinstance(cause, psycopg2.errors.RaiseException | psycopg2.errors.InsufficientPrivilege):
        said = " ".join(filter(None, (cause.diag.message_primary, cause.diag.message_hint)))
        return CommandError(f"The database refused to be migrated: {said}")
    return None


def check_migrator(connection: Connection) -> None:
    """Refuse the application's own role: it would own the tables, and row-level security would not bind it."""
    if connection.execute(text("SELECT current_user")).scalar_one() == APP_ROLE:
        raise CommandError(
            f"Migrations must not run as {APP_ROLE}, which would own the tables and be bound by no row-level security. "
            "Let another role own the database, and name it in RHESIS_DATABASE_OWNER_URL."
        )
