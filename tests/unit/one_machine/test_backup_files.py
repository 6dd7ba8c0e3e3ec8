"""What a backup says of itself, and which files are refused before anything is changed."""

import io
import json
import re
import tarfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from rhesis_app.infra.backup.archive import DUMP, KEYS, MANIFEST, Manifest, digest_of, open_archive, write_archive
from rhesis_app.infra.backup.clients import find_clients, pour
from rhesis_app.infra.backup.failures import BackupError
from rhesis_app.infra.backup.restore import check_version
from rhesis_app.infra.backup.source import reachable
from rhesis_app.infra.backup.take import summary, uses_key_file
from rhesis_app.infra.embedded.keys import load_or_make_secrets

pytestmark = pytest.mark.unit
NONE_BUT_THE_DUMP = {DUMP: "0" * 64}


def manifest(**changed: Any) -> Manifest:
    return replace(
        Manifest(
            format=1,
            product="0.1.0",
            revision="0001",
            taken_at="2026-11-27T12:00:00+00:00",
            postgres=18,
            rows={"project": 3},
            parts=NONE_BUT_THE_DUMP,
        ),
        **changed,
    )


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """A backup with a dump and keys, as one is written."""
    parts = {DUMP: tmp_path / "dump", KEYS: tmp_path / "keys"}
    for name, path in parts.items():
        path.write_bytes(name.encode() * 1000)
    target = tmp_path / "kept.tar"
    write_archive(target, manifest(parts={name: digest_of(path) for name, path in parts.items()}), parts)
    return target


def unpack(source: Path, folder: Path) -> dict[str, Path]:
    folder.mkdir()
    with open_archive(source) as archive:
        return archive.unpack(folder)


def forge(target: Path, members: dict[str, bytes]) -> Path:
    """A tar with these members and nothing else."""
    with tarfile.open(target, "w") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return target


def told(made: Manifest, **changed: Any) -> bytes:
    return json.dumps({**asdict(made), **changed}).encode()


def test_what_is_written_is_read_back_and_only_its_owner_can(backup: Path, tmp_path: Path) -> None:
    assert backup.stat().st_mode & 0o777 == 0o600
    parts = unpack(backup, tmp_path / "out")
    assert {name: path.read_bytes() for name, path in parts.items()} == {
        name: name.encode() * 1000 for name in (DUMP, KEYS)
    }
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in parts.values())


def test_a_file_that_is_there_is_never_written_over(backup: Path, tmp_path: Path) -> None:
    before = backup.read_bytes()
    with pytest.raises(BackupError, match="exists already"):
        write_archive(backup, manifest(), {DUMP: tmp_path / "dump"})
    assert backup.read_bytes() == before
    assert [path.name for path in tmp_path.glob(".kept*")] == []


def test_one_changed_byte_is_noticed(backup: Path, tmp_path: Path) -> None:
    content = backup.read_bytes()
    place = content.index(DUMP.encode() * 3)
    backup.write_bytes(content[:place] + b"X" + content[place + 1 :])
    with pytest.raises(BackupError, match=r"database\.dump is not what was written\. Nothing was changed"):
        unpack(backup, tmp_path / "out")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5])
def test_a_file_that_is_cut_off_is_refused(backup: Path, tmp_path: Path, share: float) -> None:
    content = backup.read_bytes()
    backup.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BackupError, match="cannot be used"):
        unpack(backup, tmp_path / "out")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(BackupError, match=r"gone\.tar cannot be read: No such file"),
        open_archive(tmp_path / "gone.tar"),
    ):
        pass


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        told(manifest(), rows=[]),
        told(manifest(), rows={"project; DROP TABLE project": 1}),
        told(manifest(), rows={"project": "1"}),
        told(manifest(), parts={}),
        told(manifest(), parts={"../secrets.json": "0" * 64, **NONE_BUT_THE_DUMP}),
        told(manifest(), parts={DUMP: "short"}),
        told(manifest(), revision=None),
        told(manifest(), postgres="18"),
        told(manifest(), surplus=1),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(tmp_path: Path, content: bytes) -> None:
    forged = forge(tmp_path / "forged.tar", {MANIFEST: content, DUMP: b""})
    with pytest.raises(BackupError, match="its manifest"), open_archive(forged):
        pass


def test_a_later_format_says_which_version_reads_it(tmp_path: Path) -> None:
    forged = forge(tmp_path / "forged.tar", {MANIFEST: told(manifest(), format=2)})
    with pytest.raises(BackupError, match="has the format 2, and this version reads 1"), open_archive(forged):
        pass


def test_a_link_in_the_place_of_a_part_is_not_followed(tmp_path: Path) -> None:
    forged = tmp_path / "forged.tar"
    with tarfile.open(forged, "w") as tar:
        entry = tarfile.TarInfo(MANIFEST)
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(entry)
    with pytest.raises(BackupError, match=r"manifest\.json is not what was written"), open_archive(forged):
        pass


def test_tables_of_a_newer_version_are_refused_by_name() -> None:
    check_version(manifest())
    with pytest.raises(BackupError, match=r"written by version 9\.1.*revision 0999.*newer"):
        check_version(manifest(product="9.1", revision="0999"))


def programs(folder: Path, major: int) -> Path:
    """PostgreSQL's programs, as far as they are asked for their version."""
    folder.mkdir()
    for name in ("pg_dump", "pg_restore", "psql"):
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {major}.4'\n")
        (folder / name).chmod(0o755)
    return folder


def test_programs_older_than_the_server_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = programs(tmp_path / "old", 16), programs(tmp_path / "new", 99)
    monkeypatch.setenv("PATH", f"{new}:/bin")
    assert find_clients("postgresql://x/y", 15, old).folder == old
    assert find_clients("postgresql://x/y", 99, old).folder == new
    with pytest.raises(
        BackupError, match=r"is PostgreSQL 100, .*those of PostgreSQL 16.*Install postgresql-client-100"
    ):
        find_clients("postgresql://x/y", 100, old)


def test_a_password_is_no_argument_that_others_can_read(tmp_path: Path) -> None:
    seen = programs(tmp_path / "bin", 99)
    (seen / "pg_restore").write_text('#!/bin/sh\necho "$PGPASSWORD" "$PGHOST"\n')
    (seen / "pg_dump").write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\n')
    clients = find_clients("postgresql+psycopg2://ada:open%20sesame@host:5433/rhesis?sslmode=require", 1)
    clients = replace(clients, folder=seen)
    assert clients.contents(tmp_path) == ["open sesame "]
    clients.dump(tmp_path / "dump", "1-1")
    arguments = (tmp_path / "arguments").read_text()
    assert "--dbname=postgresql://ada@host:5433/rhesis?sslmode=require" in arguments
    assert "sesame" not in arguments


def test_a_script_loses_only_the_setting_that_older_servers_do_not_know() -> None:
    setting = b"SET transaction_timeout = 0;\n"
    head = b"SET lock_timeout = 0;\n" + setting + b"SET row_security = on;\n"
    written = io.BytesIO()
    pour(io.BytesIO(head + b"COPY t FROM stdin;\n" + setting), written)
    assert written.getvalue() == head.replace(setting, b"") + b"COPY t FROM stdin;\n" + setting


def test_keys_of_the_environment_come_before_the_file(tmp_path: Path) -> None:
    assert not uses_key_file({}, tmp_path)
    made = load_or_make_secrets(tmp_path)
    assert uses_key_file({}, tmp_path)
    assert uses_key_file({"SECRET_KEY": made.secret_key, "RHESIS_ENCRYPTION_KEYS": made.encryption_key}, tmp_path)
    assert uses_key_file({"SECRET_KEY": "another"}, tmp_path)
    assert not uses_key_file({"SECRET_KEY": "another", "RHESIS_ENCRYPTION_KEYS": "another"}, tmp_path)


def test_it_is_said_whether_the_keys_are_inside() -> None:
    assert re.search("3 rows in 1 tables, and the keys", summary(manifest(parts={KEYS: ""}), Path("x")))
    assert re.search("without keys. Keep those apart", summary(manifest(), Path("x")))


def test_a_directory_without_a_database_is_not_given_one(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="There is no database in"), reachable({"RHESIS_DATA": str(tmp_path)}):
        pass
    assert list(tmp_path.iterdir()) == []
