"""One DATABASE_URL, be it a superuser's, an owner's or a weak login's: migrate, start, sign in, and policies bind."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from sqlalchemy import Engine, create_engine, text

from rhesis_app.infra.config import with_driver
from rhesis_app.infra.crypto import SecretBox
from rhesis_app.infra.db import take_app_role
from rhesis_app.infra.embedded.place import make_place
from rhesis_app.infra.embedded.postgres import PostgresServer
from rhesis_app.infra.embedded.servers import EmbeddedServers
from rhesis_app.infra.start_check import StartRefused, check_start
from tests.e2e.conftest import free_port
from tests.e2e.http_api import HttpApi
from tests.watch import TEST_KEY

CLI = (sys.executable, "-m", "rhesis_app.cli")
FLASK = (sys.executable, "-m", "flask", "--app", "wsgi")
GUNICORN = (
    sys.executable,
    "-m",
    "gunicorn",
    "-c",
    "python:rhesis_app.infra.gunicorn_conf",
    "rhesis_app.app:create_app()",
)
ROOT = Path(__file__).parents[2]
PASSWORD = "seven otters read maps"
KEYS = SecretBox([TEST_KEY])


class Bare(PostgresServer):
    """A cluster as somebody else made it: nobody but its superuser."""

    def _ensure_roles(self) -> None:
        """None."""


@dataclass(frozen=True)
class Database:
    """An installation on a database of somebody's making."""

    place: str
    redis_url: str
    login: str = "postgres"
    owner: str = ""

    def url(self, user: str) -> str:
        return f"postgresql://{user}@/shop?host={self.place}&port=5432"

    def as_superuser(self, *statements: str, database: str = "shop") -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(host=self.place, port=5432, user="postgres", dbname=database)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RHESIS_", "DATABASE_"))}
        return {
            **kept,
            "DATABASE_URL": self.url(self.login),
            "RHESIS_DATABASE_OWNER_URL": self.url(self.owner) if self.owner else "",
            "REDIS_URL": self.redis_url,
            "SECRET_KEY": "a key that only the tests have and that is long enough",
            "RHESIS_ENCRYPTION_KEYS": TEST_KEY,
            "RHESIS_WEB_WORKERS": "1",
            "RHESIS_FIRST_OWNER_PASSWORD": PASSWORD,
        }

    def run(self, *argv: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            argv, env=self.environment | more, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )

    @contextmanager
    def web(self, **more: str) -> Iterator[str]:
        """A running web server; its address."""
        port = free_port()
        environment = self.environment | more | {"RHESIS_BIND": f"127.0.0.1:{port}"}
        process = subprocess.Popen(GUNICORN, env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True)

        try:
            while not _listens(port):
                assert process.poll() is None, process.communicate()[1]
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.communicate(timeout=30)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


@pytest.fixture
def bare(tmp_path: Path, servers: EmbeddedServers) -> Iterator[Database]:
    """A cluster of its own, for roles belong to the whole cluster, with nothing in it but an empty database."""
    place = make_place(tmp_path)
    server = Bare(place, fast=True)
    server.start()
    database = Database(place=str(place.sockets), redis_url=servers.addresses.redis_url)
    database.as_superuser("CREATE DATABASE shop", database="postgres")
    yield database
    server.stop()


def by_superuser(bare: Database) -> Database:
    """The official container image's."""
    return bare


def by_owner(bare: Database) -> Database:
    """As hosting services give it: no superuser, and roles may be created."""
    bare.as_superuser("CREATE ROLE keeper LOGIN CREATEROLE", "ALTER DATABASE shop OWNER TO keeper")
    return Database(place=bare.place, redis_url=bare.redis_url, login="keeper")


def by_owner_who_makes_no_roles(bare: Database) -> Database:
    """An administrator did beforehand what the message of a refused migration says."""
    bare.as_superuser("CREATE ROLE keeper LOGIN", "ALTER DATABASE shop OWNER TO keeper")
    database = Database(place=bare.place, redis_url=bare.redis_url, login="keeper")
    refused = database.run(*CLI, "migrate")
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    (line,) = [line for line in refused.stderr.splitlines() if "CREATE ROLE" in line]
    advice = "CREATE ROLE rhesis_app NOLOGIN; GRANT rhesis_app TO keeper;"
    assert advice in line
    assert advice in database.run(*CLI, "doctor").stdout
    bare.as_superuser(line[line.index("CREATE ROLE") :])
    return database


def by_weak_login(bare: Database) -> Database:
    """The application logs in as nobody but rhesis_app; an owner migrates."""
    bare.as_superuser(
        "CREATE ROLE keeper LOGIN", "CREATE ROLE rhesis_app LOGIN", "GRANT rhesis_app TO keeper WITH INHERIT FALSE, SET TRUE",
        "ALTER DATABASE shop OWNER TO keeper",
    )  # fmt: skip
    return Database(place=bare.place, redis_url=bare.redis_url, login="rhesis_app", owner="keeper")


def by_member(bare: Database) -> Database:
    """The application's login is another name that may become rhesis_app."""
    database = by_weak_login(bare)
    bare.as_superuser("CREATE ROLE clerk LOGIN NOINHERIT", "GRANT rhesis_app TO clerk")
    return Database(place=bare.place, redis_url=bare.redis_url, login="clerk", owner=database.owner)


MAKERS = [by_superuser, by_owner, by_owner_who_makes_no_roles, by_weak_login, by_member]


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_one_url_is_enough_and_policies_bind_it(bare: Database, make: Callable[[Database], Database]) -> None:
    database = make(bare)
    migrated = database.run(*CLI, "migrate")
    assert migrated.returncode == 0, migrated.stderr
    checked = database.run(*CLI, "doctor")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    with database.web(RHESIS_OPEN_REGISTRATION="1") as url:
        ada, bea = (_enter(url, name) for name in ("ada", "bea"))
        project = ada.make("/projects", name="Secret of Ada")
        assert [one["name"] for one in ada.get("/projects")] == ["Secret of Ada"]
        assert bea.get("/projects") == []
        assert bea.ask(f"/projects/{project['id']}")[0] == 404
    _policies_bind(database)


def _enter(url: str, name: str) -> HttpApi:
    """Register, and sign in."""
    api = HttpApi(url)
    account = {"email": f"{name}@example.org", "password": PASSWORD}
    api.make("/auth/register", **account, name=name, organization_name=name)
    api.sign_in(**account)
    return api


def _policies_bind(database: Database) -> None:
    """Without any filter of ours: nothing for nobody, and one's own for each."""
    organizations = [str(row[0]) for row in database.as_superuser("SELECT id FROM organization ORDER BY name")]
    engine = create_engine(with_driver(database.url(database.login)))
    take_app_role(engine)
    try:
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM project")) == 0
            for organization, count in zip(organizations, (1, 0), strict=True):
                connection.execute(text("SELECT set_config('app.organization_id', :it, true)"), {"it": organization})
                assert connection.scalar(text("SELECT count(*) FROM project")) == count
    finally:
        engine.dispose()


@pytest.fixture
def good(bare: Database) -> Database:
    """Migrated by its plain owner."""
    database = by_owner(bare)
    migrated = database.run(*CLI, "migrate")
    assert migrated.returncode == 0, migrated.stderr
    return database


# what is done to a good database, how it is undone, and what the refusal says
SPOILED = {
    "bypasses": ("ALTER ROLE rhesis_app BYPASSRLS", "ALTER ROLE rhesis_app NOBYPASSRLS", "ALTER ROLE rhesis_app NOSUPERUSER NOBYPASSRLS;"),
    "superuser": ("ALTER ROLE rhesis_app SUPERUSER", "ALTER ROLE rhesis_app NOSUPERUSER", "ALTER ROLE rhesis_app NOSUPERUSER NOBYPASSRLS;"),
    "owns": ("ALTER TABLE project OWNER TO rhesis_app", "ALTER TABLE project OWNER TO keeper", "RHESIS_DATABASE_OWNER_URL"),
    "inherits": ("REVOKE rhesis_app FROM keeper CASCADE; GRANT keeper TO rhesis_app", "REVOKE keeper FROM rhesis_app", "REVOKE keeper FROM"),
    "open": ("ALTER TABLE project NO FORCE ROW LEVEL SECURITY", "ALTER TABLE project FORCE ROW LEVEL SECURITY", "on: project."),
    "older": ("UPDATE alembic_version SET version_num = '0001'", "", "is older than this version. Run `rhesis-app migrate`."),
    "empty": ("DELETE FROM alembic_version", "", "was never migrated. Run `rhesis-app migrate`."),
}  # fmt: skip


def refused(engine: Engine) -> str:
    """What is said about a database, with every connection made anew."""
    engine.dispose()
    with pytest.raises(StartRefused) as caught:
        check_start(engine, KEYS, patience_s=0)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_nobody_works_on_a_database_whose_policies_do_not_bind(good: Database) -> None:
    engine = create_engine(with_driver(good.url("postgres")))
    take_app_role(engine)
    check_start(engine, KEYS, patience_s=0)
    for name, (spoil, undo, says) in SPOILED.items():
        good.as_superuser(spoil)
        assert says in refused(engine), name
        if undo:
            good.as_superuser(undo)
    good.as_superuser("INSERT INTO alembic_version VALUES ('9999')")
    check_start(engine, KEYS, patience_s=0)  # a newer version's process has migrated while this one still serves
    engine.dispose()


def test_a_database_that_does_not_answer_or_was_never_migrated_is_told_apart(bare: Database, tmp_path: Path) -> None:
    engine = create_engine(with_driver(bare.url("postgres")))
    take_app_role(engine)
    assert "was never migrated" in refused(engine)
    bare.as_superuser("CREATE ROLE rhesis_app", "CREATE ROLE clerk LOGIN")
    assert "was never migrated" in refused(engine)
    engine.dispose()
    for login, place, says in (
        ("clerk", bare.place, "GRANT rhesis_app TO"),
        ("postgres", str(tmp_path), "Check DATABASE_URL"),
    ):
        other = create_engine(with_driver(Database(place=place, redis_url="").url(login)))
        take_app_role(other)
        assert says in refused(other)
        other.dispose()


def lines(outcome: "subprocess.CompletedProcess[str]") -> list[str]:
    return [line for line in outcome.stderr.splitlines() if line]


def test_web_worker_and_commands_say_it_in_one_line_and_end(bare: Database) -> None:
    """On an empty database; what is there to mend it, or needs none, works."""
    bind = f"127.0.0.1:{free_port()}"
    for command in (GUNICORN, (*CLI, "worker"), (*CLI, "create-owner", "ada@example.org")):
        outcome = bare.run(*command, RHESIS_BIND=bind)
        assert outcome.returncode == 1
        (line,) = lines(outcome)
        assert "was never migrated" in line
    assert json.loads(bare.run(*CLI, "openapi").stdout)["openapi"]
    checked = bare.run(*CLI, "doctor")
    assert (checked.returncode, "was never migrated" in checked.stdout, checked.stderr) == (1, True, "")
    mended = bare.run(*FLASK, "db", "upgrade")
    assert mended.returncode == 0, mended.stderr
    assert bare.run(*CLI, "doctor").returncode == 0


def test_the_applications_own_role_must_not_migrate(bare: Database) -> None:
    """It would own the tables, and no policy would bind it."""
    bare.as_superuser("CREATE ROLE rhesis_app LOGIN", "ALTER DATABASE shop OWNER TO rhesis_app")
    database = Database(place=bare.place, redis_url=bare.redis_url, login="rhesis_app")
    outcome = database.run(*CLI, "migrate")
    assert outcome.returncode == 1
    (line,) = lines(outcome)
    assert "RHESIS_DATABASE_OWNER_URL" in line
    assert database.as_superuser("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
