"""A run whose endpoint has stopped answering comes to its end in minutes instead of at its deadline.

Revision ID: 0021
Revises: 0020
"""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    cursor = op.get_bind().connection.cursor()
    for statement in (GONE, CLOSE):
        cursor.execute(statement)


# The breaker has been opened for 30, 60 and 120 s, and the call after that failed as well: what nobody asks now ends as an error. The failure must
# be one of this run's own time, so that a run which starts later is not ended for what happened before it; calls in flight finish by themselves.
GONE = """
CREATE FUNCTION end_unanswered(most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE ended integer;
BEGIN
  WITH rest AS MATERIALIZED (
    SELECT w.run_id, w.test_version_id, w.trial FROM endpoint_throttle t
      JOIN work_item w ON w.organization_id = t.organization_id AND w.endpoint_id = t.endpoint_id
      JOIN test_run r ON r.organization_id = w.organization_id AND r.id = w.run_id
     WHERE t.open_s >= 240 AND t.open_until > now() AND w.lease_owner IS NULL
       AND r.finished_at IS NULL AND r.paused_at IS NULL
       AND t.open_until - make_interval(secs => t.open_s) > r.started_at + interval '180 s'
     LIMIT most FOR UPDATE OF w SKIP LOCKED
  ), gone AS (
    DELETE FROM work_item w USING rest l WHERE (w.run_id, w.test_version_id, w.trial) = (l.run_id, l.test_version_id, l.trial) RETURNING w.*
  ), kept AS (
    INSERT INTO test_result (organization_id, id, run_id, test_version_id, trial, test_id, requirement_id, position, outcome, error_code, error_detail, attempts)
    SELECT g.organization_id, gen_random_uuid(), g.run_id, g.test_version_id, g.trial, v.test_id, v.requirement_id, g.position, 'error', 'endpoint_gone',
           'The endpoint failed every call for minutes, so this test was given up. Retry the errors when it answers again.', g.attempt
      FROM gone g JOIN test_version v ON v.id = g.test_version_id RETURNING 1
  ) SELECT count(*) FROM kept INTO ended;
  RETURN ended;
END $$;
"""

CLOSE = """
REVOKE ALL ON FUNCTION end_unanswered(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION end_unanswered(integer) TO rhesis_app;
"""
