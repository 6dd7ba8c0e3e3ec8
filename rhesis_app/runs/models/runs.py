"""Rows of runs and of what is still to be done in them: a work item exists exactly while its work is open."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from rhesis_app.infra.orm import (
    Archivable,
    Base,
    Identified,
    Json,
    Stamped,
    TenantOwned,
    addressable,
    belongs_to,
)


class TestRun(Identified, Stamped, TenantOwned, Base):
    """One execution of one frozen test set against one endpoint, with everything it depends on frozen in it.

    `chosen_by` is set where an outcome in an earlier run chose its tests: such a run says nothing of the whole set.
    `test_count` is set exactly where tests are asked several times: then `planned` and `totals` count results, and
    `reduced` what the trials of its tests came to.
    `spent` (US dollars) is counted only where a `cost_cap` stops the run, with every batch of answers that is written.
    `answers` counts, once it has ended, what a replay took from the recording of the run `recording_run_id` and what it asked.
    """

    __tablename__ = "test_run"
    __table_args__ = (
        addressable(),
        UniqueConstraint("organization_id", "project_id", "number"),
        UniqueConstraint("organization_id", "idempotency_key"),
        belongs_to("project_id", "project"),
        belongs_to("test_set_id", "test_set"),
        belongs_to("test_set_version_id", "test_set_version"),
        belongs_to("endpoint_id", "endpoint"),
        belongs_to("parent_run_id", "test_run"),
        belongs_to("schedule_id", "schedule"),
        belongs_to("recording_run_id", "test_run"),
        Index("ix_test_run_open", "id", postgresql_where=text("finished_at IS NULL")),
        Index("ix_test_run_finished_at", "organization_id", "finished_at"),
        Index("ix_test_run_test_set_id", "organization_id", "test_set_id", "number"),
        Index(
            "ix_test_run_schedule_id",
            *("organization_id", "schedule_id", "number"),
            postgresql_where=text("schedule_id IS NOT NULL"),
        ),
        CheckConstraint("kind IN ('run', 'rerun', 'rescore', 'retry')", name="kind"),
        CheckConstraint(
            "status IN ('queued', 'running', 'completed', 'partial', 'errored', 'cancelled')", name="status"
        ),
        CheckConstraint("outcome IN ('passed', 'failed', 'none')", name="outcome"),
        CheckConstraint(
            "(finished_at IS NOT NULL) = (status IN ('completed', 'partial', 'errored', 'cancelled'))", name="finished"
        ),
        CheckConstraint("planned > 0", name="planned"),
        CheckConstraint("trials BETWEEN 1 AND 100", name="trials"),
        CheckConstraint("test_count BETWEEN 1 AND planned", name="test_count"),
        CheckConstraint("paused_at IS NULL OR (finished_at IS NULL AND cancel_requested_at IS NULL)", name="paused"),
        Index(
            "uq_test_run_open_retry",
            *("organization_id", "parent_run_id"),
            unique=True,
            postgresql_where=text("kind = 'retry' AND finished_at IS NULL"),
        ),
        CheckConstraint("cost_cap > 0", name="cost_cap"),
        CheckConstraint("kind = 'run' OR parent_run_id IS NOT NULL", name="parent"),
        CheckConstraint("chosen_by IN ('failed', 'error', 'flaky')", name="chosen_by"),
        Index("ix_test_run_parent_run_id", "organization_id", "parent_run_id"),
        CheckConstraint("source IN ('live', 'record', 'replay', 'replay-or-fail')", name="source"),
        CheckConstraint(
            "(recording_run_id IS NOT NULL) = (source IN ('replay', 'replay-or-fail'))", name="recording_run_id"
        ),
        Index(
            "ix_test_run_recorded",
            *("organization_id", "test_set_id", "number"),
            postgresql_where=text("source = 'record'"),
        ),
    )
    project_id: Mapped[UUID]
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(default="run", server_default="run")
    parent_run_id: Mapped[UUID | None]
    chosen_by: Mapped[str | None]
    test_set_id: Mapped[UUID]
    test_set_version_id: Mapped[UUID]
    endpoint_id: Mapped[UUID]
    endpoint_snapshot: Mapped[Json]
    trials: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    config: Mapped[Json] = mapped_column(default=dict, server_default=text("'{}'"))
    planned: Mapped[int]
    test_count: Mapped[int | None]
    retries: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    cost_cap: Mapped[Decimal | None] = mapped_column(Numeric)
    spent: Mapped[Decimal] = mapped_column(Numeric, default=Decimal(0), server_default=text("0"))
    status: Mapped[str] = mapped_column(default="queued", server_default="queued")
    outcome: Mapped[str] = mapped_column(default="none", server_default="none")
    totals: Mapped[Any] = mapped_column(JSONB(none_as_null=True), nullable=True, default=None)
    parts: Mapped[Any] = mapped_column(JSONB(none_as_null=True), nullable=True, default=None)
    reduced: Mapped[Any] = mapped_column(JSONB(none_as_null=True), nullable=True, default=None)
    idempotency_key: Mapped[str | None]
    idempotency_body: Mapped[str | None]
    started_by: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id", ondelete="SET NULL"))
    schedule_id: Mapped[UUID | None]
    source: Mapped[str] = mapped_column(default="live", server_default="live")
    recording_run_id: Mapped[UUID | None]
    answers: Mapped[Any] = mapped_column(JSONB(none_as_null=True), nullable=True, default=None)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    deadline_at: Mapped[datetime]
    cancel_requested_at: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]
    paused_by: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id", ondelete="SET NULL"))


class RescoreOrder(Identified, TenantOwned, Base):
    """Several runs whose answers a job shall score again, by these metrics or, without any, by each run's own."""

    __tablename__ = "rescore_order"
    __table_args__ = (
        belongs_to("project_id", "project"),
        UniqueConstraint("organization_id", "idempotency_key"),
    )
    project_id: Mapped[UUID]
    run_ids: Mapped[list[UUID]]
    metric_ids: Mapped[list[UUID]]
    idempotency_key: Mapped[str | None]
    idempotency_body: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Schedule(Identified, Stamped, Archivable, TenantOwned, Base):
    """A run that is started again and again: `next_at` is there exactly while it is live and not paused.

    `last_error` is why the latest fire started nothing; empty once a fire has started a run.
    """

    __tablename__ = "schedule"
    __table_args__ = (
        addressable(),
        belongs_to("project_id", "project"),
        belongs_to("test_set_id", "test_set"),
        belongs_to("endpoint_id", "endpoint"),
        CheckConstraint("(next_at IS NOT NULL) = (NOT is_paused AND archived_at IS NULL)", name="next_at"),
        Index(
            "uq_schedule_live_name",
            *("organization_id", "project_id", "name"),
            unique=True,
            postgresql_where=text("archived_at IS NULL"),
        ),
        Index("ix_schedule_due", "next_at", postgresql_where=text("next_at IS NOT NULL")),
    )
    project_id: Mapped[UUID]
    name: Mapped[str]
    cron: Mapped[str]
    time_zone: Mapped[str]
    test_set_id: Mapped[UUID]
    endpoint_id: Mapped[UUID]
    metric_ids: Mapped[list[UUID]] = mapped_column(default=list, server_default=text("'{}'"))
    is_paused: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    next_at: Mapped[datetime | None]
    last_fired_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(default="", server_default="")
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id", ondelete="SET NULL"))


class RunMetric(TenantOwned, Base):
    """A metric version that judges a run's results: all of them, or those of one requirement."""

    __tablename__ = "run_metric"
    __table_args__ = (
        belongs_to("run_id", "test_run"),
        belongs_to("metric_version_id", "metric_version"),
        belongs_to("requirement_id", "requirement"),
    )
    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    metric_version_id: Mapped[UUID]
    requirement_id: Mapped[UUID | None]


class WorkItem(TenantOwned, Base):
    """One answer still to be got, or with no endpoint a stored one still to be scored.

    Leased exactly when owner and deadline are set; the fence rises with every claim and loss. The run's key holds the
    organization too, and versions come from the run's test set: keys of their own would cost a large run half of its start.
    """

    __tablename__ = "work_item"
    __table_args__ = (
        belongs_to("run_id", "test_run"),
        belongs_to("endpoint_id", "endpoint"),
        CheckConstraint("(lease_owner IS NULL) = (lease_until IS NULL)", name="lease"),
        Index("ix_work_item_due", "run_id", "not_before", postgresql_where=text("lease_owner IS NULL")),
        Index(
            "ix_work_item_again", "run_id", "not_before", postgresql_where=text("lease_owner IS NULL AND attempt > 0")
        ),
        Index("ix_work_item_lease", "lease_until", postgresql_where=text("lease_owner IS NOT NULL")),
        Index("ix_work_item_endpoint", "endpoint_id", "lease_until", postgresql_where=text("lease_owner IS NOT NULL")),
    )
    organization_id: Mapped[UUID] = mapped_column()
    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    test_version_id: Mapped[UUID] = mapped_column(primary_key=True)
    trial: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int]
    endpoint_id: Mapped[UUID | None]
    attempt: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    throttled: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    max_attempts: Mapped[int] = mapped_column(default=3, server_default=text("3"))
    not_before: Mapped[datetime] = mapped_column(server_default=func.now())
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    solo: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    last_error: Mapped[str | None]
