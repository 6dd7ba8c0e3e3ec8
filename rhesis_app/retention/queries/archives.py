"""Archives as they are shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO
from uuid import UUID

from sqlalchemy import Select, and_, func, select

from rhesis_app.kernel.errors import Conflict, NotFound
from rhesis_app.kernel.paging import By, Page, PageRequest, keyset, page_of
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.models import Job
from rhesis_app.retention.models import Archive, ArchiveChunk
from rhesis_app.tenancy.models import Organization

_NO_FILE = {
    "errored": "The archive could not be written: read it to see why, then ask for another.",
    "cancelled": "The archive was cancelled before it was written. Ask for another.",
}
_SHOWN = ("id", "file_name", "bytes", "sha256", "job_id", "created_at", "expires_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveView:
    """All data of the organization in a file that is kept until `expires_at`. `bytes` and `sha256` are there once its status is done."""

    id: UUID
    file_name: str
    bytes: int | None
    sha256: str | None
    status: str
    progress: int
    error_detail: str | None
    job_id: UUID
    created_at: datetime
    expires_at: datetime

    @property
    def is_finished(self) -> bool:
        """Whether its job has ended, one way or another."""
        return self.status in {"done", "errored", "cancelled"}

    @property
    def is_ready(self) -> bool:
        """Whether there is a file."""
        return self.status == "done"


def list_archives(scope: Scope, request: PageRequest) -> Page[ArchiveView]:
    """The archives that are kept, newest first. Raises Forbidden for all but owners."""
    scope.require(Permission.ORGANIZATION_DELETE)
    query = _archives(scope)
    total = (
        scope.session.scalar(query.with_only_columns(func.count(), maintain_column_froms=True))
        if request.count
        else None
    )
    rows = scope.session.execute(keyset(query, [By(Archive.id, descending=True)], request)).mappings().all()
    return page_of(rows, request, key=lambda row: (row["id"],), view=lambda row: ArchiveView(**row), total=total)


def view_archive(scope: Scope, archive_id: UUID) -> ArchiveView:
    """One archive; NotFound for strangers, and once it has expired. Raises Forbidden for all but owners."""
    scope.require(Permission.ORGANIZATION_DELETE)
    row = scope.session.execute(_archives(scope).where(Archive.id == archive_id)).mappings().one_or_none()
    if row is None:
        raise NotFound("There is no such archive here. Archives are kept for a while: ask for another.")
    return ArchiveView(**row)


def copy_archive(scope: Scope, view: ArchiveView, file: BinaryIO) -> None:
    """Write the archive's file into `file`, a piece at a time. Raises Conflict with what to do while there is none."""
    if not view.is_ready:
        raise Conflict(_NO_FILE.get(view.status, "The archive is still being written. Ask again in a moment."))
    number = 0
    while piece := scope.session.scalar(_piece(scope, view.id, number)):
        file.write(piece)
        number += 1


def archived_name(scope: Scope) -> str:
    """What the file of an archive is called: the organization's address, and the day."""
    query = select(Organization.slug, func.to_char(func.timezone("UTC", func.now()), "YYYY-MM-DD"))
    slug, day = scope.session.execute(query.where(Organization.id == scope.organization_id)).one()
    return f"{slug}-{day}.zip"


def organization_name(scope: Scope) -> str:
    """What the organization is called."""
    return str(scope.session.scalars(select(Organization.name).where(Organization.id == scope.organization_id)).one())


def _archives(scope: Scope) -> Select[Any]:
    shown = [getattr(Archive, name) for name in _SHOWN]
    its_job = and_(Job.organization_id == Archive.organization_id, Job.id == Archive.job_id)
    return (
        scope.select(*shown, Job.status, Job.progress, Job.error_detail)
        .join(Job, its_job)
        .where(Archive.expires_at > func.now())
    )


def _piece(scope: Scope, archive_id: UUID, number: int) -> Any:
    return scope.select(ArchiveChunk.content).where(
        ArchiveChunk.archive_id == archive_id, ArchiveChunk.number == number
    )
