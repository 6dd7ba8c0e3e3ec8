"""What answers cost, prices of endpoints, and a cap on what a run may spend.

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    for name in ("price_input", "price_output"):
        op.add_column("endpoint", sa.Column(name, sa.Numeric(), nullable=True))
    op.create_check_constraint(op.f("ck_endpoint_prices"), "endpoint", "price_input >= 0 AND price_output >= 0")
    op.add_column("test_result", sa.Column("cost", sa.Numeric(), nullable=True))
    op.create_check_constraint(op.f("ck_test_result_cost"), "test_result", "cost >= 0")
    op.add_column("test_run", sa.Column("cost_cap", sa.Numeric(), nullable=True))
    op.add_column("test_run", sa.Column("spent", sa.Numeric(), server_default=sa.text("0"), nullable=False))
    op.create_check_constraint(op.f("ck_test_run_cost_cap"), "test_run", "cost_cap > 0")
    cursor = op.get_bind().connection.cursor()
    for statement in (PRICED, INDEXES, RESULTS, CAPPED, CLOSE):
        cursor.execute(statement)


# Answers of a model with prices were priced whenever they were shown; from here on the cost is kept with the answer.
PRICED = """
UPDATE test_result r
   SET cost = (r.tokens_in * CAST(p.prices->>'input_per_million' AS numeric) + r.tokens_out * CAST(p.prices->>'output_per_million' AS numeric)) / 1000000
  FROM (SELECT t.organization_id, t.id, t.endpoint_snapshot->'chat'->'prices' AS prices FROM test_run t WHERE t.kind <> 'rescore') p
 WHERE p.organization_id = r.organization_id AND p.id = r.run_id AND r.outcome <> 'error' AND r.tokens_in IS NOT NULL AND r.tokens_out IS NOT NULL
   AND p.prices->>'input_per_million' IS NOT NULL AND p.prices->>'output_per_million' IS NOT NULL;
"""

# A run's sums while it goes on, without reading its answers: only what has tokens or a cost stands in them.
INDEXES = """
CREATE INDEX ix_test_result_spent ON test_result (run_id) INCLUDE (cost, tokens_in, tokens_out)
 WHERE tokens_in IS NOT NULL OR tokens_out IS NOT NULL OR cost IS NOT NULL;
CREATE INDEX ix_evaluation_spent ON evaluation (run_id) INCLUDE (cost, tokens_in, tokens_out) WHERE model IS NOT NULL;
"""

# As in 0016, with the cost at its end.
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
       x.retry_run_id, CASE WHEN x.run_id IS NULL THEN r.cost ELSE n.cost END AS cost
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

# What a run that has reached its cap has not asked ends as an error, of one run or of all; calls in flight finish by themselves.
CAPPED = """
CREATE FUNCTION end_spent(only_run uuid, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE ended integer;
BEGIN
  WITH rest AS MATERIALIZED (
    SELECT w.run_id, w.test_version_id, w.trial FROM work_item w JOIN test_run r ON r.id = w.run_id
     WHERE r.finished_at IS NULL AND r.spent >= r.cost_cap AND w.lease_owner IS NULL AND (only_run IS NULL OR r.id = only_run)
     LIMIT most FOR UPDATE OF w SKIP LOCKED
  ), gone AS (
    DELETE FROM work_item w USING rest l WHERE (w.run_id, w.test_version_id, w.trial) = (l.run_id, l.test_version_id, l.trial) RETURNING w.*
  ), kept AS (
    INSERT INTO test_result (organization_id, id, run_id, test_version_id, trial, test_id, requirement_id, position, outcome, error_code, error_detail, attempts)
    SELECT g.organization_id, gen_random_uuid(), g.run_id, g.test_version_id, g.trial, v.test_id, v.requirement_id, g.position, 'error', 'cost_cap',
           'The run reached its cost cap before this test was answered.', g.attempt
      FROM gone g JOIN test_version v ON v.id = g.test_version_id RETURNING 1
  ) SELECT count(*) FROM kept INTO ended;
  RETURN ended;
END $$;
"""

CLOSE = """
REVOKE ALL ON FUNCTION end_spent(uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION end_spent(uuid, integer) TO rhesis_app;
"""
