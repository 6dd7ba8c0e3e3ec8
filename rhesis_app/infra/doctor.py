"""What an installation needs, checked one by one, each with what to do about it."""

from collections.abc import Iterator
from dataclasses import dataclass

from redis.exceptions import RedisError
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from rhesis_app.infra.db import UnsafeRole, check_role
from rhesis_app.infra.migrate import is_current
from rhesis_app.infra.runtime import Runtime

_OPEN_TABLES = text(
    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'"
    " WHERE c.relkind = 'r' AND c.relname NOT IN ('alembic_version', 'login_attempt')"
    " AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid)) ORDER BY 1"
)
_CHANGEABLE = text(
    "SELECT table_name || ' (' || lower(privilege_type) || ')' FROM information_schema.role_table_grants WHERE grantee = 'rhesis_app'"
    " AND table_name IN ('test_result', 'evaluation', 'audit_entry') AND privilege_type IN ('UPDATE', 'DELETE', 'TRUNCATE') ORDER BY 1"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what it looked at, whether it holds, and otherwise what to do."""

    title: str
    holds: bool
    advice: str = ""


def examine(host: Runtime) -> Iterator[Finding]:
    """Every check in order; the later ones are left out while the database is away."""
    yield _redis(host)
    try:
        with host.engine.connect() as connection:
            yield Finding("the database answers", holds=True)
            yield from _database(host, connection)
    except SQLAlchemyError:
        yield Finding("the database answers", holds=False, advice="Check DATABASE_URL and that PostgreSQL runs.")
    for plugin in host.registry.plugins:
        yield Finding(f"plugin {plugin.name} is loaded", holds=plugin.error is None, advice=plugin.error or "")


def _database(host: Runtime, connection: Connection) -> Iterator[Finding]:
    version = connection.execute(text("SHOW server_version_num")).scalar_one()
    yield Finding("PostgreSQL is 15 or newer", holds=int(version) >= 150000, advice="Upgrade PostgreSQL.")
    current = is_current(host.engine)
    yield Finding("the tables are at this version", holds=current, advice="Run rhesis-app migrate.")
    yield _role(host)
    if not current:
        return
    uncovered = list(connection.scalars(_OPEN_TABLES))
    yield Finding(
        "every table has its row-level policy", holds=not uncovered, advice=f"Without one: {', '.join(uncovered)}."
    )
    changeable = list(connection.scalars(_CHANGEABLE))
    yield Finding(
        "results and audit log are only added to", holds=not changeable, advice=f"Revoke: {', '.join(changeable)}."
    )


def _role(host: Runtime) -> Finding:
    try:
        check_role(host.engine)
    except UnsafeRole as problem:
        return Finding("row-level security binds the application", holds=False, advice=str(problem))
    return Finding("row-level security binds the application", holds=True)


def _redis(host: Runtime) -> Finding:
    try:
        host.queue.redis.ping()
    except (RedisError, OSError):
        return Finding("Redis answers", holds=False, advice="Check REDIS_URL; runs wait until it is back, pages work.")
    return Finding("Redis answers", holds=True)
