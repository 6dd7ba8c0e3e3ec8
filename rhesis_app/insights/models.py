"""Rows of insights."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from rhesis_app.infra.orm import Archivable, Base, Identified, Json, Stamped, TenantOwned, addressable, belongs_to


class Gate(Identified, Stamped, Archivable, TenantOwned, Base):
    """A named claim about the runs of a project that passes, fails or is undecided."""

    __tablename__ = "gate"
    __table_args__ = (
        addressable(),
        belongs_to("project_id", "project"),
        Index(
            "uq_gate_live_name",
            *("organization_id", "project_id", "name"),
            unique=True,
            postgresql_where=text("archived_at IS NULL"),
        ),
    )
    project_id: Mapped[UUID]
    name: Mapped[str]
    rule: Mapped[Json]


class GateDecision(TenantOwned, Base):
    """What a gate said of a run, with its name and rule at that time and the numbers it decided on."""

    __tablename__ = "gate_decision"
    __table_args__ = (
        belongs_to("run_id", "test_run"),
        belongs_to("gate_id", "gate"),
        CheckConstraint("decision IN ('passed', 'failed', 'undecided')", name="decision"),
    )
    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    gate_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    rule: Mapped[Json]
    decision: Mapped[str]
    numbers: Mapped[Json]
    decided_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Analysis(TenantOwned, Base):
    """What the failures of an ended run have in common, as its latest job found it; `with_model` asks one to name the groups."""

    __tablename__ = "analysis"
    __table_args__ = (belongs_to("run_id", "test_run"), belongs_to("job_id", "job"))
    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    job_id: Mapped[UUID]
    with_model: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    document: Mapped[Any] = mapped_column(JSONB(none_as_null=True), nullable=True, default=None)
    analysed_at: Mapped[datetime | None]
