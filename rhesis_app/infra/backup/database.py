"""What is known of a database before it is dumped, and what is made sure of while it is restored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from rhesis_app.infra.backup.failures import BackupError
from rhesis_app.infra.migrate import alembic_config

APPLICATION: Final = "rhesis-app"  # as infra.db names its connections
_NAMED: Final = 3

_OURS = (
    "c.relnamespace = 'public'::regnamespace AND NOT EXISTS"
    " (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')"
)
# every table of ours has a plain name; one of the operator's beside them may have any, and is dumped but not counted
_TABLES = text(
    f"SELECT c.relname FROM pg_class c WHERE c.relkind = 'r' AND c.relname ~ '^[a-z_][a-z0-9_]*$' AND {_OURS} ORDER BY 1"
)
_OCCUPIED = text(
    f"SELECT EXISTS (SELECT 1 FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND {_OURS})"
)
_VERSION = text("SELECT current_setting('server_version_num')::int / 10000")
_CONNECTED = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = :application"
)
# Row-level security leaves rows out without a word: a dump is complete only where the login sees all of every table,
# through a policy that lets it read everything and past no policy that takes something away.
_PARTLY_SEEN = text(
    f"SELECT c.relname FROM pg_class c WHERE c.relkind = 'r' AND {_OURS} AND row_security_active(c.oid) AND ("
    " NOT EXISTS (SELECT 1 FROM pg_policy p, unnest(p.polroles) role WHERE p.polrelid = c.oid AND p.polpermissive"
    "  AND p.polcmd IN ('*', 'r') AND pg_get_expr(p.polqual, p.polrelid) = 'true'"
    "  AND (role = 0 OR pg_has_role(current_user, role, 'USAGE')))"
    " OR EXISTS (SELECT 1 FROM pg_policy p, unnest(p.polroles) role WHERE p.polrelid = c.oid AND NOT p.polpermissive"
    "  AND p.polcmd IN ('*', 'r') AND (role = 0 OR pg_has_role(current_user, role, 'USAGE')))) ORDER BY 1"
)


@dataclass(frozen=True)
class Contents:
    """What one snapshot of a database holds; `snapshot` is good while its transaction lasts."""

    snapshot: str
    revision: str
    rows: Mapping[str, int]


def hidden_tables(connection: Connection) -> list[str]:
    """The tables of which row-level security leaves out rows for this login."""
    return list(connection.scalars(_PARTLY_SEEN))


def read_contents(connection: Connection) -> Contents:
    """Count every table in the connection's transaction, which is repeatable; BackupError when rows are hidden from it."""
    hidden = hidden_tables(connection)
    if hidden:
        more = f" and {len(hidden) - _NAMED} more tables" if len(hidden) > _NAMED else ""
        raise BackupError(
            f"This login does not see every row of {', '.join(hidden[:_NAMED])}{more}; its backup would leave some out. "
            "Name the tables' owner in RHESIS_DATABASE_OWNER_URL."
        )
    tables = list(connection.scalars(_TABLES))
    heads = MigrationContext.configure(connection).get_current_heads()
    if not tables or len(heads) != 1:
        raise BackupError("There is nothing to back up: the database was never migrated.")
    snapshot = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
    return Contents(snapshot=str(snapshot), revision=heads[0], rows={name: _count(connection, name) for name in tables})


def _count(connection: Connection, table: str) -> int:
    return int(connection.execute(text(f"SELECT count(*) FROM public.{table}")).scalar_one())


def server_version(connection: Connection) -> int:
    """PostgreSQL's major version."""
    return int(connection.execute(_VERSION).scalar_one())


def is_occupied(connection: Connection) -> bool:
    """Whether somebody's tables are in the database."""
    return bool(connection.execute(_OCCUPIED).scalar_one())


def is_worked_on(connection: Connection) -> bool:
    """Whether web or workers are connected, wherever they run."""
    return bool(connection.execute(_CONNECTED, {"application": APPLICATION}).scalar_one())


def needs_migration(connection: Connection) -> bool:
    """Whether there are tables, and they are older than this version."""
    found = set(MigrationContext.configure(connection).get_current_heads())
    script = ScriptDirectory.from_config(alembic_config())
    return bool(found) and found != set(script.get_heads()) and found <= known_revisions()


def known_revisions() -> set[str]:
    """Every revision that this version has migrations for."""
    return {revision.revision for revision in ScriptDirectory.from_config(alembic_config()).walk_revisions()}


# --- what is said before and after a dump is loaded, in one transaction -----------------------------------------------


_EMPTY = """
DO $$ DECLARE orders text; BEGIN
  SELECT string_agg(format('DROP %s IF EXISTS public.%I CASCADE', CASE c.relkind WHEN 'v' THEN 'VIEW'
    WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END, c.relname), ';'
    ORDER BY c.relkind <> 'v') INTO orders
  FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND {ours};
  EXECUTE coalesce(orders, '');
  SELECT string_agg(format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure), ';') INTO orders
  FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND NOT EXISTS
    (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e');
  EXECUTE coalesce(orders, '');
END $$;
"""


def words_before(*, replace: bool) -> str:
    """Begin the transaction, see to the application's role, and with `replace` clear what is there."""
    first = ScriptDirectory.from_config(alembic_config()).get_revision("0001")
    role: str = first.module.ROLE
    # nobody begins to work on the database meanwhile and finds half of it
    lock = "SELECT pg_advisory_xact_lock(7265736973);\n"
    return f"BEGIN;\n{lock}{role}{_EMPTY.format(ours=_OURS) if replace else ''}"


def words_after(rows: Mapping[str, int], owned: Sequence[str]) -> str:
    """Let the new owner see every row of the tables in `owned`, compare the numbers of rows, and end the transaction."""
    policies = "".join(
        f"CREATE POLICY owner ON public.{table} TO CURRENT_USER USING (true) WITH CHECK (true);\n" for table in owned
    )
    counts = "".join(
        f"IF (SELECT count(*) FROM public.{table}) <> {count} THEN RAISE EXCEPTION 'rows are missing in {table}'; END IF;\n"
        for table, count in rows.items()
    )
    return (
        f"SET search_path = public, pg_catalog;\nSET row_security = on;\n{policies}DO $$ BEGIN\n{counts}END $$;\n"
        "SET client_min_messages = error;\nANALYZE;\nCOMMIT;\n"
    )
