"""Answers that stand in place of errors, and runs that are paused.

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    _replacements()
    _pauses()
    cursor = op.get_bind().connection.cursor()
    for statement in (POLICIES, GRANTS, RESULTS, DUE, DEADLINES):
        cursor.execute(statement)


def _replacements() -> None:
    op.create_table(
        "replacement",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("test_version_id", sa.Uuid(), nullable=False),
        sa.Column("trial", sa.Integer(), nullable=False),
        sa.Column("result_id", sa.Uuid(), nullable=False),
        sa.Column("retry_run_id", sa.Uuid(), nullable=False),
        sa.Column("answer_id", sa.Uuid(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("outcome IN ('passed', 'failed', 'unscored')", name=op.f("ck_replacement_outcome")),
        *(_belongs_to(column, table) for column, table in TARGETS.items()),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_replacement_organization_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("run_id", "test_version_id", "trial", name=op.f("pk_replacement")),
        sa.UniqueConstraint("organization_id", "answer_id", name=op.f("uq_replacement_organization_id_answer_id")),
    )


TARGETS = {
    "run_id": "test_run",
    "test_version_id": "test_version",
    "result_id": "test_result",
    "retry_run_id": "test_run",
    "answer_id": "test_result",
}


def _belongs_to(column: str, table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id", column],
        [f"{table}.organization_id", f"{table}.id"],
        name=op.f(f"fk_replacement_organization_id_{column}"),
        ondelete="RESTRICT",
    )


def _pauses() -> None:
    op.add_column("test_run", sa.Column("paused_at", postgresql.TIMESTAMP(timezone=True), nullable=True))
    op.add_column("test_run", sa.Column("paused_by", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_test_run_paused_by"), "test_run", "app_user", ["paused_by"], ["id"], ondelete="SET NULL"
    )
    op.create_check_constraint(
        op.f("ck_test_run_paused"),
        "test_run",
        "paused_at IS NULL OR (finished_at IS NULL AND cancel_requested_at IS NULL)",
    )
    # one retry of a run's errors at a time, also where two ask at once
    op.create_index(
        "uq_test_run_open_retry",
        "test_run",
        ["organization_id", "parent_run_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'retry' AND finished_at IS NULL"),
    )


POLICIES = """
ALTER TABLE replacement ENABLE ROW LEVEL SECURITY;
ALTER TABLE replacement FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON replacement TO rhesis_app
  USING (organization_id = app_organization()) WITH CHECK (organization_id = app_organization());
DO $$ BEGIN EXECUTE format('CREATE POLICY owner ON replacement TO %I USING (true) WITH CHECK (true)', current_user); END $$;
"""

# What once replaced an error is never taken back.
GRANTS = """
GRANT SELECT, INSERT ON replacement TO rhesis_app;
"""

# As in 0007; where an answer replaced an error, what is shown is the answer's, under the error's own id and key. Its evaluations were copied
# under that id, and reviews are of it, so that those two joins need not know. Who counts by outcome alone never reads the answer's row: the
# replacement has its outcome, and the planner leaves out a join of which nothing is asked.
RESULTS = """
CREATE OR REPLACE VIEW effective_result WITH (security_invoker = true) AS
SELECT r.id, r.organization_id, r.run_id, r.test_version_id, r.trial, r.test_id, r.requirement_id, r.position,
       CASE WHEN x.run_id IS NULL THEN r.error_code END AS error_code,
       CASE WHEN x.run_id IS NULL THEN r.error_detail END AS error_detail,
       CASE WHEN x.run_id IS NULL THEN r.attempts ELSE n.attempts END AS attempts,
       CASE WHEN x.run_id IS NULL THEN r.request ELSE n.request END AS request,
       CASE WHEN x.run_id IS NULL THEN r.response ELSE n.response END AS response,
       CASE WHEN x.run_id IS NULL THEN r.output ELSE n.output END AS output,
       CASE WHEN x.run_id IS NULL THEN r.context ELSE n.context END AS context,
       CASE WHEN x.run_id IS NULL THEN r.tool_calls ELSE n.tool_calls END AS tool_calls,
       CASE WHEN x.run_id IS NULL THEN r.latency_ms ELSE n.latency_ms END AS latency_ms,
       CASE WHEN x.run_id IS NULL THEN r.tokens_in ELSE n.tokens_in END AS tokens_in,
       CASE WHEN x.run_id IS NULL THEN r.tokens_out ELSE n.tokens_out END AS tokens_out,
       CASE WHEN x.run_id IS NULL THEN r.created_at ELSE n.created_at END AS created_at,
       COALESCE(v.verdict, again.outcome, x.outcome, r.outcome) AS outcome, COALESCE(x.outcome, r.outcome) AS automated_outcome,
       (v.id IS NOT NULL OR again.outcome IS NOT NULL) AS is_reviewed,
       x.retry_run_id
  FROM test_result r
  LEFT JOIN replacement x ON x.organization_id = r.organization_id AND x.run_id = r.run_id AND x.test_version_id = r.test_version_id AND x.trial = r.trial
  LEFT JOIN test_result n ON n.organization_id = x.organization_id AND n.id = x.answer_id
  LEFT JOIN review v ON v.organization_id = r.organization_id AND v.result_id = r.id AND v.evaluation_id IS NULL AND v.superseded_at IS NULL
  LEFT JOIN (
    SELECT e.organization_id, e.run_id, e.result_id,
           CASE WHEN bool_or(e.verdict = 'failed') THEN 'failed' WHEN bool_and(e.verdict = 'passed') THEN 'passed' ELSE 'unscored' END AS outcome
      FROM effective_evaluation e
      JOIN metric_version m ON m.organization_id = e.organization_id AND m.id = e.metric_version_id
     WHERE m.required AND e.applicable AND EXISTS (
       SELECT 1 FROM review x WHERE x.organization_id = e.organization_id AND x.run_id = e.run_id AND x.result_id = e.result_id
          AND x.evaluation_id IS NOT NULL AND x.superseded_at IS NULL)
     GROUP BY e.organization_id, e.run_id, e.result_id
  ) again ON again.organization_id = r.organization_id AND again.run_id = r.run_id AND again.result_id = r.id;
"""

# As in 0013; nobody is rung for a paused run, and it makes nobody give way.
DUE = """
CREATE OR REPLACE FUNCTION due_runs(most integer) RETURNS TABLE (organization_id uuid, run_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT r.organization_id, r.id FROM test_run r
   WHERE r.finished_at IS NULL AND r.paused_at IS NULL
     AND (r.kind = 'rescore' OR NOT EXISTS (
       SELECT 1 FROM endpoint_throttle t WHERE t.endpoint_id = r.endpoint_id AND GREATEST(t.paused_until, t.open_until) > now()))
     AND EXISTS (SELECT 1 FROM work_item w WHERE w.run_id = r.id AND w.lease_owner IS NULL AND w.not_before <= now())
     AND NOT EXISTS (SELECT 1 FROM work_item w WHERE w.run_id = r.id AND w.lease_until > now())
   ORDER BY r.id LIMIT most $$;
"""

# As in 0009; the deadline of a paused run stands still with it.
DEADLINES = """
CREATE OR REPLACE FUNCTION sweep_deadlines(most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE ended integer;
BEGIN
  WITH late AS MATERIALIZED (
    SELECT w.run_id, w.test_version_id, w.trial FROM work_item w JOIN test_run r ON r.id = w.run_id
     WHERE r.finished_at IS NULL AND r.paused_at IS NULL AND r.deadline_at < now() AND w.lease_owner IS NULL LIMIT most FOR UPDATE OF w SKIP LOCKED
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
