"""Rows of background work and of messages to people."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from rhesis_app.infra.orm import Base, Identified, Json, TenantOwned, addressable, belongs_to


class Job(Identified, TenantOwned, Base):
    """A piece of background work that is not a run. The row is the truth; the queue carries its id as a hint.

    Leased exactly while it is running; the fence rises with every claim and every loss.
    """

    __tablename__ = "job"
    __table_args__ = (
        addressable(),
        belongs_to("project_id", "project"),
        CheckConstraint("status IN ('queued', 'running', 'done', 'errored', 'cancelled')", name="status"),
        CheckConstraint("(lease_owner IS NULL) = (lease_until IS NULL)", name="lease"),
        CheckConstraint("(status = 'running') = (lease_owner IS NOT NULL)", name="running"),
        CheckConstraint("(finished_at IS NOT NULL) = (status IN ('done', 'errored', 'cancelled'))", name="finished"),
        CheckConstraint("progress BETWEEN 0 AND 100", name="progress"),
        Index(
            "uq_job_open",
            *("organization_id", "kind", "subject_id"),
            unique=True,
            postgresql_where=text("finished_at IS NULL"),
        ),
        Index("ix_job_subject", "organization_id", "subject_id", "id"),
        Index("ix_job_due", "not_before", postgresql_where=text("status = 'queued'")),
        Index("ix_job_lease", "lease_until", postgresql_where=text("lease_owner IS NOT NULL")),
    )
    project_id: Mapped[UUID | None]
    kind: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[UUID]
    status: Mapped[str] = mapped_column(default="queued", server_default="queued")
    progress: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    attempt: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    max_attempts: Mapped[int] = mapped_column(default=3, server_default=text("3"))
    not_before: Mapped[datetime] = mapped_column(server_default=func.now())
    rung_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    error_code: Mapped[str | None]
    error_detail: Mapped[str | None]
    asked_by: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class Preference(Identified, TenantOwned, Base):
    """Whether a person wants to hear of a kind of event in this organization; without a row they do."""

    __tablename__ = "preference"
    __table_args__ = (UniqueConstraint("organization_id", "user_id", "event"),)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id", ondelete="CASCADE"))
    event: Mapped[str]
    in_app: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    email: Mapped[bool] = mapped_column(default=True, server_default=text("true"))


class Notification(Identified, TenantOwned, Base):
    """What a person is told of an event inside of the application, once; theirs alone to read."""

    __tablename__ = "notification"
    __table_args__ = (
        UniqueConstraint("organization_id", "user_id", "event_id"),
        Index("ix_notification_user", "organization_id", "user_id", "id"),
        Index("ix_notification_unread", "organization_id", "user_id", postgresql_where=text("read_at IS NULL")),
        Index("ix_notification_created_at", "created_at"),
    )
    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id", ondelete="CASCADE"))
    event: Mapped[str]
    event_id: Mapped[UUID]
    title: Mapped[str]
    body: Mapped[str] = mapped_column(default="", server_default="")
    link: Mapped[str] = mapped_column(default="/", server_default="/")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    read_at: Mapped[datetime | None]


class Delivery(Identified, TenantOwned, Base):
    """One message to one recipient about one event, of which there is never a second. Its id makes the Message-ID."""

    __tablename__ = "delivery"
    __table_args__ = (
        belongs_to("job_id", "job"),
        UniqueConstraint("organization_id", "event_id", "channel", "recipient"),
        CheckConstraint("channel IN ('email')", name="channel"),
        CheckConstraint("state IN ('queued', 'sending', 'sent', 'failed')", name="state"),
        Index("ix_delivery_job_id", "organization_id", "job_id"),
    )
    event: Mapped[str]
    event_id: Mapped[UUID]
    channel: Mapped[str]
    recipient: Mapped[str]
    content: Mapped[Json]
    state: Mapped[str] = mapped_column(default="queued", server_default="queued")
    attempts: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    error_code: Mapped[str | None]
    job_id: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    sent_at: Mapped[datetime | None]
