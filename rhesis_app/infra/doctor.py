"""What an installation needs, checked one by one, each with what to do about it."""

from collections.abc import Iterator
from dataclasses import dataclass

from redis.exceptions import RedisError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError

from rhesis_app.infra.runtime import Runtime
from rhesis_app.infra.start_check import connection_problem, policy_problem, role_problem, version_problem

_CHANGEABLE = text(
    "SELECT table_name || ' (' || lower(privilege_type) || ')' FROM information_schema.role_table_grants WHERE grantee = 'rhesis_app'"
    " AND table_name IN ('test_result', 'evaluation', 'replacement', 'audit_entry') AND privilege_type IN ('UPDATE', 'DELETE', 'TRUNCATE') ORDER BY 1"
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
            yield from _database(connection)
    except DBAPIError as failure:
        yield _unreachable(failure)
    for plugin in host.registry.plugins:
        yield Finding(f"plugin {plugin.name} is loaded", holds=plugin.error is None, advice=plugin.error or "")


def _unreachable(failure: DBAPIError) -> Finding:
    if isinstance(failure, OperationalError):
        advice = "Check DATABASE_URL and that PostgreSQL runs."
        return Finding("the database answers", holds=False, advice=advice)
    return Finding("the application may work on the database", holds=False, advice=connection_problem(failure))


def _database(connection: Connection) -> Iterator[Finding]:
    version = connection.execute(text("SHOW server_version_num")).scalar_one()
    yield Finding("PostgreSQL is 15 or newer", holds=int(version) >= 150000, advice="Upgrade PostgreSQL.")
    outdated = version_problem(connection)
    yield _finding("the tables are at this version", outdated)
    yield _finding("row-level security binds the application", role_problem(connection))
    if outdated:
        return
    yield _finding("every table has its row-level policy", policy_problem(connection))
    changeable = list(connection.scalars(_CHANGEABLE))
    yield Finding(
        "results and audit log are only added to", holds=not changeable, advice=f"Revoke: {', '.join(changeable)}."
    )


def _finding(title: str, problem: str | None) -> Finding:
    return Finding(title, holds=problem is None, advice=problem or "")


def _redis(host: Runtime) -> Finding:
    try:
        host.queue.redis.ping()
    except (RedisError, OSError):
        return Finding("Redis answers", holds=False, advice="Check REDIS_URL; runs wait until it is back, pages work.")
    return Finding("Redis answers", holds=True)
