"""Schedules: runs that are started again and again.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "schedule",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("cron", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("test_set_id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("metric_ids", postgresql.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("is_paused", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        _moment("next_at"),
        _moment("last_fired_at"),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        _now("created_at"),
        _now("updated_at"),
        _moment("archived_at"),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(next_at IS NOT NULL) = (NOT is_paused AND archived_at IS NULL)", name=op.f("ck_schedule_next_at")
        ),
        *(_belongs_to(column, table) for column, table in TARGETS.items()),
        sa.ForeignKeyConstraint(
            ["created_by"], ["app_user.id"], name=op.f("fk_schedule_created_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_schedule_organization_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedule")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_schedule_organization_id_id")),
    )
    op.create_index(
        "uq_schedule_live_name",
        "schedule",
        ["organization_id", "project_id", "name"],
        unique=True,
        postgresql_where=sa.text("archived_at IS NULL"),
    )
    op.create_index("ix_schedule_due", "schedule", ["next_at"], postgresql_where=sa.text("next_at IS NOT NULL"))
    _runs()
    cursor = op.get_bind().connection.cursor()
    for statement in (POLICIES, GRANTS, DUE):
        cursor.execute(statement)


def _runs() -> None:
    op.add_column("test_run", sa.Column("schedule_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_test_run_organization_id_schedule_id"),
        "test_run",
        "schedule",
        ["organization_id", "schedule_id"],
        ["organization_id", "id"],
        ondelete="RESTRICT",
    )
    op.create_index(
        "ix_test_run_schedule_id",
        "test_run",
        ["organization_id", "schedule_id", "number"],
        postgresql_where=sa.text("schedule_id IS NOT NULL"),
    )


TARGETS = {"project_id": "project", "test_set_id": "test_set", "endpoint_id": "endpoint"}


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.TIMESTAMP(timezone=True), nullable=True)


def _now(name: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False)


def _belongs_to(column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id", column],
        [f"{target}.organization_id", f"{target}.id"],
        name=op.f(f"fk_schedule_organization_id_{column}"),
        ondelete="RESTRICT",
    )


POLICIES = """
ALTER TABLE schedule ENABLE ROW LEVEL SECURITY;
ALTER TABLE schedule FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON schedule TO rhesis_app
  USING (organization_id = app_organization()) WITH CHECK (organization_id = app_organization());
DO $$ BEGIN EXECUTE format('CREATE POLICY owner ON schedule TO %I USING (true) WITH CHECK (true)', current_user); END $$;
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON schedule TO rhesis_app;
"""

# Ids alone cross organizations, and what is archived with its project waits. Who starts the run claims the row by the time that was due, so that of several sweepers one does.
DUE = """
CREATE FUNCTION due_schedules(most integer) RETURNS TABLE (organization_id uuid, schedule_id uuid, due_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT s.organization_id, s.id, s.next_at
    FROM schedule s JOIN project p ON p.organization_id = s.organization_id AND p.id = s.project_id AND p.archived_at IS NULL
   WHERE s.next_at <= now() ORDER BY s.next_at, s.id LIMIT most $$;
REVOKE ALL ON FUNCTION due_schedules(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION due_schedules(integer) TO rhesis_app;
"""
