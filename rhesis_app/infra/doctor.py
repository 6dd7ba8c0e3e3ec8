"""What an installation needs, checked one by one, each with what to do about it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from redis.exceptions import RedisError
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool
from werkzeug.sansio.utils import host_is_trusted

from rhesis_app.infra.canary import key_problem
from rhesis_app.infra.config import Settings, is_loopback
from rhesis_app.infra.runtime import Runtime
from rhesis_app.infra.start_check import connection_problem, policy_problem, role_problem, version_problem
from rhesis_app.kernel.ports import PostFailure

CLOCK_S = 5.0
_SEALED_WITHIN_S: Final = 3600
_CHANGEABLE = text(
    "SELECT table_name || ' (' || lower(privilege_type) || ')' FROM information_schema.role_table_grants WHERE grantee = 'rhesis_app'"
    " AND table_name IN ('test_result', 'evaluation', 'replacement', 'audit_entry', 'audit_seal')"
    " AND privilege_type IN ('UPDATE', 'DELETE', 'TRUNCATE') ORDER BY 1"
)
# they act with their owner's rights: whoever may set the search path, or owns them, decides what they do
_UNSAFE_FUNCTIONS = text(
    "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef AND ("
    " NOT coalesce(p.proconfig::text, '') LIKE '%search_path=pg_catalog, public, pg_temp%'"
    " OR p.proowner <> (SELECT relowner FROM pg_class WHERE oid = 'public.organization'::regclass)"
    " OR has_function_privilege('public', p.oid, 'EXECUTE')) ORDER BY 1"
)
_LOGIN = text("SELECT quote_ident(current_user), rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what it looked at, whether it holds, and otherwise what to do; `is_choice` may be meant as it is."""

    title: str
    holds: bool
    advice: str = ""
    is_choice: bool = False

    @property
    def is_failure(self) -> bool:
        """Whether something is amiss."""
        return not self.holds and not self.is_choice

    @property
    def mark(self) -> str:
        """A word of four letters at most: `ok`, `note` or `FAIL`."""
        return "ok" if self.holds else "note" if self.is_choice else "FAIL"


def examine(host: Runtime) -> Iterator[Finding]:
    """Every check in order; the later ones of the database are left out while it is away."""
    yield _redis(host)
    try:
        with host.engine.connect() as connection:
            yield Finding("the database answers", holds=True)
            yield from _database(host, connection)
    except DBAPIError as failure:
        yield _unreachable(host.settings, failure)
    yield from examine_address(host.settings)
    yield _mail(host)
    yield Finding(
        "registration is by invitation",
        holds=not host.settings.open_registration,
        advice="Anybody who reaches this instance may register. Unset RHESIS_OPEN_REGISTRATION where that is not meant.",
        is_choice=True,
    )
    for plugin in host.registry.plugins:
        yield Finding(f"plugin {plugin.name} is loaded", holds=plugin.error is None, advice=plugin.error or "")


def examine_address(settings: Settings) -> Iterator[Finding]:
    """How people reach it, also said at every start; on loopback alone there is nothing to say."""
    url = settings.external_url
    if url is None:
        advice = "Set RHESIS_EXTERNAL_URL=https://… to where browsers find it: invitations and letters lead there."
        yield Finding("its address is known", holds=is_loopback(settings.bind), advice=advice, is_choice=True)
        return
    name, is_https = urlsplit(url).hostname or "", url.startswith("https://")
    yield Finding(
        "browsers reach it over https", holds=is_https or is_loopback(f"{name}:"),
        advice="Passwords travel in the clear. Put a proxy with a certificate in front, and set RHESIS_EXTERNAL_URL=https://….", is_choice=True,
    )  # fmt: skip
    trusted = settings.trusted_hosts
    yield Finding(
        "it answers to its own name", holds=not trusted or host_is_trusted(name, list(trusted)),
        advice=f"RHESIS_TRUSTED_HOSTS leaves out {name}, which RHESIS_EXTERNAL_URL names: browsers are refused. Add it.",
    )  # fmt: skip
    yield Finding(
        "it answers to no other name", holds=bool(trusted), advice=f"Set RHESIS_TRUSTED_HOSTS={name}.", is_choice=True
    )
    yield Finding(
        "it sees who asks through the proxy", holds=not is_https or settings.trusted_proxies > 0, is_choice=True,
        advice="https ends in a proxy, so everybody has the proxy's address. Set RHESIS_TRUSTED_PROXIES=1, or how many there are.",
    )  # fmt: skip


def _unreachable(settings: Settings, failure: DBAPIError) -> Finding:
    if isinstance(failure, OperationalError):
        advice = "Check DATABASE_URL and that PostgreSQL runs."
        return Finding("the database answers", holds=False, advice=advice)
    login, makes_roles = _login(settings)
    advice = connection_problem(failure, login=login, makes_roles=makes_roles)
    return Finding("the application may work on the database", holds=False, advice=advice)


def _login(settings: Settings) -> tuple[str, bool]:
    """The login that migrates, as SQL names it, and whether it may create roles."""
    engine = create_engine(
        settings.database_owner_url or settings.database_url, poolclass=NullPool, connect_args={"connect_timeout": 5}
    )
    with engine.connect() as connection:
        name, makes_roles = connection.execute(_LOGIN).one()
    return str(name), bool(makes_roles)


def _database(host: Runtime, connection: Connection) -> Iterator[Finding]:
    version = connection.execute(text("SHOW server_version_num")).scalar_one()
    yield Finding("PostgreSQL is 15 or newer", holds=int(version) >= 150000, advice="Upgrade PostgreSQL.")
    yield _clock(connection)
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
    yield _functions(connection)
    waits = connection.execute(
        text("SELECT count(*) FROM unsealed_audit(:age)"), {"age": _SEALED_WITHIN_S}
    ).scalar_one()
    yield Finding(
        "the audit log is sealed as it grows", holds=not waits,
        advice=f"Entries of {waits} organizations wait for more than an hour. See that a worker runs: its sweeper seals them.",
    )  # fmt: skip
    yield _finding("the encryption keys are those of the data", key_problem(connection, host.secrets))


def _functions(connection: Connection) -> Finding:
    unsafe = list(connection.scalars(_UNSAFE_FUNCTIONS))
    advice = (
        f"As the tables' owner run, for each of {', '.join(unsafe)}: ALTER FUNCTION … OWNER TO the tables' owner; "
        "ALTER FUNCTION … SET search_path = pg_catalog, public, pg_temp; REVOKE ALL ON FUNCTION … FROM PUBLIC;"
    )
    return Finding("functions that look across organizations are the owner's", holds=not unsafe, advice=advice)


def _clock(connection: Connection) -> Finding:
    theirs = float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())
    ahead = time.time() - theirs
    advice = (
        f"This machine's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the database's. Let both follow "
        "a time server (chrony, systemd-timesyncd): the lives of sessions, links and codes hang on it."
    )
    return Finding("this machine and the database agree on the time", holds=abs(ahead) <= CLOCK_S, advice=advice)


def _mail(host: Runtime) -> Finding:
    if host.post is None:
        advice = "Without RHESIS_SMTP_URL nothing is sent: invitations are links that administrators hand over."
        return Finding("letters can be sent", holds=False, advice=advice, is_choice=True)
    try:
        with host.post.open():
            return Finding("the mail server takes letters", holds=True)
    except PostFailure as failure:
        advice = f"It answers {failure.code}. Check RHESIS_SMTP_URL; letters wait for it, about four hours."
        return Finding("the mail server takes letters", holds=False, advice=advice)


def _finding(title: str, problem: str | None) -> Finding:
    return Finding(title, holds=problem is None, advice=problem or "")


def _redis(host: Runtime) -> Finding:
    try:
        host.queue.redis.ping()
    except (RedisError, OSError):
        return Finding("Redis answers", holds=False, advice="Check REDIS_URL; runs wait until it is back, pages work.")
    return Finding("Redis answers", holds=True)
