"""Recordings: exchanges kept under the hash of their content, and runs that replay them.

Revision ID: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    _runs()
    op.create_table(
        "recorded_exchange",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("test_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("is_json", sa.Boolean(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("latency_ms", sa.Double(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        *(_belongs_to("recorded_exchange", column, table) for column, table in TARGETS.items()),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_recorded_exchange_organization_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("run_id", "content_hash", "test_id", name=op.f("pk_recorded_exchange")),
    )
    cursor = op.get_bind().connection.cursor()
    for statement in (POLICIES, GRANTS, DUE):
        cursor.execute(statement)


def _runs() -> None:
    op.add_column("test_run", sa.Column("source", sa.Text(), server_default="live", nullable=False))
    op.add_column("test_run", sa.Column("recording_run_id", sa.Uuid(), nullable=True))
    op.add_column("test_run", sa.Column("answers", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.create_check_constraint(
        op.f("ck_test_run_source"), "test_run", "source IN ('live', 'record', 'replay', 'replay-or-fail')"
    )
    op.create_check_constraint(
        op.f("ck_test_run_recording_run_id"),
        "test_run",
        "(recording_run_id IS NOT NULL) = (source IN ('replay', 'replay-or-fail'))",
    )
    op.create_foreign_key(
        op.f("fk_test_run_organization_id_recording_run_id"),
        "test_run",
        "test_run",
        ["organization_id", "recording_run_id"],
        ["organization_id", "id"],
        ondelete="RESTRICT",
    )
    op.create_index(
        "ix_test_run_recorded",
        "test_run",
        ["organization_id", "test_set_id", "number"],
        postgresql_where=sa.text("source = 'record'"),
    )


TARGETS = {"run_id": "test_run", "test_id": "test"}


def _belongs_to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id", column],
        [f"{target}.organization_id", f"{target}.id"],
        name=op.f(f"fk_{table}_organization_id_{column}"),
        ondelete="RESTRICT",
    )


POLICIES = """
ALTER TABLE recorded_exchange ENABLE ROW LEVEL SECURITY;
ALTER TABLE recorded_exchange FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON recorded_exchange TO rhesis_app
  USING (organization_id = app_organization()) WITH CHECK (organization_id = app_organization());
DO $$ BEGIN EXECUTE format('CREATE POLICY owner ON recorded_exchange TO %I USING (true) WITH CHECK (true)', current_user); END $$;
"""

GRANTS = """
GRANT SELECT, INSERT ON recorded_exchange TO rhesis_app;
"""

# As in 0013; and a replay that has answers left to look for is held up by no endpoint.
DUE = """
CREATE OR REPLACE FUNCTION due_runs(most integer) RETURNS TABLE (organization_id uuid, run_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT r.organization_id, r.id FROM test_run r
   WHERE r.finished_at IS NULL AND r.paused_at IS NULL
     AND (r.kind = 'rescore' OR r.source = 'replay-or-fail' OR NOT EXISTS (
       SELECT 1 FROM endpoint_throttle t WHERE t.endpoint_id = r.endpoint_id AND GREATEST(t.paused_until, t.open_until) > now())
       OR (r.source = 'replay' AND EXISTS (
         SELECT 1 FROM work_item w WHERE w.run_id = r.id AND w.lease_owner IS NULL AND w.endpoint_id IS NULL)))
     AND EXISTS (SELECT 1 FROM work_item w WHERE w.run_id = r.id AND w.lease_owner IS NULL AND w.not_before <= now())
     AND NOT EXISTS (SELECT 1 FROM work_item w WHERE w.run_id = r.id AND w.lease_until > now())
   ORDER BY r.id LIMIT most $$;
"""
