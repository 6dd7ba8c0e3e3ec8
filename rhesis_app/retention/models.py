"""Rows of retention. An archive's status is its job's; its file lies in pieces beside it, so that every machine can serve it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, LargeBinary, func
from sqlalchemy.orm import Mapped, mapped_column

from rhesis_app.infra.orm import Base, Identified, TenantOwned, addressable, belongs_to


class Archive(Identified, TenantOwned, Base):
    """All data of an organization in one file, kept for a while; `bytes` and `sha256` come with the file."""

    __tablename__ = "archive"
    __table_args__ = (
        addressable(),
        belongs_to("job_id", "job", ondelete="CASCADE"),
        Index("ix_archive_job_id", "organization_id", "job_id"),
    )
    file_name: Mapped[str]
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None]
    job_id: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]


class ArchiveChunk(TenantOwned, Base):
    """A piece of an archive's file, numbered from 0."""

    __tablename__ = "archive_chunk"
    __table_args__ = (belongs_to("archive_id", "archive", ondelete="CASCADE"),)
    archive_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
