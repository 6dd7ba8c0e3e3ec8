"""Rows of authoring. Working rows are edited; versions are immutable and written by `freeze` alone."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from rhesis_app.infra.orm import Archivable, Base, Identified, Json, Stamped, TenantOwned, addressable, belongs_to

_LIVE = text("archived_at IS NULL")


class Requirement(Identified, Stamped, Archivable, TenantOwned, Base):
    """What the app must do, in words; carries metrics; the axis users think in."""

    __tablename__ = "requirement"
    __table_args__ = (
        addressable(),
        belongs_to("project_id", "project"),
        Index("uq_requirement_name", "organization_id", "project_id", "name", unique=True, postgresql_where=_LIVE),
    )
    project_id: Mapped[UUID]
    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="", server_default="")


class Metric(Identified, Stamped, Archivable, TenantOwned, Base):
    """A configured evaluator: key, params and the rule that decides. A judge asks `model_id`, else the project's default.

    Criteria from a prompt stand in `params` as they are in `prompt_version_id`.
    """

    __tablename__ = "metric"
    __table_args__ = (
        addressable(),
        belongs_to("project_id", "project"),
        belongs_to("model_id", "model"),
        belongs_to("prompt_version_id", "prompt_version"),
        Index("uq_metric_name", "organization_id", "project_id", "name", unique=True, postgresql_where=_LIVE),
        Index(
            "ix_metric_prompt_version_id",
            "organization_id",
            "prompt_version_id",
            postgresql_where=text("prompt_version_id IS NOT NULL"),
        ),
    )
    project_id: Mapped[UUID]
    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="", server_default="")
    evaluator_key: Mapped[str]
    params: Mapped[Json]
    rule: Mapped[Json]
    model_id: Mapped[UUID | None]
    prompt_version_id: Mapped[UUID | None]
    required: Mapped[bool] = mapped_column(default=True, server_default=text("true"))


class TestEdit(Identified, TenantOwned, Base):
    """One change to many tests: which and what, and once it is made how many it touched."""

    __tablename__ = "test_edit"
    __table_args__ = (
        belongs_to("project_id", "project"),
        UniqueConstraint("organization_id", "idempotency_key"),
    )
    project_id: Mapped[UUID]
    test_ids: Mapped[list[UUID]]
    changes: Mapped[Json]
    changed: Mapped[int | None]
    idempotency_key: Mapped[str | None]
    idempotency_body: Mapped[str | None]
    author_id: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]


class MetricVersion(Identified, TenantOwned, Base):
    """A metric as it was when a run froze it, with the evaluator's revision and, for a judge, what makes its model's judgements.

    `prompt_version_id` is where the criteria came from when this content was first frozen; it tells no contents apart.
    """

    __tablename__ = "metric_version"
    __table_args__ = (
        addressable(),
        UniqueConstraint("organization_id", "metric_id", "content_hash"),
        belongs_to("metric_id", "metric"),
        belongs_to("prompt_version_id", "prompt_version"),
    )
    metric_id: Mapped[UUID]
    content_hash: Mapped[str]
    name: Mapped[str]
    evaluator_key: Mapped[str]
    evaluator_revision: Mapped[int]
    params: Mapped[Json]
    rule: Mapped[Json]
    model: Mapped[Any] = mapped_column(JSONB(none_as_null=True), nullable=True, default=None)
    prompt_version_id: Mapped[UUID | None]
    required: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AttackSuite(Identified, TenantOwned, Base):
    """How a judge, frozen as a metric's version, stood up to the attack suite; written when it was asked for and when it ended.

    Without `outcomes` at the end, `control` says why attacks could prove nothing.
    """

    __tablename__ = "attack_suite"
    __table_args__ = (
        addressable(),
        belongs_to("project_id", "project"),
        belongs_to("metric_id", "metric"),
        belongs_to("metric_version_id", "metric_version"),
        belongs_to("job_id", "job"),
        Index("ix_attack_suite_metric_id", "organization_id", "metric_id", "id"),
        Index("ix_attack_suite_job_id", "organization_id", "job_id"),
        CheckConstraint("(ended_at IS NULL) = (control IS NULL)", name="ended"),
        CheckConstraint("(held IS NULL) = (outcomes IS NULL)", name="held"),
    )
    project_id: Mapped[UUID]
    metric_id: Mapped[UUID]
    metric_version_id: Mapped[UUID]
    job_id: Mapped[UUID]
    sample: Mapped[Json]
    calls: Mapped[int]
    planned: Mapped[int]
    control: Mapped[Any] = mapped_column(JSONB(none_as_null=True), nullable=True)
    outcomes: Mapped[Any] = mapped_column(JSONB(none_as_null=True), nullable=True)
    held: Mapped[int | None]
    model: Mapped[str | None]
    tokens_in: Mapped[int | None]
    tokens_out: Mapped[int | None]
    cost: Mapped[Decimal | None] = mapped_column(Numeric)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]


class RequirementMetric(TenantOwned, Base):
    """Which metrics judge a requirement."""

    __tablename__ = "requirement_metric"
    __table_args__ = (
        belongs_to("requirement_id", "requirement", ondelete="CASCADE"),
        belongs_to("metric_id", "metric", ondelete="CASCADE"),
        Index("ix_requirement_metric_metric_id", "organization_id", "metric_id"),
    )
    requirement_id: Mapped[UUID] = mapped_column(primary_key=True)
    metric_id: Mapped[UUID] = mapped_column(primary_key=True)


class Prompt(Identified, Stamped, Archivable, TenantOwned, Base):
    """A reusable text with variables; `version` is the number of its newest version."""

    __tablename__ = "prompt"
    __table_args__ = (
        addressable(),
        belongs_to("project_id", "project"),
        Index("uq_prompt_name", "organization_id", "project_id", "name", unique=True, postgresql_where=_LIVE),
    )
    project_id: Mapped[UUID]
    name: Mapped[str]
    version: Mapped[int] = mapped_column(default=0, server_default=text("0"))


class PromptVersion(Identified, TenantOwned, Base):
    """A prompt's text under its number: only ever added."""

    __tablename__ = "prompt_version"
    __table_args__ = (
        addressable(),
        UniqueConstraint("organization_id", "prompt_id", "number"),
        belongs_to("prompt_id", "prompt"),
    )
    prompt_id: Mapped[UUID]
    number: Mapped[int]
    template: Mapped[str]
    variables: Mapped[list[str]]
    note: Mapped[str] = mapped_column(default="", server_default="")
    author_id: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Test(Identified, Stamped, Archivable, TenantOwned, Base):
    """One case. `messages` are earlier turns of a chat (role, text); `content_hash` covers everything that a run depends on.

    A text from a prompt stands in `prompt` as it was rendered of `prompt_version_id` with `prompt_values`. `trials` is how
    often a run asks it, whatever the run says.
    """

    __tablename__ = "test"
    __table_args__ = (
        addressable(),
        belongs_to("project_id", "project"),
        belongs_to("requirement_id", "requirement"),
        Index("ix_test_project_id_id", "organization_id", "project_id", "id"),
        belongs_to("prompt_version_id", "prompt_version"),
        Index(
            "ix_test_archived_at",
            *("organization_id", "archived_at"),
            postgresql_where=text("archived_at IS NOT NULL"),
        ),
        Index("ix_test_requirement_id", "organization_id", "requirement_id"),
        Index(
            "ix_test_prompt_version_id",
            "organization_id",
            "prompt_version_id",
            postgresql_where=text("prompt_version_id IS NOT NULL"),
        ),
        CheckConstraint("kind IN ('single_turn')", name="kind"),
        CheckConstraint("trials BETWEEN 1 AND 100", name="trials"),
    )
    project_id: Mapped[UUID]
    requirement_id: Mapped[UUID | None]
    kind: Mapped[str] = mapped_column(default="single_turn", server_default="single_turn")
    prompt: Mapped[str]
    expected: Mapped[str | None]
    messages: Mapped[list[Json]] = mapped_column(default=list, server_default=text("'[]'"))
    context: Mapped[list[str]] = mapped_column(default=list, server_default=text("'{}'"))
    facts: Mapped[Json] = mapped_column("metadata", default=dict, server_default=text("'{}'"))
    prompt_version_id: Mapped[UUID | None]
    prompt_values: Mapped[Json] = mapped_column(default=dict, server_default=text("'{}'"))
    trials: Mapped[int | None]
    content_hash: Mapped[str]


class TestVersion(Identified, TenantOwned, Base):
    """A test as it was when a test set was frozen."""

    __tablename__ = "test_version"
    __table_args__ = (
        addressable(),
        UniqueConstraint("organization_id", "test_id", "content_hash"),
        belongs_to("test_id", "test"),
        belongs_to("requirement_id", "requirement"),
        belongs_to("prompt_version_id", "prompt_version"),
        CheckConstraint("trials BETWEEN 1 AND 100", name="trials"),
    )
    test_id: Mapped[UUID]
    requirement_id: Mapped[UUID | None]
    kind: Mapped[str]
    prompt: Mapped[str]
    expected: Mapped[str | None]
    messages: Mapped[list[Json]]
    context: Mapped[list[str]]
    facts: Mapped[Json] = mapped_column("metadata")
    prompt_version_id: Mapped[UUID | None]
    prompt_values: Mapped[Json] = mapped_column(default=dict, server_default=text("'{}'"))
    trials: Mapped[int | None]
    content_hash: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class TestSet(Identified, Stamped, Archivable, TenantOwned, Base):
    """An ordered group of tests."""

    __tablename__ = "test_set"
    __table_args__ = (
        addressable(),
        belongs_to("project_id", "project"),
        Index("uq_test_set_name", "organization_id", "project_id", "name", unique=True, postgresql_where=_LIVE),
    )
    project_id: Mapped[UUID]
    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="", server_default="")


class TestSetItem(TenantOwned, Base):
    """A test's place in a test set's working list."""

    __tablename__ = "test_set_item"
    __table_args__ = (
        belongs_to("test_set_id", "test_set", ondelete="CASCADE"),
        belongs_to("test_id", "test", ondelete="CASCADE"),
        Index("ix_test_set_item_position", "organization_id", "test_set_id", "position"),
        Index("ix_test_set_item_test_id", "organization_id", "test_id"),
    )
    test_set_id: Mapped[UUID] = mapped_column(primary_key=True)
    test_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int]


class TestSetMetric(TenantOwned, Base):
    """Which metrics judge a test set, before its tests' requirements are asked."""

    __tablename__ = "test_set_metric"
    __table_args__ = (
        belongs_to("test_set_id", "test_set", ondelete="CASCADE"),
        belongs_to("metric_id", "metric", ondelete="CASCADE"),
    )
    test_set_id: Mapped[UUID] = mapped_column(primary_key=True)
    metric_id: Mapped[UUID] = mapped_column(primary_key=True)


class TestSetVersion(Identified, TenantOwned, Base):
    """A test set's content, frozen: numbered, hashed, never changed."""

    __tablename__ = "test_set_version"
    __table_args__ = (
        addressable(),
        UniqueConstraint("organization_id", "test_set_id", "number"),
        UniqueConstraint("organization_id", "test_set_id", "content_hash"),
        belongs_to("test_set_id", "test_set"),
    )
    test_set_id: Mapped[UUID]
    number: Mapped[int]
    content_hash: Mapped[str]
    test_count: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class TestSetVersionItem(TenantOwned, Base):
    """A frozen test's place in a frozen test set."""

    __tablename__ = "test_set_version_item"
    __table_args__ = (
        belongs_to("test_set_version_id", "test_set_version"),
        belongs_to("test_version_id", "test_version"),
        Index("ix_test_set_version_item_version", "test_version_id"),
    )
    test_set_version_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    test_version_id: Mapped[UUID]


class ImportSession(Identified, Stamped, TenantOwned, Base):
    """An uploaded file as read, kept until it is confirmed or expires: nothing is written before the preview is accepted."""

    __tablename__ = "import_session"
    __table_args__ = (addressable(), belongs_to("project_id", "project"))
    project_id: Mapped[UUID]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id", ondelete="SET NULL"))
    file_name: Mapped[str]
    test_set_name: Mapped[str]
    mapping: Mapped[Json] = mapped_column(default=dict, server_default=text("'{}'"))
    columns: Mapped[list[str]] = mapped_column(default=list, server_default=text("'{}'"))
    rows: Mapped[list[Json]]
    problems: Mapped[list[Json]] = mapped_column(default=list, server_default=text("'[]'"))
    test_set_id: Mapped[UUID | None]
    confirmed_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]
