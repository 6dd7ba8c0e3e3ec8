"""What people said of evaluations is looked up for each result, whatever the database knows of its tables.

Revision ID: 0023
Revises: 0022
"""

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(RESULTS)


# As in 0017, but the evaluations of a result are read by its own id, and only where one of them was reviewed. As a set they were grouped for the
# whole organization again for every result, where the statistics of a table were older than a run: a page of 500 tests took minutes then.
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
  LEFT JOIN LATERAL (
    SELECT CASE WHEN bool_or(e.verdict = 'failed') THEN 'failed' WHEN bool_and(e.verdict = 'passed') THEN 'passed' ELSE 'unscored' END AS outcome
      FROM effective_evaluation e
      JOIN metric_version m ON m.organization_id = e.organization_id AND m.id = e.metric_version_id
     WHERE e.organization_id = r.organization_id AND e.result_id = r.id AND m.required AND e.applicable
       AND (SELECT true FROM review x WHERE x.organization_id = r.organization_id AND x.run_id = r.run_id AND x.result_id = r.id
               AND x.evaluation_id IS NOT NULL AND x.superseded_at IS NULL LIMIT 1)
    HAVING count(*) > 0
  ) again ON true;
"""
