"""Taking a backup, of an instance that runs or rests."""

import json
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool

import rhesis_app
from rhesis_app.infra.backup.archive import DEMO, DUMP, FORMAT, KEYS, Manifest, digest_of, write_archive
from rhesis_app.infra.backup.clients import find_clients
from rhesis_app.infra.backup.database import needs_migration, read_contents, server_version
from rhesis_app.infra.backup.failures import BackupError
from rhesis_app.infra.backup.source import Installation

KEPT: Final = 3
_NAMES: Final = {"SECRET_KEY": "secret_key", "RHESIS_ENCRYPTION_KEYS": "encryption_key"}


def take_backup(installation: Installation, target: Path, *, keys: bool = True) -> Manifest:
    """Write one file that `restore` takes; what others write meanwhile is not in it. BackupError says why not."""
    if target.exists():
        raise BackupError(f"{target} exists already. Name another file, or remove that one.")
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
            return _take(installation, target, Path(folder), keys=keys)
    except OSError as problem:
        raise BackupError(f"{target} cannot be written: {problem.strerror or problem}.") from problem
    except DBAPIError as failure:
        raise refused(failure) from failure


def _take(installation: Installation, target: Path, folder: Path, *, keys: bool) -> Manifest:
    parts = {DUMP: folder / DUMP, **_files(installation, keys=keys)}
    engine = create_engine(installation.url, poolclass=NullPool, isolation_level="REPEATABLE READ")
    with engine.begin() as connection:
        server = server_version(connection)
        contents = read_contents(connection)
        # the same snapshot for the figures and the dump: nothing is written between them
        clients = find_clients(installation.url, server, installation.programs)
        clients.dump(parts[DUMP], contents.snapshot)
    manifest = Manifest(
        format=FORMAT,
        product=rhesis_app.__version__,
        revision=contents.revision,
        taken_at=datetime.now(UTC).isoformat(timespec="seconds"),
        postgres=server,
        rows=contents.rows,
        parts={name: digest_of(path) for name, path in parts.items()},
    )
    write_archive(target, manifest, parts)
    return manifest


def _files(installation: Installation, *, keys: bool) -> dict[str, Path]:
    wanted = {KEYS: keys and uses_key_file(installation.environment, installation.place), DEMO: True}
    paths = {name: installation.place / name for name, asked in wanted.items() if asked}
    return {name: path for name, path in paths.items() if path.is_file()}


def uses_key_file(environment: Mapping[str, str], place: Path) -> bool:
    """Whether a key of `<data>/secrets.json` is in force; those that the environment names come before it."""
    try:
        kept = json.loads((place / KEYS).read_text(encoding="utf-8"))
        return any(environment.get(name, kept[field]) == kept[field] for name, field in _NAMES.items())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def back_up_before_migration(installation: Installation, say: Callable[[str], None]) -> Path | None:
    """Where the database has tables of an earlier version: keep it under `<data>/backups`, with the two before it."""
    engine = create_engine(installation.url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            if not needs_migration(connection):
                return None
    except OperationalError:
        return None  # the migration says better why it cannot be reached
    say("The database is older than this version. It is backed up first …")
    target = keep_backup(installation, "before-migration")
    say(f"The backup is {target}.")
    return target


def keep_backup(installation: Installation, why: str) -> Path:
    """A backup in `<data>/backups`, named by its time; the oldest of its kind go, a few stay."""
    folder = installation.place / "backups"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as problem:
        raise BackupError(f"{folder} cannot be made: {problem.strerror}. Name another data directory.") from problem
    target = folder / f"{why}-{datetime.now(UTC):%Y-%m-%dT%H-%M-%S-%f}.tar"
    take_backup(installation, target)
    for old in sorted(folder.glob(f"{why}-*.tar"))[:-KEPT]:
        old.unlink(missing_ok=True)
    return target


def refused(failure: DBAPIError) -> BackupError:
    """What the database said, without the values of a statement."""
    said = " ".join(str(failure.orig).splitlines()[:1])
    return BackupError(f"The database refuses: {said}")


def summary(manifest: Manifest, target: Path) -> str:
    """What was written, in a sentence or two."""
    rows = sum(manifest.rows.values())
    what = f"{target}: {rows:,} rows in {len(manifest.rows)} tables"
    if manifest.holds_keys:
        return f"{what}, and the keys that open stored credentials. Keep it where nobody else can read it."
    return f"{what}, without keys. Keep those apart (secrets.json, or what the environment names): stored credentials open with them alone."
