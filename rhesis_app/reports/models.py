"""Rows of reports. A report's status is its job's; its file lies in pieces beside it, so that every machine can serve it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, LargeBinary, func
from sqlalchemy.orm import Mapped, mapped_column

from rhesis_app.infra.orm import Base, Identified, TenantOwned, addressable, belongs_to


class Report(Identified, TenantOwned, Base):
    """A run, or with a baseline a comparison, written down by an exporter; `bytes` and `sha256` come with the file."""

    __tablename__ = "report"
    __table_args__ = (
        addressable(),
        belongs_to("project_id", "project"),
        belongs_to("run_id", "test_run"),
        belongs_to("baseline_id", "test_run"),
        belongs_to("job_id", "job"),
        Index("ix_report_project", "organization_id", "project_id", "id"),
        Index("ix_report_run", "organization_id", "run_id", "id"),
        Index("ix_report_expires_at", "expires_at"),
    )
    project_id: Mapped[UUID]
    run_id: Mapped[UUID]
    baseline_id: Mapped[UUID | None]
    exporter_key: Mapped[str]
    title: Mapped[str]
    file_name: Mapped[str]
    media_type: Mapped[str]
    bytes: Mapped[int | None]
    sha256: Mapped[str | None]
    job_id: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]


class ReportChunk(TenantOwned, Base):
    """A piece of a report's file, numbered from 0."""

    __tablename__ = "report_chunk"
    __table_args__ = (belongs_to("report_id", "report", ondelete="CASCADE"),)
    report_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
