"""Runs that come of other runs: what they were chosen by, and stored answers that wait to be scored.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("test_run", sa.Column("chosen_by", sa.Text(), nullable=True))
    op.create_check_constraint(op.f("ck_test_run_parent"), "test_run", "kind = 'run' OR parent_run_id IS NOT NULL")
    op.create_check_constraint(op.f("ck_test_run_chosen_by"), "test_run", "chosen_by IN ('failed', 'error')")
    op.create_index("ix_test_run_parent_run_id", "test_run", ["organization_id", "parent_run_id"])
    # no endpoint: a stored answer is scored, and nobody's limit is touched
    op.alter_column("work_item", "endpoint_id", existing_type=sa.Uuid(), nullable=True)
    cursor = op.get_bind().connection.cursor()
    for statement in (LEASES, DEADLINES):
        cursor.execute(statement)


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
