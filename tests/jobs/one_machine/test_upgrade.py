"""The data of the first version, brought to this one: with a backup before, and from that backup again."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from alembic import command
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from rhesis_app.infra.backup.restore import restore_backup
from rhesis_app.infra.backup.source import Installation
from rhesis_app.infra.crypto import SecretBox
from rhesis_app.infra.db import take_app_role
from rhesis_app.infra.embedded.keys import load_or_make_secrets
from rhesis_app.infra.embedded.servers import EmbeddedServers
from rhesis_app.infra.migrate import alembic_config
from rhesis_app.infra.start_check import check_start
from tests.nginx import free_port
from tests.watch import TEST_KEY


def an_id(number: int) -> str:
    return str(UUID(int=number))


HERE, OTHER, ADA, PROJECT, ENDPOINT, METRIC, RULE, TEST, WORDS, SET, CONTENTS, RUN, RESULT, JUDGED = map(
    an_id, range(1, 15)
)
IN_PROJECT = {"organization_id": HERE, "project_id": PROJECT}
SCORED = {"organization_id": HERE, "evaluator_key": "text.contains", "params": "{}", "rule": '{"at_least": 1}'}
ROWS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("organization", {"id": HERE, "name": "Analytical", "slug": "analytical"}),
    ("organization", {"id": OTHER, "name": "Another", "slug": "another"}),
    ("app_user", {"id": ADA, "email": "ada@example.org", "name": "Ada"}),
    ("project", {"id": PROJECT, "organization_id": HERE, "name": "Copilot", "slug": "copilot"}),
    ("project", {"id": an_id(99), "organization_id": OTHER, "name": "Not yours", "slug": "not-yours"}),
    ("endpoint", IN_PROJECT | {"id": ENDPOINT, "name": "bot", "url": "http://127.0.0.1:1/", "request_template": "{}", "response_mapping": "{}"}),
    ("endpoint_throttle", {"endpoint_id": ENDPOINT, "organization_id": HERE}),
    ("metric", SCORED | {"id": METRIC, "project_id": PROJECT, "name": "Contains"}),
    (
        "metric_version",
        SCORED | {"id": RULE, "metric_id": METRIC, "name": "Contains", "required": True, "evaluator_revision": 1, "content_hash": "m"},
    ),
    ("test", IN_PROJECT | {"id": TEST, "prompt": "Grüße — “quoted”\n\\N\ttab", "content_hash": "t"}),
    (
        "test_version",
        {"id": WORDS, "organization_id": HERE, "test_id": TEST, "content_hash": "t", "metadata": "{}", "context": [], "messages": "[]",
         "prompt": "Grüße", "kind": "prompt"},
    ),
    ("test_set", IN_PROJECT | {"id": SET, "name": "Set"}),
    ("test_set_version", {"id": CONTENTS, "organization_id": HERE, "test_set_id": SET, "number": 1, "test_count": 1, "content_hash": "s"}),
    (
        "test_run",
        IN_PROJECT | {"id": RUN, "number": 1, "planned": 1, "test_set_id": SET, "test_set_version_id": CONTENTS, "endpoint_id": ENDPOINT,
                      "endpoint_snapshot": "{}", "deadline_at": "2030-01-01"},
    ),
    (
        "test_result",
        {"id": RESULT, "organization_id": HERE, "run_id": RUN, "position": 0, "trial": 0, "test_id": TEST, "test_version_id": WORDS,
         "outcome": "passed", "attempts": 1},
    ),
    (
        "evaluation",
        {"id": JUDGED, "organization_id": HERE, "run_id": RUN, "result_id": RESULT, "metric_version_id": RULE, "position": 0,
         "applicable": True, "verdict": "passed"},
    ),
)  # fmt: skip


def ask(url: str, statement: str, /, **values: Any) -> list[Any]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        answer = connection.execute(text(statement), values)
        return list(answer.all()) if answer.returns_rows else []


def make_first_version(url: str) -> None:
    """The tables of the first migration, and a finished run in them."""
    command.upgrade(alembic_config(url), "0001")
    for table, row in ROWS:
        names = ", ".join(row)
        ask(url, f"INSERT INTO {table} ({names}) VALUES ({', '.join(':' + name for name in row)})", **row)


def revision(url: str) -> str:
    return str(ask(url, "SELECT version_num FROM alembic_version")[0][0])


def assert_upgraded(servers: EmbeddedServers, key: str = TEST_KEY) -> None:
    """Every row is there, in tables that are fit to be worked on, and a stranger sees none of them."""
    owner = servers.addresses.database_owner_url
    for table, row in ROWS:
        keys = {name: value for name, value in row.items() if name in {"id", "endpoint_id"}}
        name, value = next(iter(keys.items()))
        assert len(ask(owner, f"SELECT 1 FROM {table} WHERE {name} = :value", value=value)) == 1, table
    assert ask(owner, "SELECT prompt FROM test")[0][0] == "Grüße — “quoted”\n\\N\ttab"
    application = create_engine(servers.addresses.database_url, poolclass=NullPool)
    take_app_role(application)
    check_start(application, SecretBox([key]), patience_s=0)
    for organization, seen in ((HERE, ["Copilot"]), (OTHER, ["Not yours"]), (an_id(500), [])):
        with application.begin() as connection:
            connection.execute(text("SELECT set_config('app.organization_id', :it, true)"), {"it": organization})
            assert list(connection.scalars(text("SELECT name FROM project"))) == seen


@pytest.fixture
def old(tmp_path: Path) -> Iterator[EmbeddedServers]:
    with EmbeddedServers(tmp_path / "old", fast=True) as started:
        make_first_version(started.addresses.database_owner_url)
        yield started


def migrate(servers: EmbeddedServers, *options: str) -> "subprocess.CompletedProcess[str]":
    found = servers.addresses
    environment = {
        **os.environ,
        "DATABASE_URL": found.database_url,
        "RHESIS_DATABASE_OWNER_URL": found.database_owner_url,
        "RHESIS_DATA": str(servers.place.root),
    }
    asked = [sys.executable, "-m", "rhesis_app.cli", "migrate", *options]
    return subprocess.run(asked, env=environment, capture_output=True, text=True, check=False)


def test_old_data_is_backed_up_upgraded_and_upgraded_again_from_its_backup(
    old: EmbeddedServers, tmp_path: Path
) -> None:
    done = migrate(old, "--backup")
    assert done.returncode == 0, done.stderr
    assert_upgraded(old)
    kept = list((old.place.root / "backups").glob("before-migration-*.tar"))
    assert f"The backup is {kept[0]}." in done.stdout
    assert len(kept) == 1
    # nothing to do, nothing to keep
    assert migrate(old, "--backup").stdout == ""
    assert len(list((old.place.root / "backups").iterdir())) == 1

    said: list[str] = []
    with EmbeddedServers(tmp_path / "new", fast=True) as new:
        url = new.addresses.database_owner_url
        restore_backup(
            Installation.at(url, {"RHESIS_DATA": str(new.place.root)}), kept[0], replace=False, say=said.append
        )
        assert any("revision 0001" in line for line in said)
        assert revision(url) == revision(old.addresses.database_owner_url)
        assert_upgraded(new)


def test_a_new_database_needs_no_backup(tmp_path: Path) -> None:
    with EmbeddedServers(tmp_path / "new", fast=True) as new:
        done = migrate(new, "--backup")
        assert (done.returncode, done.stdout) == (0, "")
        assert not (new.place.root / "backups").exists()


def test_without_a_backup_nothing_is_migrated_until_somebody_says_so(old: EmbeddedServers) -> None:
    (old.place.root / "backups").write_text("in the way")
    failed = migrate(old, "--backup")
    assert failed.returncode == 1
    assert "No backup could be taken." in failed.stderr
    assert "rhesis-app up --no-backup" in failed.stderr
    assert revision(old.addresses.database_owner_url) == "0001"
    assert migrate(old).returncode == 0
    assert_upgraded(old)


def up(data: Path, *options: str) -> "subprocess.Popen[str]":
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("RHESIS_", "DATABASE_", "REDIS_"))
    }
    asked = [sys.executable, "-m", "rhesis_app.cli", "up", "--data", str(data), "--port", str(free_port()), *options]
    return subprocess.Popen(
        asked, env=kept, cwd=data.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def lines_until(process: "subprocess.Popen[str]", start: str) -> list[str]:
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith(start):
            return lines
    raise AssertionError("\n".join(lines))


def test_up_stops_where_it_cannot_back_up_and_goes_on_when_told(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with EmbeddedServers(data) as first:
        make_first_version(first.addresses.database_owner_url)
    (data / "backups").write_text("in the way")
    with up(data) as refused:
        lines = lines_until(refused, "The database could not be brought to this version")
        assert refused.wait(30) == 1
    assert any("No backup could be taken." in line and "--no-backup" in line for line in lines)

    with up(data, "--no-backup") as running:
        try:
            lines_until(running, "ready")
        finally:
            running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
    with EmbeddedServers(data) as again:
        assert_upgraded(again, load_or_make_secrets(data).encryption_key)
