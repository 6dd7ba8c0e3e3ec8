"""The effective outcome in one view each for results and evaluations.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    cursor = op.get_bind().connection.cursor()
    for statement in (EVALUATIONS, RESULTS, GRANTS):
        cursor.execute(statement)


# security_invoker: the policies of the tables below bind whoever reads the view.
EVALUATIONS = """
CREATE VIEW effective_evaluation WITH (security_invoker = true) AS
SELECT e.id, e.organization_id, e.result_id, e.run_id, e.metric_version_id, e.position, e.applicable, e.score, e.label, e.reason, e.evidence,
       e.duration_ms, e.model, e.tokens_in, e.tokens_out, e.cost, e.raw, e.created_at, COALESCE(v.verdict, e.verdict) AS verdict, e.verdict AS automated_verdict, v.id IS NOT NULL AS is_reviewed
  FROM evaluation e
  LEFT JOIN review v ON v.organization_id = e.organization_id AND v.evaluation_id = e.id AND v.superseded_at IS NULL;
"""

# Results whose evaluations were reviewed are decided anew as scoring.outcome does it; the join on run_id lets a question
# about one run look at that run's reviews alone.
RESULTS = """
CREATE VIEW effective_result WITH (security_invoker = true) AS
SELECT r.id, r.organization_id, r.run_id, r.test_version_id, r.trial, r.test_id, r.requirement_id, r.position, r.error_code, r.error_detail,
       r.attempts, r.request, r.response, r.output, r.context, r.tool_calls, r.latency_ms, r.tokens_in, r.tokens_out, r.created_at,
       COALESCE(v.verdict, again.outcome, r.outcome) AS outcome, r.outcome AS automated_outcome,
       (v.id IS NOT NULL OR again.outcome IS NOT NULL) AS is_reviewed
  FROM test_result r
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

GRANTS = "GRANT SELECT ON effective_evaluation, effective_result TO rhesis_app;"
