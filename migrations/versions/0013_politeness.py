"""Politeness: a limit that adapts, a breaker, and a budget of retries.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    moment = postgresql.TIMESTAMP(timezone=True)
    for column in (
        sa.Column("cur_limit", sa.Integer(), nullable=True),
        sa.Column("successes", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lowered_at", moment, nullable=True),
        sa.Column("lowered_for", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("open_s", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("open_until", moment, nullable=True),
    ):
        op.add_column("endpoint_throttle", column)
    op.create_check_constraint(op.f("ck_endpoint_throttle_cur_limit"), "endpoint_throttle", "cur_limit >= 1")
    op.create_check_constraint(
        op.f("ck_endpoint_throttle_open"), "endpoint_throttle", "(open_s > 0) = (open_until IS NOT NULL)"
    )
    op.add_column("test_run", sa.Column("retries", sa.Integer(), server_default=sa.text("0"), nullable=False))
    cursor = op.get_bind().connection.cursor()
    for statement in (DUE, WORKING, CLOSE):
        cursor.execute(statement)


# As in 0001; and a run whose endpoint may not be asked now waits without a slice, and makes nobody give way.
DUE = """
CREATE OR REPLACE FUNCTION due_runs(most integer) RETURNS TABLE (organization_id uuid, run_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT r.organization_id, r.id FROM test_run r
   WHERE r.finished_at IS NULL
     AND (r.kind = 'rescore' OR NOT EXISTS (
       SELECT 1 FROM endpoint_throttle t WHERE t.endpoint_id = r.endpoint_id AND GREATEST(t.paused_until, t.open_until) > now()))
     AND EXISTS (SELECT 1 FROM work_item w WHERE w.run_id = r.id AND w.lease_owner IS NULL AND w.not_before <= now())
     AND NOT EXISTS (SELECT 1 FROM work_item w WHERE w.run_id = r.id AND w.lease_until > now())
   ORDER BY r.id LIMIT most $$;
"""

# Whether calls of other runs (of any organization) are under way.
WORKING = """
CREATE FUNCTION others_work(mine uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM work_item w WHERE w.lease_owner IS NOT NULL AND w.lease_until > now() AND w.run_id <> mine) $$;
"""

CLOSE = """
REVOKE ALL ON FUNCTION others_work(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION others_work(uuid) TO rhesis_app;
"""
