"""Restoring a backup into a resting installation, whole or not at all."""

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from alembic.util import CommandError
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

import rhesis_app
from rhesis_app.infra.backup.archive import DEMO, DUMP, KEYS, Manifest, open_archive
from rhesis_app.infra.backup.clients import Clients, find_clients
from rhesis_app.infra.backup.database import (
    is_occupied,
    is_worked_on,
    known_revisions,
    needs_migration,
    server_version,
    words_after,
    words_before,
)
from rhesis_app.infra.backup.failures import BackupError
from rhesis_app.infra.backup.source import Installation
from rhesis_app.infra.backup.take import keep_backup, refused, uses_key_file
from rhesis_app.infra.migrate import check_migrator, migrate

# the schema is there, and what may be done in it is said by the migrations' own words
_SCHEMA = re.compile(r"\d+; \d+ \d+ (?:SCHEMA|COMMENT|ACL) - (?:SCHEMA )?public\b")
# made anew, for whoever owns the database here
_OWNER = re.compile(r"\d+; \d+ \d+ POLICY public ([a-z_][a-z0-9_]*) owner ")


@dataclass(frozen=True)
class _Target:
    """The database that is restored into."""

    occupied: bool
    clients: Clients


def restore_backup(installation: Installation, source: Path, *, replace: bool, say: Callable[[str], None]) -> None:
    """Check the file, load it, put its keys in place and migrate what is older; BackupError says why nothing was done."""
    try:
        with (
            open_archive(source) as archive,
            tempfile.TemporaryDirectory(dir=installation.place, prefix=".restore.") as folder,
        ):
            check_version(archive.manifest)
            parts = archive.unpack(Path(folder))
            target = _look_at(installation, archive.manifest, replace=replace)
            _keep(installation, target, say)
            _load(target, parts[DUMP], archive.manifest)
            say(_summary(archive.manifest))
            _place_files(installation, parts, say)
    except DBAPIError as failure:
        raise refused(failure) from failure
    except OSError as problem:
        raise BackupError(f"{installation.place} cannot be written: {problem.strerror or problem}.") from problem
    _bring_up_to_date(installation, archive.manifest, say)


def check_file(source: Path) -> None:
    """Refuse what is no backup, or a newer version's, before anything is started for it."""
    with open_archive(source) as archive:
        check_version(archive.manifest)


def check_version(manifest: Manifest) -> None:
    """Refuse tables that this version knows nothing of."""
    if manifest.revision not in known_revisions():
        raise BackupError(
            f"This backup was written by version {manifest.product}, whose tables (revision {manifest.revision}) are newer than "
            f"those of this version, {rhesis_app.__version__}. Install that version, or a newer one, and restore with it."
        )


def _look_at(installation: Installation, manifest: Manifest, *, replace: bool) -> _Target:
    engine = create_engine(installation.url, poolclass=NullPool)
    with engine.connect() as connection:
        check_migrator(connection)
        server, occupied = server_version(connection), is_occupied(connection)
        if is_worked_on(connection):
            raise BackupError("Web or workers are connected to this database. Stop them, then restore.")
    if server < manifest.postgres:
        raise BackupError(
            f"This backup was taken from PostgreSQL {manifest.postgres}, and the database here is PostgreSQL {server}. "
            f"Restore it into PostgreSQL {manifest.postgres} or newer."
        )
    if occupied and not replace:
        raise BackupError(
            "The database is not empty. Restore into an empty one (another --data, another DATABASE_URL), or say --replace: "
            "then everything in it is replaced, and kept in a backup of its own first."
        )
    return _Target(occupied, find_clients(installation.url, server, installation.programs))


def _keep(installation: Installation, target: _Target, say: Callable[[str], None]) -> None:
    if not target.occupied:
        return
    try:
        say(f"What is replaced is kept in {keep_backup(installation, 'before-restore')}.")
    except BackupError as problem:
        raise BackupError(
            f"{problem} So what would be replaced cannot be kept, and nothing was changed. Restore into an empty database instead."
        ) from problem


def _load(target: _Target, dump: Path, manifest: Manifest) -> None:
    lines = target.clients.contents(dump)
    owned = [found[1] for line in lines if (found := _OWNER.match(line))]
    kept = [line for line in lines if not _OWNER.match(line) and not _SCHEMA.match(line)]
    target.clients.load(
        dump, kept, before=words_before(replace=target.occupied), after=words_after(manifest.rows, owned)
    )


def _summary(manifest: Manifest) -> str:
    rows, tables = sum(manifest.rows.values()), len(manifest.rows)
    return f"Restored: {rows:,} rows in {tables} tables, as they were at {manifest.taken_at}."


def _place_files(installation: Installation, parts: dict[str, Path], say: Callable[[str], None]) -> None:
    demo = installation.place / DEMO
    if DEMO in parts:
        parts[DEMO].replace(demo)
    else:
        demo.unlink(missing_ok=True)  # it tells how to reach what was replaced
    if KEYS not in parts:
        say(
            "The backup holds no keys. Stored credentials open only with those it was taken with: put them into "
            f"{installation.place / KEYS}, or set SECRET_KEY and RHESIS_ENCRYPTION_KEYS."
        )
        return
    _place_keys(installation, parts[KEYS], say)


def _place_keys(installation: Installation, restored: Path, say: Callable[[str], None]) -> None:
    keys = installation.place / KEYS
    if keys.exists() and keys.read_bytes() != restored.read_bytes():
        aside = keys.with_name(f"{KEYS}.before-{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}")
        keys.replace(aside)
        say(f"The keys that were here are set aside in {aside}.")
    restored.replace(keys)
    say(f"The keys are in {keys}.")
    if not uses_key_file(installation.environment, installation.place):
        say("SECRET_KEY and RHESIS_ENCRYPTION_KEYS of the environment come before them: unset those, or set the same.")


def _bring_up_to_date(installation: Installation, manifest: Manifest, say: Callable[[str], None]) -> None:
    with create_engine(installation.url, poolclass=NullPool).connect() as connection:
        older = needs_migration(connection)
    if not older:
        return
    say(
        f"The backup is of an earlier version ({manifest.product}, revision {manifest.revision}); it is brought to this one …"
    )
    try:
        migrate(installation.url)
    except CommandError as problem:
        raise BackupError(f"It is restored, but not migrated: {problem} Then run `rhesis-app migrate`.") from problem
