"""Bringing a database to this version's tables, policies and functions."""

from collections.abc import Mapping

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app, has_app_context
from sqlalchemy import Engine

from rhesis_app.infra.config import DATABASE_EXAMPLE, Settings, read_environment, required, with_driver
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


def is_current(engine: Engine) -> bool:
    """Whether the database is at this version."""
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_heads()
    return set(found) == set(ScriptDirectory.from_config(alembic_config()).get_heads())
