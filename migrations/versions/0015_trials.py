"""Trials: tests that are asked several times, and the one outcome that a test's trials come to.

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    for table in ("test", "test_version"):
        op.add_column(table, sa.Column("trials", sa.Integer(), nullable=True))
        op.create_check_constraint(op.f(f"ck_{table}_trials"), table, "trials BETWEEN 1 AND 100")
    op.create_check_constraint(op.f("ck_test_run_trials"), "test_run", "trials BETWEEN 1 AND 100")
    # there exactly where the unit of a run's numbers is the test and not the result
    op.add_column("test_run", sa.Column("test_count", sa.Integer(), nullable=True))
    op.create_check_constraint(op.f("ck_test_run_test_count"), "test_run", "test_count BETWEEN 1 AND planned")
    op.add_column("test_run", sa.Column("reduced", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.drop_constraint(op.f("ck_test_run_chosen_by"), "test_run")
    op.create_check_constraint(op.f("ck_test_run_chosen_by"), "test_run", "chosen_by IN ('failed', 'error', 'flaky')")
    cursor = op.get_bind().connection.cursor()
    for statement in (TESTS, GRANTS):
        cursor.execute(statement)


# The outcome is scoring.reducers.reduce_trials in SQL; a test holds the two against each other. The quals of a question
# about one run reach the innermost select, and columns that nobody asks for are not aggregated.
TESTS = """
CREATE VIEW effective_test WITH (security_invoker = true) AS
SELECT c.organization_id, c.run_id, c.test_version_id, c.test_id, c.requirement_id, c.position, c.trials,
       c.passed, c.failed, c.error, c.unscored, c.outcome, c.passed > 0 AND c.failed > 0 AS is_flaky,
       c.answered, c.outcomes, c.result_ids,
       c.result_ids[COALESCE(array_position(c.outcomes, c.outcome), 1)] AS result_id,
       c.answered[COALESCE(array_position(c.outcomes, c.outcome), 1)] AS trial
  FROM (
    SELECT t.*, n.trials,
           CASE WHEN t.passed >= n.needed THEN 'passed' WHEN n.trials - t.failed < n.needed THEN 'failed'
                WHEN t.passed + t.failed + t.error + t.unscored < n.trials THEN 'pending'
                WHEN t.error > 0 THEN 'error' ELSE 'unscored' END AS outcome
      FROM (
        SELECT e.organization_id, e.run_id, e.test_version_id, e.test_id, e.requirement_id, e.position,
               CAST(count(*) FILTER (WHERE e.outcome = 'passed') AS integer) AS passed,
               CAST(count(*) FILTER (WHERE e.outcome = 'failed') AS integer) AS failed,
               CAST(count(*) FILTER (WHERE e.outcome = 'error') AS integer) AS error,
               CAST(count(*) FILTER (WHERE e.outcome = 'unscored') AS integer) AS unscored,
               array_agg(e.trial ORDER BY e.trial) AS answered, array_agg(e.outcome ORDER BY e.trial) AS outcomes,
               array_agg(e.id ORDER BY e.trial) AS result_ids
          FROM effective_result e
         GROUP BY e.organization_id, e.run_id, e.test_version_id, e.test_id, e.requirement_id, e.position
      ) t
      JOIN test_run r ON r.organization_id = t.organization_id AND r.id = t.run_id
      JOIN test_version v ON v.organization_id = t.organization_id AND v.id = t.test_version_id
      CROSS JOIN LATERAL (SELECT COALESCE(v.trials, r.trials) AS planned) p
      CROSS JOIN LATERAL (
        SELECT p.planned AS trials,
               CASE r.config->'reducer'->>'name' WHEN 'all' THEN p.planned WHEN 'any' THEN 1
                    WHEN 'at_least' THEN LEAST(CAST(r.config->'reducer'->>'k' AS integer), p.planned)
                    ELSE p.planned / 2 + 1 END AS needed
      ) n
  ) c;
"""

GRANTS = "GRANT SELECT ON effective_test TO rhesis_app;"
