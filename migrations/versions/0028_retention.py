"""What an organization keeps, and for how long.

Revision ID: 0028
Revises: 0027
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    op.add_column("app_user", sa.Column("imported_at", postgresql.TIMESTAMP(timezone=True), nullable=True))
    op.create_index("ix_test_run_finished_at", "test_run", ["organization_id", "finished_at"])
    op.create_index(
        "ix_test_archived_at",
        "test",
        ["organization_id", "archived_at"],
        postgresql_where=sa.text("archived_at IS NOT NULL"),
    )
    _archives()
    cursor = op.get_bind().connection.cursor()
    for statement in (
        policies("archive"),
        policies("archive_chunk"),
        GRANTS,
        FIND,
        OLD,
        ERASE,
        PRUNE,
        IMPORT,
        DUE,
        SWEEP,
        CLOSE,
    ):
        cursor.execute(statement)


def _archives() -> None:
    op.create_table(
        "archive",
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        _belongs_to("archive", "job_id", "job"),
        _owner("archive"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archive")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_archive_organization_id_id")),
    )
    op.create_index("ix_archive_job_id", "archive", ["organization_id", "job_id"])
    op.create_table(
        "archive_chunk",
        sa.Column("archive_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        _belongs_to("archive_chunk", "archive_id", "archive"),
        _owner("archive_chunk"),
        sa.PrimaryKeyConstraint("archive_id", "number", name=op.f("pk_archive_chunk")),
    )


def _belongs_to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id", column],
        [f"{target}.organization_id", f"{target}.id"],
        name=op.f(f"fk_{table}_organization_id_{column}"),
        ondelete="CASCADE",
    )


def _owner(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id"], ["organization.id"], name=op.f(f"fk_{table}_organization_id"), ondelete="RESTRICT"
    )


def policies(table: str) -> str:
    """Row-level security for one table: the app's role sees its organization, the owner everything."""
    rule = "organization_id = app_organization()"
    return f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON {table} TO rhesis_app USING ({rule}) WITH CHECK ({rule});
DO $$ BEGIN EXECUTE format('CREATE POLICY owner ON {table} TO %I USING (true) WITH CHECK (true)', current_user); END $$;
"""


# The bytes of a file do not compress a second time: stored as they are, they cost no time.
GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON archive TO rhesis_app;
GRANT SELECT, INSERT, DELETE ON archive_chunk TO rhesis_app;
ALTER TABLE archive_chunk ALTER COLUMN content SET STORAGE EXTERNAL;
"""

# Somebody who came with an archive and has set no password here yet: find_login knows nobody without one.
FIND = """
CREATE FUNCTION find_imported(wanted text) RETURNS TABLE (user_id uuid, organization_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT u.id, m.organization_id FROM app_user u JOIN membership m ON m.user_id = u.id AND m.left_at IS NULL
   WHERE u.email = wanted AND u.kind = 'person' AND u.imported_at IS NOT NULL ORDER BY m.created_at LIMIT 1 $$;
"""

# The runs of the organization that ended before a time and are needed no more. What stays: runs that go on or are young, that people have reviewed,
# that a gate names as its baseline, that a report is kept of, the newest of each test set on each endpoint, and what any of those rests on.
OLD = """
CREATE FUNCTION old_runs(before timestamptz) RETURNS TABLE (run_id uuid)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  WITH RECURSIVE kept AS (
    (SELECT r.id FROM test_run r WHERE r.organization_id = app_organization() AND (r.finished_at IS NULL OR r.finished_at >= before)
     UNION SELECT v.run_id FROM review v WHERE v.organization_id = app_organization() AND v.superseded_at IS NULL
     UNION SELECT r.id FROM gate g JOIN test_run r ON r.organization_id = g.organization_id AND r.id::text = g.rule->>'baseline'
            WHERE g.organization_id = app_organization()
     UNION SELECT unnest(ARRAY[p.run_id, p.baseline_id]) FROM report p WHERE p.organization_id = app_organization()
     UNION SELECT * FROM (SELECT DISTINCT ON (r.test_set_id, r.endpoint_id) r.id FROM test_run r WHERE r.organization_id = app_organization()
            ORDER BY r.test_set_id, r.endpoint_id, r.number DESC) newest)
    UNION
    SELECT rests.id FROM kept k JOIN test_run r ON r.organization_id = app_organization() AND r.id = k.id
     CROSS JOIN LATERAL (
       SELECT unnest(ARRAY[r.parent_run_id, r.recording_run_id])
       UNION ALL SELECT x.retry_run_id FROM replacement x WHERE x.organization_id = app_organization() AND x.run_id = r.id
     ) rests (id) WHERE rests.id IS NOT NULL
  )
  SELECT r.id FROM test_run r
   WHERE r.organization_id = app_organization() AND r.finished_at < before AND NOT EXISTS (SELECT 1 FROM kept k WHERE k.id = r.id) $$;
"""

# Those that came of others go first. What came of a run goes with it; the tests, metrics and versions that it ran stay.
ERASE = """
CREATE FUNCTION erase_runs(before timestamptz, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE here uuid := app_organization(); gone uuid[]; emptied text;
BEGIN
  IF before > now() - interval '1 day' THEN RAISE EXCEPTION 'results are kept for a day at least'; END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('retention of ' || here::text, 0));
  SELECT array_agg(o.run_id) INTO gone FROM (SELECT o.run_id FROM old_runs(before) o ORDER BY o.run_id DESC LIMIT most) o;
  IF gone IS NULL THEN RETURN 0; END IF;
  FOREACH emptied IN ARRAY ARRAY[
    'review', 'gate_decision', 'analysis', 'recorded_exchange', 'replacement', 'evaluation', 'run_metric', 'work_item', 'test_result'] LOOP
    EXECUTE format('DELETE FROM %I WHERE organization_id = $1 AND run_id = ANY ($2)', emptied) USING here, gone;
  END LOOP;
  DELETE FROM test_run r WHERE r.organization_id = here AND r.id = ANY (gone);
  RETURN cardinality(gone);
END $$;
"""

# Whole batches from the beginning of the chain: their seals stay, marked, so that what is left can still be checked.
PRUNE = """
CREATE FUNCTION prune_audit(before timestamptz, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE here uuid := app_organization(); young integer; gone integer[]; erased integer;
BEGIN
  IF before > now() - interval '1 day' THEN RAISE EXCEPTION 'the audit log is kept for a day at least'; END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('audit_seal ' || here::text, 0));
  SELECT min(s.number) INTO young FROM audit_seal s WHERE s.organization_id = here AND s.pruned_at IS NULL AND s.last_at >= before;
  gone := ARRAY(SELECT s.number FROM audit_seal s WHERE s.organization_id = here AND s.pruned_at IS NULL AND s.last_at < before
                   AND (young IS NULL OR s.number < young) ORDER BY s.number LIMIT most);
  DELETE FROM audit_entry e WHERE e.organization_id = here AND e.seal_number = ANY (gone);
  GET DIAGNOSTICS erased = ROW_COUNT;
  UPDATE audit_seal s SET pruned_at = now() WHERE s.organization_id = here AND s.number = ANY (gone);
  RETURN erased;
END $$;
"""

# The application writes no seals and puts no entry into a batch. An organization that comes into an empty instance brings both.
IMPORT = """
CREATE FUNCTION import_audit_seals(rows json) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT needs_first_owner() OR EXISTS (SELECT 1 FROM json_populate_recordset(NULL::audit_seal, rows) s
      WHERE s.organization_id IS DISTINCT FROM app_organization()) THEN RAISE EXCEPTION 'seals are not written here' USING ERRCODE = '42501'; END IF;
  INSERT INTO audit_seal SELECT s.* FROM json_populate_recordset(NULL::audit_seal, rows) s;
END $$;

CREATE FUNCTION import_audit_entries(rows json) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT needs_first_owner() OR EXISTS (SELECT 1 FROM json_populate_recordset(NULL::audit_entry, rows) e
      WHERE e.organization_id IS DISTINCT FROM app_organization()) THEN RAISE EXCEPTION 'entries are not written here' USING ERRCODE = '42501'; END IF;
  INSERT INTO audit_entry SELECT e.* FROM json_populate_recordset(NULL::audit_entry, rows) e;
END $$;
"""

# Settings come from archives too: one that is no number of days keeps what is there, and stops nobody else's.
DUE = """
CREATE FUNCTION kept_for_a_while() RETURNS TABLE (organization_id uuid, result_days integer, audit_days integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT o.id, d.result_days, d.audit_days FROM organization o CROSS JOIN LATERAL (
    SELECT CASE WHEN o.settings->>'result_days' ~ '^[1-9][0-9]{0,4}$' THEN (o.settings->>'result_days')::integer END AS result_days,
           CASE WHEN o.settings->>'audit_days' ~ '^[1-9][0-9]{0,4}$' THEN (o.settings->>'audit_days')::integer END AS audit_days
  ) d WHERE d.result_days IS NOT NULL OR d.audit_days IS NOT NULL ORDER BY o.id $$;
"""

# As before, and archives whose time is over.
SWEEP = """
CREATE OR REPLACE FUNCTION sweep_expired() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  DELETE FROM login_attempt WHERE at < now() - interval '1 day';
  DELETE FROM one_time_token WHERE expires_at < now() - interval '7 days';
  DELETE FROM import_session WHERE confirmed_at IS NULL AND expires_at < now();
  DELETE FROM session WHERE expires_at < now() - interval '30 days';
  DELETE FROM registration WHERE expires_at < now();
  DELETE FROM notification WHERE created_at < now() - interval '90 days';
  DELETE FROM archive a USING job j WHERE j.id = a.job_id AND j.finished_at IS NOT NULL AND a.expires_at < now() $$;
"""

CLOSE = """
DO $$ DECLARE signature text; BEGIN
  FOREACH signature IN ARRAY ARRAY['find_imported(text)', 'old_runs(timestamptz)', 'erase_runs(timestamptz, integer)', 'prune_audit(timestamptz, integer)',
    'import_audit_seals(json)', 'import_audit_entries(json)', 'kept_for_a_while()'] LOOP
    EXECUTE 'REVOKE ALL ON FUNCTION ' || signature || ' FROM PUBLIC';
    EXECUTE 'GRANT EXECUTE ON FUNCTION ' || signature || ' TO rhesis_app';
  END LOOP;
END $$;
"""
