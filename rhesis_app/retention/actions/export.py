"""All data of an organization as one file, written in the background and kept for a while."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from tempfile import TemporaryFile
from typing import BinaryIO, Final, cast
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import orjson
from sqlalchemy import Interval, func, insert, literal

import rhesis_app
from rhesis_app.kernel.errors import Conflict
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.actions.background import Held, NewJob, ask_for, withdraw
from rhesis_app.notifications.models import Job
from rhesis_app.reports.rules import Bounded, TooLarge, pieces
from rhesis_app.retention.models import Archive, ArchiveChunk
from rhesis_app.retention.queries.archives import archived_name, organization_name
from rhesis_app.retention.queries.rows import (
    RowSource,
    begin_reading,
    count_rows,
    count_secrets,
    database_version,
    row_sources,
    rows_as_json,
)
from rhesis_app.retention.rules.archive import MANIFEST, MAX_BYTES, Contents, Part

EXPORT: Final = "retention.export"
_TICK: Final = 500


def ask_for_archive(scope: Scope, *, kept: timedelta) -> UUID:
    """Have all data of the organization written to one file in the background, and kept for a while; its id.

    Raises Forbidden, Conflict while another one is being written.
    """
    scope.require(Permission.ORGANIZATION_DELETE)
    archive_id = new_id()
    with scope.atomic() as session:
        waiting = scope.select(Job.id).where(Job.kind == EXPORT, Job.finished_at.is_(None)).limit(1)
        if session.scalar(waiting) is not None:
            raise Conflict("An archive is being written already. Wait for it, or delete it first.")
        job_id = ask_for(scope, NewJob(kind=EXPORT, subject_type="archive", subject_id=archive_id))
        row = Archive(
            id=archive_id,
            file_name=archived_name(scope),
            job_id=job_id,
            expires_at=func.now() + literal(kept, Interval),
        )
        session.add(row)
        session.flush()
        scope.record("organization.export", "organization", scope.organization_id, archive=str(archive_id))
    return archive_id


def make_archive(scope: Scope, held: Held) -> None:
    """Write the archive that the job is about; its file is there, whole, when the job is done. Raises Conflict when it grows too large."""
    with TemporaryFile() as file:
        try:
            write_archive(scope, cast(BinaryIO, Bounded(file, MAX_BYTES)), tick=held.tick)
        except TooLarge:
            raise Conflict(
                "The archive grew past 2 GB. Erase what is not needed any more, or move the whole instance with a backup."
            ) from None
        scope.session.rollback()  # what was read was of one moment; what is written now is of the present
        with held.finishing(scope):
            _keep(scope, held.subject_id, file)


def delete_archive(scope: Scope, archive_id: UUID) -> None:
    """Delete an archive with its file; one that is still being written is given up. Raises NotFound, Forbidden."""
    with scope.atomic() as session:
        scope.require(Permission.ORGANIZATION_DELETE)
        row = scope.get(Archive, archive_id)
        withdraw(scope, row.job_id)  # first: a worker that is about to finish has locked the job before the archive
        session.delete(row)
        scope.record("archive.delete", "archive", archive_id)


def write_archive(scope: Scope, file: BinaryIO, *, tick: Callable[[int], None]) -> Contents:
    """Write the organization's rows into `file` as a ZIP of JSON Lines, read as of one moment; `tick` hears the percent done."""
    begin_reading(scope)
    sources = row_sources()
    planned = sum(count_rows(scope, source) for source in sources)
    progress = _Progress(tick, max(planned, 1))
    with ZipFile(file, "w") as zipped:
        parts = tuple(_write_part(scope, zipped, source, progress) for source in sources)
        contents = Contents(
            organization_id=scope.organization_id,
            organization=organization_name(scope),
            schema=database_version(scope),
            product=rhesis_app.__version__,
            secrets=count_secrets(scope),
            parts=parts,
        )
        zipped.writestr(_member(MANIFEST), orjson.dumps(contents.document(), option=orjson.OPT_INDENT_2))
    return contents


class _Progress:
    """Counts rows and says now and then how many percent they are."""

    def __init__(self, tick: Callable[[int], None], planned: int) -> None:
        self._tick = tick
        self._planned = planned
        self._done = 0

    def over(self, lines: Iterator[str]) -> Iterator[str]:
        """The same lines, counted."""
        for line in lines:
            if self._done % _TICK == 0:
                self._tick(self._done * 100 // self._planned)
            self._done += 1
            yield line


def _write_part(scope: Scope, zipped: ZipFile, source: RowSource, progress: _Progress) -> Part:
    digest, rows = hashlib.sha256(), 0
    part = Part(name=source.name, columns=source.columns, rows=0, sha256="")
    with (
        zipped.open(_member(part.file_name), "w", force_zip64=True) as member,
        closing(rows_as_json(scope, source)) as lines,
    ):
        for line in progress.over(lines):
            written = line.encode() + b"\n"
            digest.update(written)
            member.write(written)
            rows += 1
    return Part(name=source.name, columns=source.columns, rows=rows, sha256=digest.hexdigest())


def _member(name: str) -> ZipInfo:
    """A file in the archive; it carries no date, so that equal data makes equal bytes."""
    info = ZipInfo(name)
    info.compress_type = ZIP_DEFLATED
    return info


def _keep(scope: Scope, archive_id: UUID, file: BinaryIO) -> None:
    """Put the file beside its row in pieces: every machine that reaches the database can serve it."""
    digest, size = hashlib.sha256(), 0
    row = scope.get(Archive, archive_id, lock=True)
    for number, piece in enumerate(pieces(file)):
        digest.update(piece)
        size += len(piece)
        values = {
            "organization_id": scope.organization_id,
            "archive_id": archive_id,
            "number": number,
            "content": piece,
        }
        scope.session.execute(insert(ArchiveChunk).values(values))
    row.bytes, row.sha256 = size, digest.hexdigest()
    scope.session.flush()
