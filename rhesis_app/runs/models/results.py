"""Rows of what came of runs. Results and evaluations are only ever added."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from rhesis_app.infra.orm import (
    Base,
    Identified,
    Json,
    TenantOwned,
    addressable,
    belongs_to,
)


class ResultColumns:
    """What is kept of one answer; the table has it as it came, the view with what people said of it.

    `cost` is in US dollars, null where it is not known, and where the answer was another run's.
    """

    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    test_version_id: Mapped[UUID] = mapped_column(primary_key=True)
    trial: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[UUID]
    test_id: Mapped[UUID]
    requirement_id: Mapped[UUID | None]
    position: Mapped[int]
    outcome: Mapped[str]
    error_code: Mapped[str | None]
    error_detail: Mapped[str | None]
    attempts: Mapped[int]
    request: Mapped[Any] = mapped_column(JSONB(none_as_null=True), nullable=True, default=None)
    response: Mapped[Any] = mapped_column(JSONB(none_as_null=True), nullable=True, default=None)
    output: Mapped[str | None]
    context: Mapped[list[str]] = mapped_column(default=list, server_default=text("'{}'"))
    tool_calls: Mapped[list[Json]] = mapped_column(default=list, server_default=text("'[]'"))
    latency_ms: Mapped[float | None]
    tokens_in: Mapped[int | None]
    tokens_out: Mapped[int | None]
    cost: Mapped[Decimal | None] = mapped_column(Numeric)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class TestResult(ResultColumns, TenantOwned, Base):
    """What was sent and what came back for (run, test, trial), and its outcome. Insert-only.

    Test and requirement are those of its version, whose keys hold them; keys of its own would be checked with each result, and with
    each test of an organization that is erased read all its results.
    """

    __tablename__ = "test_result"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        belongs_to("run_id", "test_run"),
        belongs_to("test_version_id", "test_version"),
        CheckConstraint("outcome IN ('passed', 'failed', 'error', 'unscored')", name="outcome"),
        CheckConstraint("(outcome = 'error') = (error_code IS NOT NULL)", name="error_code"),
        Index("ix_test_result_run_outcome", "run_id", "outcome", "position", "trial"),
        Index(
            "ix_test_result_run_requirement",
            *("run_id", "requirement_id", "outcome", "position", "trial"),
            postgresql_include=["organization_id"],
        ),
        Index("ix_test_result_run_position", "run_id", "position", "trial"),
        Index(
            "ix_test_result_spent",
            "run_id",
            postgresql_include=["cost", "tokens_in", "tokens_out"],
            postgresql_where=text("tokens_in IS NOT NULL OR tokens_out IS NOT NULL OR cost IS NOT NULL"),
        ),
        CheckConstraint("cost >= 0", name="cost"),
    )


class Replacement(TenantOwned, Base):
    """That a retry's answer stands in place of an error: `result_id` and its key (run, test, trial) are the error's. Insert-only.

    `outcome` is the answer's own, kept here so that counting needs no second row.
    """

    __tablename__ = "replacement"
    __table_args__ = (
        belongs_to("run_id", "test_run"),
        belongs_to("test_version_id", "test_version"),
        belongs_to("result_id", "test_result"),
        belongs_to("retry_run_id", "test_run"),
        belongs_to("answer_id", "test_result"),
        UniqueConstraint("organization_id", "answer_id"),
        CheckConstraint("outcome IN ('passed', 'failed', 'unscored')", name="outcome"),
    )
    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    test_version_id: Mapped[UUID] = mapped_column(primary_key=True)
    trial: Mapped[int] = mapped_column(primary_key=True)
    result_id: Mapped[UUID]
    retry_run_id: Mapped[UUID]
    answer_id: Mapped[UUID]
    outcome: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class RecordedExchange(TenantOwned, Base):
    """What an endpoint answered to a content (a hash, see `content_hash`) that a test sent. Insert-only.

    `run_id` is the run whose recording it belongs to; a replay that had to ask adds to the one that it replays.
    """

    __tablename__ = "recorded_exchange"
    __table_args__ = (belongs_to("run_id", "test_run"), belongs_to("test_id", "test"))
    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    content_hash: Mapped[str] = mapped_column(primary_key=True)
    test_id: Mapped[UUID] = mapped_column(primary_key=True)
    status: Mapped[int]
    is_json: Mapped[bool]
    body: Mapped[str]
    latency_ms: Mapped[float]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class EvaluationColumns:
    """What one metric said of one result, and what its judge, if any, answered and cost (in US dollars)."""

    result_id: Mapped[UUID]
    run_id: Mapped[UUID]
    metric_version_id: Mapped[UUID]
    position: Mapped[int]
    applicable: Mapped[bool]
    verdict: Mapped[str]
    score: Mapped[float | None]
    label: Mapped[str | None]
    reason: Mapped[str] = mapped_column(default="", server_default="")
    evidence: Mapped[Json] = mapped_column(default=dict, server_default=text("'{}'"))
    duration_ms: Mapped[float | None]
    model: Mapped[str | None]
    tokens_in: Mapped[int | None]
    tokens_out: Mapped[int | None]
    cost: Mapped[Decimal | None] = mapped_column(Numeric)
    raw: Mapped[list[str]] = mapped_column(default=list, server_default=text("'{}'"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Evaluation(EvaluationColumns, Identified, TenantOwned, Base):
    """One metric's outcome on one result. Insert-only."""

    __tablename__ = "evaluation"
    __table_args__ = (
        addressable(),
        belongs_to("result_id", "test_result"),
        belongs_to("run_id", "test_run"),
        belongs_to("metric_version_id", "metric_version"),
        CheckConstraint("verdict IN ('passed', 'failed', 'unscored', 'error')", name="verdict"),
        UniqueConstraint("organization_id", "result_id", "metric_version_id"),
        Index("ix_evaluation_run_metric", "run_id", "metric_version_id", "verdict"),
        Index(
            "ix_evaluation_spent",
            "run_id",
            postgresql_include=["cost", "tokens_in", "tokens_out"],
            postgresql_where=text("model IS NOT NULL"),
        ),
    )


class Review(Identified, TenantOwned, Base):
    """A person's verdict on a result or on one of its evaluations; a newer one supersedes it, nothing is overwritten."""

    __tablename__ = "review"
    __table_args__ = (
        belongs_to("run_id", "test_run"),
        belongs_to("result_id", "test_result"),
        belongs_to("evaluation_id", "evaluation"),
        CheckConstraint("verdict IN ('passed', 'failed')", name="verdict"),
        Index("ix_review_run", "organization_id", "run_id", "result_id"),
        Index(
            "uq_review_of_result",
            *("organization_id", "result_id"),
            unique=True,
            postgresql_where=text("evaluation_id IS NULL AND superseded_at IS NULL"),
        ),
        Index(
            "uq_review_of_evaluation",
            *("organization_id", "evaluation_id"),
            unique=True,
            postgresql_where=text("evaluation_id IS NOT NULL AND superseded_at IS NULL"),
        ),
    )
    run_id: Mapped[UUID]
    result_id: Mapped[UUID]
    evaluation_id: Mapped[UUID | None]
    verdict: Mapped[str]
    comment: Mapped[str] = mapped_column(default="", server_default="")
    author_id: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    superseded_at: Mapped[datetime | None]
