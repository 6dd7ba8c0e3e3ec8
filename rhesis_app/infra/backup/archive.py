"""The file: a tar with a manifest, the database's dump and the files of the data directory that belong to it."""

import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self
from uuid import uuid4

from rhesis_app.infra.backup.failures import BackupError

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
DUMP: Final = "database.dump"
KEYS: Final = "secrets.json"
DEMO: Final = "demo.json"
PARTS: Final = (DUMP, KEYS, DEMO)
_TABLE = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LONGEST_MANIFEST: Final = 1_000_000
_PIECE: Final = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a backup says of itself; `rows` is how many each table held, `parts` each part's SHA-256."""

    format: int
    product: str
    revision: str
    taken_at: str
    postgres: int
    rows: Mapping[str, int]
    parts: Mapping[str, str]

    @property
    def holds_keys(self) -> bool:
        """Whether the keys that open stored credentials are inside."""
        return KEYS in self.parts

    @classmethod
    def parse(cls, told: bytes) -> Self:
        """Read it, believing nothing; BackupError when it is not one of ours."""
        try:
            found: dict[str, Any] = json.loads(told)
            if found["format"] != FORMAT:
                raise BackupError(
                    f"This backup has the format {found['format']!r}, and this version reads {FORMAT}. "
                    "Restore it with the version that wrote it, or a newer one."
                )
            made = cls(**found)
        except (ValueError, KeyError, TypeError) as problem:
            raise _damaged("its manifest cannot be read") from problem
        if not made._is_sound():
            raise _damaged("its manifest makes no sense")
        return made

    def _is_sound(self) -> bool:
        texts = all(isinstance(text, str) for text in (self.product, self.revision, self.taken_at))
        if not texts or not isinstance(self.rows, dict) or not isinstance(self.parts, dict):
            return False
        rows = all(_TABLE.fullmatch(table) and type(count) is int for table, count in self.rows.items())
        parts = all(name in PARTS and _DIGEST.fullmatch(str(digest)) for name, digest in self.parts.items())
        return rows and parts and DUMP in self.parts and type(self.postgres) is int


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_archive(target: Path, manifest: Manifest, parts: Mapping[str, Path]) -> None:
    """Write the file under another name, mode 0600, and give it its own once it is whole and on the disk."""
    draft = target.with_name(f".{target.name}.{uuid4().hex[:8]}")
    opened = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(opened, "wb") as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
                told = json.dumps(asdict(manifest), indent=1, sort_keys=True).encode()
                tar.addfile(_entry(MANIFEST, len(told)), io.BytesIO(told))
                for name, path in parts.items():
                    with path.open("rb") as part:
                        tar.addfile(_entry(name, path.stat().st_size), part)
            file.flush()
            os.fsync(file.fileno())
        _name(draft, target)
    finally:
        draft.unlink(missing_ok=True)


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry


def _name(draft: Path, target: Path) -> None:
    try:
        os.link(draft, target)  # unlike a rename it never takes the place of a file that came meanwhile
    except FileExistsError:
        raise BackupError(f"{target} exists already. Name another file, or remove that one.") from None
    except OSError:
        draft.rename(target)  # a file system without links


@contextmanager
def open_archive(source: Path) -> Iterator["Archive"]:
    """A backup to read; BackupError when it cannot be one."""
    try:
        file = source.open("rb")
    except OSError as problem:
        raise BackupError(f"{source} cannot be read: {problem.strerror}.") from problem
    with file:
        try:
            with tarfile.open(fileobj=file, mode="r:") as tar:
                yield Archive(tar)
        except (tarfile.TarError, EOFError) as problem:
            raise _damaged("it is cut off, or no backup at all") from problem


class Archive:
    """An open backup; only the members it may have are ever looked at."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.manifest = Manifest.parse(self._member(MANIFEST, _LONGEST_MANIFEST).read())

    def unpack(self, folder: Path) -> dict[str, Path]:
        """Write every part into `folder`, mode 0600, and return them; BackupError when one is not as the manifest says."""
        unpacked = {}
        for name, digest in self.manifest.parts.items():
            path = folder / name
            opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(opened, "wb") as file, self._member(name) as part:
                while piece := part.read(_PIECE):
                    file.write(piece)
            if digest_of(path) != digest:
                raise _damaged(f"{name} is not what was written")
            unpacked[name] = path
        return unpacked

    def _member(self, name: str, longest: int | None = None) -> Any:
        try:
            entry = self._tar.getmember(name)
        except KeyError:
            raise _damaged(f"it has no {name}") from None
        if not entry.isreg() or (longest is not None and entry.size > longest):
            raise _damaged(f"{name} is not what was written")
        return self._tar.extractfile(entry)


def _damaged(how: str) -> BackupError:
    return BackupError(f"This backup cannot be used: {how}. Nothing was changed. Take another copy of the file.")
