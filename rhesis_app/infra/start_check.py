"""Whether a process may begin to work on its database: row-level security binds it, the tables are of this version, the keys fit."""

import logging
import time

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from rhesis_app.infra.canary import keep_canary, key_problem
from rhesis_app.infra.crypto import SecretBox
from rhesis_app.infra.db import APP_ROLE
from rhesis_app.infra.site import site_directory

PATIENCE_S = 30.0
_PAUSE_S = 0.5
_NO_SUCH_ROLE = "22023"
_MAY_NOT = "42501"
_MIGRATE = "Run `rhesis-app migrate`."
_NEWER = "The database was migrated by a newer version. Install that version here as well."
_log = logging.getLogger(__name__)

_BYPASSES = text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
# an owner's rights and policies also bind, or free, whoever inherits from the owner
_OWNERS = text(
    "SELECT DISTINCT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
    " AND pg_has_role(current_user, c.relowner, 'USAGE') UNION"
    " SELECT pg_get_userbyid(role) FROM pg_policy p, unnest(p.polroles) role WHERE p.polname = 'owner' AND role <> 0"
    " AND pg_has_role(current_user, role, 'USAGE') ORDER BY 1"
)
_OPEN_TABLES = text(
    "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace"
    " AND c.relkind = 'r' AND c.relname NOT IN ('alembic_version', 'login_attempt')"
    " AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid)) ORDER BY 1"
)


class StartRefused(Exception):
    """Working on this database could show one organization's rows to another, or fail in the middle; one line says what to do."""


def check_start(engine: Engine, secrets: SecretBox, *, patience_s: float = PATIENCE_S) -> None:
    """Raise StartRefused unless the database is fit to be worked on; one that does not answer yet is waited for.

    The first start seals what tells every later one whether `secrets` has this data's keys.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            with engine.begin() as connection:
                problem = _problem(connection, secrets)
                if problem is None:
                    keep_canary(connection, secrets)
        except OperationalError as failure:
            if time.monotonic() >= deadline:
                raise StartRefused(
                    "The database does not answer. Check DATABASE_URL and that PostgreSQL runs."
                ) from failure
            time.sleep(_PAUSE_S)
        except DBAPIError as failure:
            raise StartRefused(connection_problem(failure)) from failure
        else:
            break
    if problem:
        raise StartRefused(problem)


def _problem(connection: Connection, secrets: SecretBox) -> str | None:
    older = version_problem(connection)
    if older == _NEWER:
        # during an update the processes of the version before go on, and may have to start once more
        _log.warning(_NEWER)
        older = None
    return role_problem(connection) or older or policy_problem(connection) or key_problem(connection, secrets)


def connection_problem(failure: DBAPIError, *, login: str = "<that login>", makes_roles: bool = True) -> str:
    """Why a connection of the application cannot be had, as far as the database says it.

    `login` is DATABASE_URL's, written as in SQL; one that makes no roles needs an administrator's help before it migrates.
    """
    code = getattr(failure.orig, "pgcode", None)
    if code == _NO_SUCH_ROLE and not makes_roles:
        return (
            f"The database knows no role {APP_ROLE}, and this login may not create one. As an administrator of the database run: "
            f"CREATE ROLE {APP_ROLE} NOLOGIN; GRANT {APP_ROLE} TO {login}; Then run `rhesis-app migrate`."
        )
    if code == _NO_SUCH_ROLE:
        return f"The database was never migrated: it knows no role {APP_ROLE}. {_MIGRATE}"
    if code == _MAY_NOT:
        return (
            f"The login of DATABASE_URL may not work as {APP_ROLE}. As an administrator of the database run: "
            f"GRANT {APP_ROLE} TO {login};"
        )
    return "The database refuses the application. Check DATABASE_URL; PostgreSQL's log says why."


def role_problem(connection: Connection) -> str | None:
    """Why row-level security does not bind the connection's role, and what to do; None when it does."""
    if connection.execute(_BYPASSES).scalar_one():
        return (
            f"The role {APP_ROLE} is bound by no row-level security. As an administrator of the database run: "
            f"ALTER ROLE {APP_ROLE} NOSUPERUSER NOBYPASSRLS;"
        )
    owners = list(connection.scalars(_OWNERS))
    if APP_ROLE in owners:
        return (
            f"Tables belong to {APP_ROLE}, so that its row-level security is void. Let another role own and migrate the database "
            "(RHESIS_DATABASE_OWNER_URL)."
        )
    if owners:
        return (
            f"The role {APP_ROLE} has the rights of {owners[0]}, who owns the tables, so that row-level security is void. "
            f"As an administrator of the database run: REVOKE {owners[0]} FROM {APP_ROLE};"
        )
    return None


def policy_problem(connection: Connection) -> str | None:
    """Which tables lack their row-level policy; None when every one has it."""
    uncovered = list(connection.scalars(_OPEN_TABLES))
    if not uncovered:
        return None
    return (
        f"Row-level security is off, or has no policy, on: {', '.join(uncovered)}. As the tables' owner run, for each: "
        f"ALTER TABLE {uncovered[0]} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
    )


def version_problem(connection: Connection) -> str | None:
    """Why the tables are not those of this version, and what to do; None when they are."""
    is_there = connection.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL"))
    found = set(connection.scalars(text("SELECT version_num FROM alembic_version"))) if is_there else set()
    known = revisions()
    if found == {max(known)}:
        return None
    if not found:
        return f"The database was never migrated. {_MIGRATE}"
    return f"The database is older than this version. {_MIGRATE}" if found <= known else _NEWER


def revisions() -> set[str]:
    """The migrations of this version, by the numbers that their files begin with.

    Alembic knows them too, but loads them all, which every process that starts would pay.
    """
    scripts = (site_directory() / "migrations" / "versions").glob("[0-9]*.py")
    return {script.name.partition("_")[0] for script in scripts}
