"""Leases of workers that are known to be dead go back at once.

Revision ID: 0010
Revises: 0009
"""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    cursor = op.get_bind().connection.cursor()
    for statement in (OWNERS, RELEASE, CLOSE):
        cursor.execute(statement)


OWNERS = """
CREATE FUNCTION lease_owners(place text) RETURNS TABLE (owner text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT DISTINCT w.lease_owner FROM work_item w WHERE w.lease_owner IS NOT NULL AND starts_with(w.lease_owner, place)
  UNION SELECT j.lease_owner FROM job j WHERE j.lease_owner IS NOT NULL AND starts_with(j.lease_owner, place) $$;
"""

# A lease that is made to run out is swept like any other. Where the whole worker died, and not only the process that asked, a test
# is hardly to blame: lost for the first time its item goes back without being asked alone from then on.
RELEASE = """
CREATE FUNCTION release_leases(owners text[], whole_worker boolean) RETURNS integer
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
  RETURN released + more;
END $$;
"""

CLOSE = """
DO $$ DECLARE signature text; BEGIN
  FOREACH signature IN ARRAY ARRAY['lease_owners(text)', 'release_leases(text[], boolean)'] LOOP
    EXECUTE 'REVOKE ALL ON FUNCTION ' || signature || ' FROM PUBLIC';
    EXECUTE 'GRANT EXECUTE ON FUNCTION ' || signature || ' TO rhesis_app';
  END LOOP;
END $$;
"""
