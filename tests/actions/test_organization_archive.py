"""An organization's data goes out as one archive and comes into an empty instance as it was: the same rows, and no secret."""

import hashlib
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from rhesis_app import cli
from rhesis_app.infra.orm import Base
from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.errors import Conflict, Invalid
from rhesis_app.kernel.ids import new_id
from rhesis_app.retention.actions.bring_in import import_organization
from rhesis_app.retention.actions.export import write_archive
from rhesis_app.retention.queries.rows import row_sources
from rhesis_app.retention.rules.archive import (
    COLUMNS_LEFT_OUT,
    LEFT_OUT,
    MANIFEST,
    ORGANIZATION_COLUMNS,
    ORGANIZATION_LEFT_OUT,
    PEOPLE_COLUMNS,
    PEOPLE_LEFT_OUT,
    TABLES,
)
from rhesis_app.tenancy.actions.audit import seal_audit
from rhesis_app.tenancy.queries.audit_seals import check_audit
from tests.auth.rows import everything_of
from tests.people import Person, add_member, signed_in

TENANT = {name for name, table in Base.metadata.tables.items() if "organization_id" in table.c}
# columns whose name sounds like a secret and holds none
HARMLESS = {"evaluator_key", "sealed_at", "tokens_in", "tokens_out"}
# rows that no test of isolation makes: a preference, a role in a project, a recording, and a retry's answer
_MORE = (
    "INSERT INTO preference (id, organization_id, user_id, event) VALUES (:id, :here, :who, 'run_finished')",
    (
        "INSERT INTO recorded_exchange (organization_id, run_id, content_hash, test_id, status, is_json, body, latency_ms)"
        " SELECT :here, r.run_id, 'hash', r.test_id, 200, true, '{\"reply\": \"é\"}', 12.5 FROM test_result r LIMIT 1"
    ),
    (
        "INSERT INTO replacement (organization_id, run_id, test_version_id, trial, result_id, retry_run_id, answer_id, outcome)"
        " SELECT :here, a.run_id, a.test_version_id, a.trial, a.id, b.run_id, b.id, 'passed'"
        " FROM test_result a JOIN test_result b ON b.position > a.position LIMIT 1"
    ),
)


@pytest.fixture
def filled(charlie: Person) -> Person:
    """Charlie, whose organization has one of every kind of row, and two secrets."""
    theirs = everything_of(charlie).ids
    assert seal_audit(charlie.host, waited_s=0)
    metric = {"metric_ids": [str(theirs["metric_id"])]}
    assert charlie.api.patch(f"/requirements/{theirs['requirement_id']}", metric).status_code == 200
    with charlie.scope() as scope, scope.atomic() as session:
        ids = {"who": charlie.actor.user_id, "id": new_id(), "here": scope.organization_id}
        for statement in _MORE:
            session.execute(text(statement), ids)
        session.execute(text("UPDATE endpoint SET secret = 'sealed-canary', secret_origin = 'http://x'"))
        session.execute(text("UPDATE model SET key = 'sealed-canary', key_origin = 'http://x'"))
    return charlie


def exported(host: Runtime, person: Person, path: Path) -> dict[str, bytes]:
    """The archive of a person's organization at `path`: file name → content."""
    with host.open_scope(Actor.system(person.actor.organization_id)) as scope, path.open("wb") as file:
        write_archive(scope, file, tick=lambda _percent: None)
    with zipfile.ZipFile(path) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist()}


def rows_of(files: dict[str, bytes], table: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in files[f"rows/{table}.jsonl"].splitlines()]


def emptied(superuser: Engine) -> None:
    """As a database is that was just migrated."""
    with superuser.connect() as connection:
        connection.execute(text("SET session_replication_role = replica"))
        connection.execute(text("; ".join(f"DELETE FROM {table}" for table in Base.metadata.tables)))


def test_every_table_of_an_organization_travels_or_stays_for_a_reason() -> None:
    assert set(TABLES) | set(LEFT_OUT) == TENANT, "a new table: say whether it travels, and if not why"
    assert not set(TABLES) & set(LEFT_OUT)
    assert all(LEFT_OUT.values())


def test_the_columns_that_travel_hold_no_secret() -> None:
    sounding = re.compile(r"secret|password|token|sha256|(^|_)key|sealed")
    for source in row_sources():
        found = {name for name in source.columns if sounding.search(name)} - HARMLESS
        assert not found, source.name
    for table, columns in COLUMNS_LEFT_OUT.items():
        assert columns <= set(Base.metadata.tables[table].c.keys())


def test_every_column_of_an_organization_and_of_people_travels_or_is_named() -> None:
    """A new one turns this red: say whether it travels."""
    assert set(Base.metadata.tables["organization"].c.keys()) == set(ORGANIZATION_COLUMNS) | ORGANIZATION_LEFT_OUT
    assert set(Base.metadata.tables["app_user"].c.keys()) == set(PEOPLE_COLUMNS) | PEOPLE_LEFT_OUT


def test_parts_come_back_after_what_they_refer_to() -> None:
    names = [source.name for source in row_sources()]
    for place, name in enumerate(names):
        for key in Base.metadata.tables[name].foreign_keys:
            target = key.column.table.name
            assert target == name or target in names[:place], f"{name} before {target}"


def test_export_import_export_is_the_same(host: Runtime, filled: Person, superuser: Engine, tmp_path: Path) -> None:
    before = exported(host, filled, tmp_path / "first.zip")
    assert [name for name in TABLES if not before[f"rows/{name}.jsonl"]] == [], "this proves nothing about these"
    emptied(superuser)
    imported = import_organization(host, tmp_path / "first.zip")
    assert imported.organization_id == filled.actor.organization_id
    assert imported.secrets == 2
    after = exported(host, filled, tmp_path / "second.zip")
    entries = "rows/audit_entry.jsonl"
    assert after[entries].startswith(before[entries])
    (more,) = after[entries].removeprefix(before[entries]).splitlines()
    assert json.loads(more)["action"] == "organization.import"
    different = [name for name in before if name not in {MANIFEST, entries} and before[name] != after[name]]
    assert different == []


def test_the_sealed_audit_log_holds_at_the_other_end(
    host: Runtime, filled: Person, superuser: Engine, tmp_path: Path
) -> None:
    exported(host, filled, tmp_path / "archive.zip")
    with filled.scope() as scope:
        before = check_audit(scope)
    emptied(superuser)
    import_organization(host, tmp_path / "archive.zip")
    assert seal_audit(host, waited_s=0) >= 1, "the import itself"
    with filled.scope() as scope:
        after = check_audit(scope)
    assert before is not None
    assert after is not None
    assert after.broken is None
    assert (after.batches, after.entries - before.entries) == (before.batches + 1, before.waiting + 1)


def test_seals_are_not_written_where_somebody_is(host: Runtime, alice: Person) -> None:
    for function in ("import_audit_seals", "import_audit_entries"):
        with alice.scope() as scope, pytest.raises(ProgrammingError, match="not written here"):
            scope.session.execute(text(f"SELECT {function}('[]')"))


def test_no_secret_leaves(host: Runtime, filled: Person, tmp_path: Path) -> None:
    files = exported(host, filled, tmp_path / "archive.zip")
    whole = b"".join(files.values())
    assert b"sealed-canary" not in whole
    assert b"argon2" not in whole
    with filled.scope() as scope:
        for digest in scope.session.scalars(text("SELECT sha256 FROM api_token UNION SELECT sha256 FROM invitation")):
            assert digest.encode() not in whole
    assert json.loads(files[MANIFEST])["secrets"] == 2


def test_what_goes_on_stays_behind(host: Runtime, filled: Person, tmp_path: Path) -> None:
    with filled.scope() as scope, scope.atomic() as session:
        session.execute(
            text("UPDATE test_run SET finished_at = NULL, status = 'running', outcome = 'none', totals = NULL")
        )
    files = exported(host, filled, tmp_path / "archive.zip")
    for table in ("test_run", "test_result", "evaluation", "review", "run_metric", "analysis", "gate_decision"):
        assert rows_of(files, table) == [], table
    assert rows_of(files, "test_set_version")


def test_schedules_wait_at_the_other_end(host: Runtime, filled: Person, superuser: Engine, tmp_path: Path) -> None:
    (schedule,) = rows_of(exported(host, filled, tmp_path / "archive.zip"), "schedule")
    assert (schedule["is_paused"], schedule["next_at"]) == (True, None)
    emptied(superuser)
    import_organization(host, tmp_path / "archive.zip")
    assert host.ask("SELECT count(*) AS due FROM due_schedules(10)")[0]["due"] == 0


def changed(path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """A copy of an archive, changed."""
    with zipfile.ZipFile(path) as zipped:
        files = {name: zipped.read(name) for name in zipped.namelist()}
    change(files)
    copy = path.with_name("changed.zip")
    with zipfile.ZipFile(copy, "w") as zipped:
        for name, content in files.items():
            zipped.writestr(name, content)
    return copy


def with_manifest(**values: Any) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        files[MANIFEST] = json.dumps(json.loads(files[MANIFEST]) | values).encode()

    return change


def with_rows(table: str, old: bytes, new: bytes) -> Callable[[dict[str, bytes]], None]:
    """A change that the table of contents knows of."""

    def change(files: dict[str, bytes]) -> None:
        name = f"rows/{table}.jsonl"
        assert old in files[name]
        files[name] = files[name].replace(old, new)
        manifest = json.loads(files[MANIFEST])
        (part,) = (one for one in manifest["parts"] if one["name"] == table)
        part["sha256"] = hashlib.sha256(files[name]).hexdigest()
        files[MANIFEST] = json.dumps(manifest).encode()

    return change


def without_check(table: str) -> Callable[[dict[str, bytes]], None]:
    """A change that the table of contents knows nothing of."""

    def change(files: dict[str, bytes]) -> None:
        files[f"rows/{table}.jsonl"] = files[f"rows/{table}.jsonl"].replace(b"charlies-canary", b"charlies-parrot")

    return change


def of_somebody_else(files: dict[str, bytes]) -> None:
    """The requirements as rows of an organization of another id, by a table of contents that says so."""
    own = json.loads(files[MANIFEST])["organization_id"].encode()
    with_rows("requirement", own, str(new_id()).encode())(files)


def unknown_column(files: dict[str, bytes]) -> None:
    manifest = json.loads(files[MANIFEST])
    manifest["parts"][5]["columns"].append('x"); DROP TABLE project; --')
    files[MANIFEST] = json.dumps(manifest).encode()


DAMAGES: dict[str, tuple[Callable[[dict[str, bytes]], None], str]] = {
    "no table of contents": (lambda files: files.pop(MANIFEST) and None, "no archive of an organization"),
    "another format": (with_manifest(format=99), "newer version"),
    "a newer database": (with_manifest(schema="9999"), "newer version"),
    "no organization": (with_manifest(organization_id="x"), "damaged"),
    "a table of contents of another shape": (with_manifest(parts=[{"name": 1}]), "damaged"),
    "a part that is missing": (lambda files: files.pop("rows/test.jsonl") and None, "“test” cannot be read"),
    "a text that was changed": (without_check("project"), "“project” is not what was exported"),
    "another organization's rows": (of_somebody_else, "“requirement” holds rows that do not fit"),
    "an id that is none": (
        with_rows("requirement", b'"organization_id":"', b'"organization_id":"0'),
        "“requirement” holds rows that do not fit",
    ),
    "other people's seals": (
        with_rows("audit_seal", b'"organization_id":"', b'"organization_id":null,"x":"'),
        "“audit_seal” holds rows that do not fit",
    ),
    "a row without its parent": (
        with_rows("test_set_item", b'"test_id":"', b'"test_id":null,"x":"'),
        "“test_set_item” holds rows that do not fit",
    ),
    "rows that are no JSON": (with_rows("gate", b"{", b"["), "“gate” holds rows that do not fit"),
    "a column that is not known": (unknown_column, "columns that are not known"),
}


def test_a_damaged_or_newer_archive_is_refused_whole(
    host: Runtime, filled: Person, superuser: Engine, tmp_path: Path
) -> None:
    exported(host, filled, tmp_path / "archive.zip")
    emptied(superuser)
    for damage, (change, said) in DAMAGES.items():
        with pytest.raises(Invalid) as refused:
            import_organization(host, changed(tmp_path / "archive.zip", change))
        assert said in refused.value.detail, damage
        with superuser.connect() as connection:
            for table in ("organization", "app_user", "project", "audit_entry"):
                assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0, damage
    import_organization(host, tmp_path / "archive.zip")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half a file", b"id,name\n1,x\n"])
def test_a_file_that_is_no_archive_is_refused(host: Runtime, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file.zip").write_bytes(content)
    with pytest.raises(Invalid, match="damaged"):
        import_organization(host, tmp_path / "file.zip")


def test_an_instance_where_somebody_is_takes_no_archive(host: Runtime, filled: Person, tmp_path: Path) -> None:
    exported(host, filled, tmp_path / "archive.zip")
    with pytest.raises(Conflict, match="not empty"):
        import_organization(host, tmp_path / "archive.zip")


def test_the_owner_chooses_a_password_by_the_link_and_lets_the_others_in(
    app: Flask, host: Runtime, filled: Person, superuser: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_member(filled, "dora", "Member")
    exported(host, filled, tmp_path / "archive.zip")
    emptied(superuser)
    monkeypatch.setattr(cli, "_fit_host", lambda **_: host)
    told = CliRunner().invoke(
        cli.main, ["import-organization", str(tmp_path / "archive.zip"), "--url", "https://r.example"]
    )
    assert told.exit_code == 0, told.output
    assert "Organization B is here" in told.output
    assert "2 endpoints and models" in told.output
    (link,) = re.findall(r"https://r\.example(/reset/\S+)", told.output)
    password = "a new start for everybody"
    browser = app.test_client()
    login = {"email": "charlie@example.org", "password": password}
    assert browser.post("/api/v1/auth/login", json=login).status_code == 401
    assert "charlie@example.org" in browser.get(link).text
    assert browser.post(link, data={"password": password}).status_code == 303
    owner = signed_in(app, "charlie@example.org", password)
    assert owner.get("/projects").json[0]["name"] == "charlies-canary"
    (dora,) = (one for one in owner.get("/members").json if one["name"] == "Dora")
    login = {"email": "dora@example.org", "password": password}
    assert browser.post("/api/v1/auth/login", json=login).status_code == 401
    doras = owner.post(f"/members/{dora['user_id']}/reset-link").json["reset_url"]
    assert browser.post(doras[doras.index("/reset/") :], data={"password": password}).status_code == 303
    assert signed_in(app, "dora@example.org", password).get("/projects").status_code == 200
    assert "Schedules are paused" in told.output
    again = CliRunner().invoke(cli.main, ["import-organization", str(tmp_path / "archive.zip")])
    assert again.exit_code == 1
    assert "not empty" in again.output


def test_an_owner_who_is_none_is_said_and_one_of_them_gets_a_link_later(
    host: Runtime, alice: Person, superuser: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported(host, alice, tmp_path / "archive.zip")
    emptied(superuser)
    monkeypatch.setattr(cli, "_fit_host", lambda **_: host)
    file = str(tmp_path / "archive.zip")
    told = CliRunner().invoke(cli.main, ["import-organization", file, "--owner", "bob@example.org"])
    assert told.exit_code == 1
    assert "Organization A is here" in told.output
    assert "reset-link: alice@example.org" in told.output
    assert CliRunner().invoke(cli.main, ["reset-link", "alice@example.org"]).output.startswith("/reset/")
