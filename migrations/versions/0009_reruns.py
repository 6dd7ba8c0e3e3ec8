"""Runs that come of other runs: what they were chosen by, stored answers that wait to be scored; changes to many rows.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("test_run", sa.Column("chosen_by", sa.Text(), nullable=True))
    op.create_check_constraint(op.f("ck_test_run_parent"), "test_run", "kind = 'run' OR parent_run_id IS NOT NULL")
    op.create_check_constraint(op.f("ck_test_run_chosen_by"), "test_run", "chosen_by IN ('failed', 'error')")
    op.create_index("ix_test_run_parent_run_id", "test_run", ["organization_id", "parent_run_id"])
    # no endpoint: a stored answer is scored, and nobody's limit is touched
    op.alter_column("work_item", "endpoint_id", existing_type=sa.Uuid(), nullable=True)
    _orders()
    cursor = op.get_bind().connection.cursor()
    for statement in (LEASES, DEADLINES, *map(policies, ("rescore_order", "test_edit")), GRANTS):
        cursor.execute(statement)


def _orders() -> None:
    op.create_table(
        "rescore_order",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("run_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("metric_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        *_asked_once("rescore_order"),
    )
    op.create_table(
        "test_edit",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("test_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("changes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=True),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        sa.Column("finished_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["author_id"], ["app_user.id"], name=op.f("fk_test_edit_author_id"), ondelete="SET NULL"
        ),
        *_asked_once("test_edit"),
    )


def _asked_once(table: str) -> list[object]:
    """What both have: an id, an organization, a project, and the key that makes a repeated request the first one."""
    return [
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("idempotency_body", sa.Text(), nullable=True),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["project.organization_id", "project.id"],
            name=op.f(f"fk_{table}_organization_id_project_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f(f"fk_{table}_organization_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint(
            "organization_id", "idempotency_key", name=op.f(f"uq_{table}_organization_id_idempotency_key")
        ),
    ]


def policies(table: str) -> str:
    """Row-level security for one table: the app's role sees its organization, the owner everything."""
    rule = "organization_id = app_organization()"
    return f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON {table} TO rhesis_app USING ({rule}) WITH CHECK ({rule});
DO $$ BEGIN EXECUTE format('CREATE POLICY owner ON {table} TO %I USING (true) WITH CHECK (true)', current_user); END $$;
"""


GRANTS = """
GRANT SELECT, INSERT ON rescore_order TO rhesis_app;
GRANT SELECT, INSERT, UPDATE (changed, finished_at) ON test_edit TO rhesis_app;
"""


# As in 0001; what is lost or late while it is scored says so.
LEASES = """
CREATE OR REPLACE FUNCTION sweep_leases(most integer) RETURNS TABLE (returned integer, lost integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  WITH stale AS MATERIALIZED (
    SELECT w.run_id, w.test_version_id, w.trial, w.attempt - w.throttled >= w.max_attempts AS dead
      FROM work_item w WHERE w.lease_until < now() LIMIT most FOR UPDATE SKIP LOCKED
  ), back AS (
    UPDATE work_item w SET lease_owner = NULL, lease_until = NULL, fence = w.fence + 1, not_before = now(), solo = true, last_error = 'worker_lost'
      FROM stale s WHERE NOT s.dead AND (w.run_id, w.test_version_id, w.trial) = (s.run_id, s.test_version_id, s.trial) RETURNING 1
  ), gone AS (
    DELETE FROM work_item w USING stale s
     WHERE s.dead AND (w.run_id, w.test_version_id, w.trial) = (s.run_id, s.test_version_id, s.trial) RETURNING w.*
  ), kept AS (
    INSERT INTO test_result (organization_id, id, run_id, test_version_id, trial, test_id, requirement_id, position, outcome, error_code, error_detail, attempts)
    SELECT g.organization_id, gen_random_uuid(), g.run_id, g.test_version_id, g.trial, v.test_id, v.requirement_id, g.position, 'error', 'worker_lost',
           CASE WHEN g.endpoint_id IS NULL THEN 'The worker stopped while scoring this answer, each time it was tried.'
                ELSE 'The worker stopped while asking this test, each time it was tried.' END, g.attempt
      FROM gone g JOIN test_version v ON v.id = g.test_version_id RETURNING 1
  ) SELECT (SELECT count(*) FROM back), (SELECT count(*) FROM kept) INTO returned, lost;
  RETURN NEXT;
END $$;
"""

DEADLINES = """
CREATE OR REPLACE FUNCTION sweep_deadlines(most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE ended integer;
BEGIN
  WITH late AS MATERIALIZED (
    SELECT w.run_id, w.test_version_id, w.trial FROM work_item w JOIN test_run r ON r.id = w.run_id
     WHERE r.finished_at IS NULL AND r.deadline_at < now() AND w.lease_owner IS NULL LIMIT most FOR UPDATE OF w SKIP LOCKED
  ), gone AS (
    DELETE FROM work_item w USING late l WHERE (w.run_id, w.test_version_id, w.trial) = (l.run_id, l.test_version_id, l.trial) RETURNING w.*
  ), kept AS (
    INSERT INTO test_result (organization_id, id, run_id, test_version_id, trial, test_id, requirement_id, position, outcome, error_code, error_detail, attempts)
    SELECT g.organization_id, gen_random_uuid(), g.run_id, g.test_version_id, g.trial, v.test_id, v.requirement_id, g.position, 'error', 'deadline',
           CASE WHEN g.endpoint_id IS NULL THEN 'The run reached its deadline before this answer was scored.'
                ELSE 'The run reached its deadline before this test was answered.' END, g.attempt
      FROM gone g JOIN test_version v ON v.id = g.test_version_id RETURNING 1
  ) SELECT count(*) FROM kept INTO ended;
  RETURN ended;
END $$;
"""
