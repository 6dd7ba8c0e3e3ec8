"""A backup on real servers: all of it comes back, or nothing is changed."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from rhesis_app.infra.backup.archive import DUMP, digest_of, open_archive, write_archive
from rhesis_app.infra.backup.failures import BackupError
from rhesis_app.infra.backup.restore import restore_backup
from rhesis_app.infra.backup.source import Installation, resting
from rhesis_app.infra.backup.take import keep_backup, take_backup
from rhesis_app.infra.config import Settings
from rhesis_app.infra.embedded.failures import DirectoryInUseError
from rhesis_app.infra.embedded.keys import load_or_make_secrets
from rhesis_app.infra.embedded.postgres import DATABASE, SUPERUSER
from rhesis_app.infra.embedded.servers import EmbeddedServers
from rhesis_app.infra.orm import Base
from tests.jobs.runs.world import World, make_world
from tests.people import Person
from tests.scripted_endpoint import ScriptedEndpoint, json_reply

ITEMS = 120

# everything that makes a database this version's, as text; the owner's policies name the owner and are told apart
SHAPE = """
SELECT 'column', table_name || '.' || column_name, data_type || is_nullable || coalesce(column_default, '') FROM information_schema.columns
 WHERE table_schema = 'public'
UNION ALL SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid) FROM pg_constraint
 WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'policy', tablename || '.' || policyname, concat(permissive, roles, cmd, qual, with_check) FROM pg_policies
UNION ALL SELECT 'table', relname, concat(relkind, relrowsecurity, relforcerowsecurity, reloptions, pg_get_userbyid(relowner), relacl) FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')
UNION ALL SELECT 'grant', attrelid::regclass || '.' || attname, attacl::text FROM pg_attribute
 WHERE attacl IS NOT NULL AND attrelid::regclass::text !~ '^pg_'
UNION ALL SELECT 'function', oid::regprocedure::text, concat(pg_get_functiondef(oid), pg_get_userbyid(proowner), proacl) FROM pg_proc
 WHERE pronamespace = 'public'::regnamespace
ORDER BY 1, 2, 3
"""


class Behind:
    """A database as its superuser sees it, past every policy."""

    def __init__(self, servers: EmbeddedServers, database: str = DATABASE) -> None:
        url = servers.postgres.url(SUPERUSER, database)
        self.engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")

    def ask(self, statement: str) -> list[Any]:
        with self.engine.connect() as connection:
            answer = connection.execute(text(statement))
            return list(answer.all()) if answer.returns_rows else []

    def one(self, statement: str) -> Any:
        return self.ask(statement)[0][0]

    def rows(self) -> dict[str, list[str]]:
        """Every row of every table, as text."""
        return {
            table: sorted(row[0] for row in self.ask(f"SELECT t::text FROM {table} t"))
            for table in (*Base.metadata.tables, "alembic_version")
        }


def installation(servers: EmbeddedServers, **environment: str) -> Installation:
    return Installation.at(
        servers.addresses.database_owner_url, {"RHESIS_DATA": str(servers.place.root), **environment}
    )


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[EmbeddedServers]:
    """Another machine: servers of its own, with nothing in them."""
    with EmbeddedServers(tmp_path / "elsewhere", fast=True) as started:
        yield started


@pytest.fixture
def world(alice: Person, charlie: Person) -> Iterator[World]:
    """Two organizations with rows, and an unhurried endpoint that answers `yes` where a prompt ends in 7."""

    def script(call: Any) -> object:
        return json_reply({"reply": "yes" if call.json["message"].endswith("7") else "no"}, delay_s=0.15)

    with ScriptedEndpoint(script, keep_calls=False) as server:  # type: ignore[arg-type]
        make_world(charlie, server.url, [("Another's question", "no")])
        yield make_world(alice, server.url, [(f"Question {number:03d}", "yes") for number in range(ITEMS)])


@pytest.fixture
def taken(servers: EmbeddedServers, world: World, tmp_path: Path) -> Path:
    """A backup of the tests' own database, which is in use meanwhile."""
    target = tmp_path / "kept.tar"
    take_backup(installation(servers), target)
    return target


@contextmanager
def worker(settings: Settings) -> Iterator["subprocess.Popen[bytes]"]:
    """`rhesis-app worker`, killed at the end."""
    environment = {
        **os.environ,
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": settings.secret_keys[0],
        "RHESIS_ENCRYPTION_KEYS": settings.encryption_keys[0],
        "RHESIS_ALLOW_LOCAL_TARGETS": "1",
    }
    command = [sys.executable, "-m", "rhesis_app.cli", "worker", "--queue", "runs"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until(holds: Callable[[], bool], timeout_s: float = 60.0) -> None:
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.03)


def test_every_row_policy_grant_and_function_comes_back(
    servers: EmbeddedServers, taken: Path, elsewhere: EmbeddedServers
) -> None:
    said: list[str] = []
    restore_backup(installation(elsewhere), taken, replace=False, say=said.append)
    before, after = Behind(servers), Behind(elsewhere)
    assert after.rows() == before.rows()
    assert len(before.rows()["test"]) == ITEMS + 1
    assert after.ask(SHAPE) == before.ask(SHAPE)
    with open_archive(taken) as archive:
        assert archive.manifest.rows == {table: len(rows) for table, rows in before.rows().items()}
    assert f"{sum(map(len, before.rows().values())):,} rows" in said[0]


def test_a_login_from_which_rows_are_hidden_takes_no_backup(
    servers: EmbeddedServers, world: World, tmp_path: Path
) -> None:
    weak = replace(installation(servers), url=servers.addresses.database_url)
    with pytest.raises(
        BackupError, match=r"does not see every row of analysis, .* and \d+ more tables.*RHESIS_DATABASE_OWNER_URL"
    ):
        take_backup(weak, tmp_path / "kept.tar")
    assert list(tmp_path.glob("*kept*")) == []


@pytest.mark.parametrize(
    ("hide", "show"),
    [
        ("ALTER POLICY owner ON project USING (name <> 'x')", "ALTER POLICY owner ON project USING (true)"),
        ("CREATE POLICY less ON project AS RESTRICTIVE USING (false)", "DROP POLICY less ON project"),
    ],
)
def test_an_owner_whose_policy_hides_rows_takes_no_backup(
    servers: EmbeddedServers, world: World, tmp_path: Path, hide: str, show: str
) -> None:
    behind = Behind(servers)
    behind.ask(hide)
    try:
        with pytest.raises(BackupError, match="does not see every row of project;"):
            take_backup(installation(servers), tmp_path / "kept.tar")
    finally:
        behind.ask(show)
    take_backup(installation(servers), tmp_path / "kept.tar")


def test_a_database_of_somebody_is_not_replaced_unasked_and_kept_when_it_is(
    taken: Path, servers: EmbeddedServers, elsewhere: EmbeddedServers
) -> None:
    place, other, said = installation(elsewhere), Behind(elsewhere), list[str]()
    restore_backup(place, taken, replace=False, say=said.append)
    other.ask("UPDATE project SET name = 'Changed since'")
    other.ask("CREATE TABLE of_a_later_version AS SELECT 1 AS n")
    with pytest.raises(BackupError, match=r"is not empty.*--replace"):
        restore_backup(place, taken, replace=False, say=said.append)
    assert other.one("SELECT DISTINCT name FROM project") == "Changed since"

    other.ask("ALTER TABLE of_a_later_version OWNER TO rhesis_owner")
    restore_backup(place, taken, replace=True, say=said.append)
    assert other.rows() == Behind(servers).rows()
    assert other.one("SELECT to_regclass('of_a_later_version')") is None
    kept = list((elsewhere.place.root / "backups").glob("before-restore-*.tar"))
    assert [f"What is replaced is kept in {kept[0]}."] == [line for line in said if "kept" in line]
    restore_backup(place, kept[0], replace=True, say=said.append)
    assert other.one("SELECT DISTINCT name FROM project") == "Changed since"


def test_a_dump_with_rows_missing_changes_nothing(taken: Path, elsewhere: EmbeddedServers, tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    with open_archive(taken) as archive:
        parts, manifest = archive.unpack(tmp_path / "parts"), archive.manifest
    short = tmp_path / "short.tar"
    write_archive(short, replace(manifest, rows={**manifest.rows, "test": manifest.rows["test"] + 1}), parts)
    with pytest.raises(BackupError, match=r"is as it was: .*rows are missing in test"):
        restore_backup(installation(elsewhere), short, replace=False, say=print)
    assert Behind(elsewhere).one("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == 0


def test_a_dump_that_cannot_be_read_to_its_end_changes_nothing(
    taken: Path, elsewhere: EmbeddedServers, tmp_path: Path
) -> None:
    (tmp_path / "parts").mkdir()
    with open_archive(taken) as archive:
        parts, manifest = archive.unpack(tmp_path / "parts"), archive.manifest
    content = parts[DUMP].read_bytes()
    parts[DUMP].write_bytes(content[: len(content) - 3000])
    torn = tmp_path / "torn.tar"
    digests = {**manifest.parts, DUMP: digest_of(parts[DUMP])}
    write_archive(torn, replace(manifest, parts=digests), parts)
    with pytest.raises(BackupError, match="could not be restored and is as it was"):
        restore_backup(installation(elsewhere), torn, replace=False, say=print)
    assert Behind(elsewhere).one("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == 0


def test_an_owner_of_another_name_sees_everything_and_the_application_only_its_own(
    taken: Path, servers: EmbeddedServers, elsewhere: EmbeddedServers
) -> None:
    maintenance = Behind(elsewhere, "postgres")
    maintenance.ask("CREATE ROLE hosting LOGIN NOSUPERUSER NOBYPASSRLS IN ROLE rhesis_app")
    maintenance.ask("CREATE DATABASE hosted OWNER hosting")
    url = elsewhere.postgres.url("hosting", "hosted")
    restore_backup(replace(installation(elsewhere), url=url), taken, replace=False, say=print)
    assert Behind(elsewhere, "hosted").rows() == Behind(servers).rows()
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM test")) == ITEMS + 1
        connection.execute(text("SET ROLE rhesis_app"))
        assert connection.scalar(text("SELECT count(*) FROM test")) == 0


def test_an_owner_who_may_not_make_the_role_is_told_what_an_administrator_does(
    taken: Path, elsewhere: EmbeddedServers
) -> None:
    maintenance = Behind(elsewhere, "postgres")
    maintenance.ask("CREATE ROLE stranger LOGIN NOSUPERUSER NOCREATEROLE")
    maintenance.ask("CREATE DATABASE hosted OWNER stranger")
    url = elsewhere.postgres.url("stranger", "hosted")
    with pytest.raises(BackupError, match=r"is as it was: .*HINT: .*GRANT rhesis_app TO stranger"):
        restore_backup(replace(installation(elsewhere), url=url), taken, replace=False, say=print)


def test_nobody_restores_below_a_running_instance(taken: Path, servers: EmbeddedServers, tmp_path: Path) -> None:
    with (
        pytest.raises(DirectoryInUseError, match=f"in use by process {os.getpid()}"),
        resting({"RHESIS_DATA": str(servers.place.root)}),
    ):
        pass
    # the tests' own application is connected, as web and workers would be from another machine
    with (
        create_engine(servers.addresses.database_url, connect_args={"application_name": "rhesis-app"}).connect(),
        pytest.raises(BackupError, match="Web or workers are connected"),
    ):
        restore_backup(installation(servers), taken, replace=True, say=print)


def test_keys_come_along_unless_they_are_left_out(servers: EmbeddedServers, world: World, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    made = {place: load_or_make_secrets(place) for place in (first, second)}
    source = replace(installation(servers), place=first)
    take_backup(source, tmp_path / "with.tar")
    take_backup(source, tmp_path / "without.tar", keys=False)
    for archive, holds in (("with.tar", True), ("without.tar", False)):
        with open_archive(tmp_path / archive) as opened:
            assert opened.manifest.holds_keys is holds
    with EmbeddedServers(tmp_path / "there", fast=True) as there:
        said: list[str] = []
        target = replace(installation(there), place=second)
        restore_backup(target, tmp_path / "without.tar", replace=False, say=said.append)
        assert load_or_make_secrets(second) == made[second]
        assert any("holds no keys" in line for line in said)
        restore_backup(target, tmp_path / "with.tar", replace=True, say=said.append)
    assert load_or_make_secrets(second) == made[first]
    assert (second / "secrets.json").stat().st_mode & 0o777 == 0o600
    aside = list(second.glob("secrets.json.before-*"))
    assert len(aside) == 1
    assert made[second].secret_key in aside[0].read_text()


def command(data: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """`rhesis-app` on a data directory, as on a machine without settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RHESIS_", "DATABASE_"))}
    asked = [sys.executable, "-m", "rhesis_app.cli", *words, "--data", str(data)]
    return subprocess.run(asked, env=kept, cwd=data.parent, capture_output=True, text=True, check=False)


def test_the_commands_work_beside_a_running_instance_and_on_one_that_rests(
    servers: EmbeddedServers, world: World, tmp_path: Path
) -> None:
    running, rested, new = tmp_path / "running.tar", tmp_path / "rested.tar", tmp_path / "new"
    taken = command(servers.place.root, "backup", str(running))
    assert taken.returncode == 0, taken.stderr
    restored = command(new, "restore", str(running))
    assert restored.returncode == 0, restored.stderr
    assert (new / "postgres").is_dir()
    assert command(new, "backup", str(rested)).returncode == 0
    manifests = []
    for backup in (running, rested):
        with open_archive(backup) as archive:
            manifests.append(archive.manifest)
    assert manifests[0].rows == manifests[1].rows

    assert f"in use by process {os.getpid()}" in command(servers.place.root, "restore", str(running)).stderr
    assert "is not empty" in command(new, "restore", str(running)).stderr
    assert "exists already" in command(new, "backup", str(running)).stderr
    nothing = command(tmp_path / "typo", "restore", str(Path(__file__)))
    assert "cut off, or no backup at all" in nothing.stderr
    assert not (tmp_path / "typo").exists()


def test_a_command_that_is_told_to_stop_leaves_nothing_behind(
    servers: EmbeddedServers, world: World, tmp_path: Path
) -> None:
    slow = tmp_path / "bin"
    slow.mkdir()
    for name in ("pg_dump", "pg_restore", "psql"):
        (slow / name).write_text(
            '#!/bin/sh\n[ "$1" = -V ] && echo "pg_dump (PostgreSQL) 99.0" && exit\nexec sleep 60\n'
        )
        (slow / name).chmod(0o755)
    environment = {
        **os.environ,
        "DATABASE_URL": servers.addresses.database_owner_url,
        "RHESIS_PG_BINDIR": str(slow),
        "RHESIS_DATA": str(tmp_path / "data"),
    }
    asked = [sys.executable, "-m", "rhesis_app.cli", "backup", str(tmp_path / "kept.tar")]
    process = subprocess.Popen(asked, env=environment)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    until(lambda: any(Path(f"/proc/{pid}/comm").read_text() == "sleep\n" for pid in children.read_text().split()))
    dumping = children.read_text().split()
    process.terminate()
    assert process.wait(20) == 143
    assert not any(Path(f"/proc/{pid}").exists() for pid in dumping)
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


def test_the_last_few_automatic_backups_stay(servers: EmbeddedServers, world: World, tmp_path: Path) -> None:
    place = replace(installation(servers), place=tmp_path)
    (tmp_path / "backups").mkdir()
    mine = tmp_path / "backups" / "my-own.tar"
    mine.touch()
    kept = [keep_backup(place, "before-migration") for _ in range(4)]
    assert sorted((tmp_path / "backups").iterdir()) == [*kept[1:], mine]


def test_a_backup_during_a_run_restores_to_a_run_that_ends_with_every_result_once(
    world: World, settings: Settings, servers: EmbeddedServers, elsewhere: EmbeddedServers, tmp_path: Path
) -> None:
    run_id = world.start()
    target = tmp_path / "during.tar"
    with worker(settings):
        until(lambda: int(world.ask("SELECT count(*) FROM test_result")[0][0]) >= ITEMS * 0.25)
        take_backup(installation(servers), target)
        until(lambda: world.ask("SELECT finished_at FROM test_run")[0].finished_at is not None)
    restore_backup(installation(elsewhere), target, replace=False, say=print)

    there = Behind(elsewhere)
    known = {row.id for row in there.ask("SELECT id FROM test_result")}
    assert ITEMS * 0.25 <= len(known) < ITEMS
    assert there.one(f"SELECT finished_at FROM test_run WHERE id = '{run_id}'") is None
    assert there.one("SELECT count(*) FROM work_item WHERE lease_owner IS NOT NULL") > 0
    found = elsewhere.addresses
    moved = replace(settings, database_url=found.database_url, redis_url=found.redis_url)
    with worker(moved):
        until(lambda: there.one(f"SELECT finished_at FROM test_run WHERE id = '{run_id}'") is not None, 100.0)
    _every_result_once(there, known)


def _every_result_once(there: Behind, known: set[Any]) -> None:
    assert there.one("SELECT status FROM test_run") == "completed"
    assert there.one("SELECT count(*) FROM test_result") == ITEMS
    assert there.one("SELECT count(DISTINCT test_id) FROM test_result") == ITEMS
    assert there.one("SELECT count(*) FROM evaluation") == ITEMS
    assert there.one("SELECT count(*) FROM work_item") == 0
    assert known <= {row.id for row in there.ask("SELECT id FROM test_result")}
    wrong = "SELECT count(*) FROM test_result r JOIN test t ON t.id = r.test_id WHERE (r.outcome = 'passed') <> (t.prompt LIKE '%7')"
    assert there.one(wrong) == 0
