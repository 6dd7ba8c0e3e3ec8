"""Calls of models: a throttle for each model, and the turns that processes hold of it.

Revision ID: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"

MOMENT = postgresql.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "model_throttle",
        sa.Column("model_key", sa.Text(), nullable=False),
        sa.Column("paused_until", MOMENT, nullable=True),
        sa.Column("cur_limit", sa.Integer(), nullable=True),
        sa.Column("successes", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lowered_at", MOMENT, nullable=True),
        sa.Column("lowered_for", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("open_s", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("open_until", MOMENT, nullable=True),
        *_owned("model_throttle"),
        sa.CheckConstraint("cur_limit >= 1", name=op.f("ck_model_throttle_cur_limit")),
        sa.CheckConstraint("(open_s > 0) = (open_until IS NOT NULL)", name=op.f("ck_model_throttle_open")),
        sa.PrimaryKeyConstraint("organization_id", "model_key", name=op.f("pk_model_throttle")),
    )
    op.create_table(
        "model_turns",
        sa.Column("model_key", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("turns", sa.Integer(), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("since", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("lease_until", MOMENT, nullable=False),
        *_owned("model_turns"),
        sa.CheckConstraint("turns >= 0 AND wanted >= 0", name=op.f("ck_model_turns_turns")),
        sa.PrimaryKeyConstraint("organization_id", "model_key", "holder", name=op.f("pk_model_turns")),
    )
    cursor = op.get_bind().connection.cursor()
    for table in ("model_throttle", "model_turns"):
        cursor.execute(POLICIES.replace("TABLE_NAME", table))
    for statement in (VIEW, GRANTS, DUE, OWNERS, RELEASE):
        cursor.execute(statement)


def _owned(table: str) -> tuple[sa.Column, sa.ForeignKeyConstraint]:  # type: ignore[type-arg]
    return (
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f(f"fk_{table}_organization_id"), ondelete="RESTRICT"
        ),
    )


POLICIES = """
ALTER TABLE TABLE_NAME ENABLE ROW LEVEL SECURITY;
ALTER TABLE TABLE_NAME FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON TABLE_NAME TO rhesis_app USING (organization_id = app_organization()) WITH CHECK (organization_id = app_organization());
DO $$ BEGIN EXECUTE format('CREATE POLICY owner ON TABLE_NAME TO %I USING (true) WITH CHECK (true)', current_user); END $$;
"""

# Which models a run calls, by the key of their throttle: those that judge, and the one that it asks as its endpoint.
VIEW = """
CREATE VIEW run_model WITH (security_invoker = true) AS
SELECT m.organization_id, m.run_id, COALESCE(v.model->>'id', 'instance') AS model_key
  FROM run_metric m JOIN metric_version v ON v.organization_id = m.organization_id AND v.id = m.metric_version_id
 WHERE v.model IS NOT NULL
UNION
SELECT r.organization_id, r.id, r.endpoint_snapshot->'chat'->>'model_id'
  FROM test_run r WHERE r.kind <> 'rescore' AND r.source <> 'replay-or-fail' AND r.endpoint_snapshot->'chat'->>'model_id' IS NOT NULL;
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON model_throttle TO rhesis_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON model_turns TO rhesis_app;
GRANT SELECT ON run_model TO rhesis_app;
"""

# As before; and a run one of whose models may not be called now waits as well.
DUE = """
CREATE OR REPLACE FUNCTION due_runs(most integer) RETURNS TABLE (organization_id uuid, run_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT r.organization_id, r.id FROM test_run r
   WHERE r.finished_at IS NULL AND r.paused_at IS NULL
     AND (r.kind = 'rescore' OR r.source = 'replay-or-fail' OR NOT EXISTS (
       SELECT 1 FROM endpoint_throttle t WHERE t.endpoint_id = r.endpoint_id AND GREATEST(t.paused_until, t.open_until) > now())
       OR (r.source = 'replay' AND EXISTS (
         SELECT 1 FROM work_item w WHERE w.run_id = r.id AND w.lease_owner IS NULL AND w.endpoint_id IS NULL)))
     AND NOT EXISTS (
       SELECT 1 FROM model_throttle t JOIN run_model m ON m.organization_id = t.organization_id AND m.model_key = t.model_key
        WHERE t.organization_id = r.organization_id AND m.run_id = r.id AND GREATEST(t.paused_until, t.open_until) > now())
     AND EXISTS (SELECT 1 FROM work_item w WHERE w.run_id = r.id AND w.lease_owner IS NULL AND w.not_before <= now())
     AND NOT EXISTS (SELECT 1 FROM work_item w WHERE w.run_id = r.id AND w.lease_until > now())
   ORDER BY r.id LIMIT most $$;
"""

# As in 0010; and the turns of dead processes go back with their leases.
OWNERS = """
CREATE OR REPLACE FUNCTION lease_owners(place text) RETURNS TABLE (owner text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT DISTINCT w.lease_owner FROM work_item w WHERE w.lease_owner IS NOT NULL AND starts_with(w.lease_owner, place)
  UNION SELECT j.lease_owner FROM job j WHERE j.lease_owner IS NOT NULL AND starts_with(j.lease_owner, place)
  UNION SELECT t.holder FROM model_turns t WHERE starts_with(t.holder, place) $$;
"""

RELEASE = """
CREATE OR REPLACE FUNCTION release_leases(owners text[], whole_worker boolean) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE released integer; more integer;
BEGIN
  UPDATE work_item SET lease_owner = NULL, lease_until = NULL, fence = fence + 1, not_before = now(), last_error = 'worker_lost'
   WHERE lease_owner = ANY (owners) AND whole_worker AND attempt - throttled = 1 AND max_attempts > 1 AND NOT solo;
  GET DIAGNOSTICS released = ROW_COUNT;
  UPDATE work_item SET lease_until = now() - interval '1 second' WHERE lease_owner = ANY (owners);
  GET DIAGNOSTICS more = ROW_COUNT;
  released := released + more;
  UPDATE job SET lease_until = now() - interval '1 second' WHERE lease_owner = ANY (owners);
  GET DIAGNOSTICS more = ROW_COUNT;
  DELETE FROM model_turns WHERE holder = ANY (owners);
  RETURN released + more;
END $$;
"""
