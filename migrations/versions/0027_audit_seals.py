"""Seals over the audit log.

Revision ID: 0027
Revises: 0026
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.create_table(
        "audit_seal",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("first_id", sa.Uuid(), nullable=False),
        sa.Column("last_id", sa.Uuid(), nullable=False),
        sa.Column("first_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("last_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("sealed_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("pruned_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_audit_seal_organization_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_seal")),
        sa.UniqueConstraint("organization_id", "number", name=op.f("uq_audit_seal_organization_id_number")),
    )
    op.add_column("audit_entry", sa.Column("seal_number", sa.Integer(), nullable=True))
    op.create_foreign_key(
        op.f("fk_audit_entry_organization_id_seal_number"),
        "audit_entry",
        "audit_seal",
        ["organization_id", "seal_number"],
        ["organization_id", "number"],
        ondelete="RESTRICT",
    )
    op.drop_index("ix_audit_entry_organization_id_id", "audit_entry")
    for name in ("action", "user_id", "object_type", "object_id"):
        op.create_index(f"ix_audit_entry_{name}", "audit_entry", ["organization_id", name, "at", "id"])
    op.create_index("ix_audit_entry_at", "audit_entry", ["organization_id", "at", "id"])
    op.create_index("ix_audit_entry_seal_number", "audit_entry", ["organization_id", "seal_number", "id"])
    cursor = op.get_bind().connection.cursor()
    for statement in (POLICIES, GRANTS, SEAL, READ, REFUSED, CLOSE):
        cursor.execute(statement)


POLICIES = """
ALTER TABLE audit_seal ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_seal FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON audit_seal TO rhesis_app USING (organization_id = app_organization()) WITH CHECK (organization_id = app_organization());
DO $$ BEGIN EXECUTE format('CREATE POLICY owner ON audit_seal TO %I USING (true) WITH CHECK (true)', current_user); END $$;
"""

# The application reads seals and writes none; nor can it put an entry into a batch.
GRANTS = """
GRANT SELECT ON audit_seal TO rhesis_app;
REVOKE INSERT ON audit_entry FROM rhesis_app;
GRANT INSERT (id, organization_id, user_id, actor_kind, action, object_type, object_id, facts, ip, at) ON audit_entry TO rhesis_app;
"""

SEAL = r"""
-- One line a row, in the order of the ids, under the hash before. An array in JSON is the same text for the same row, wherever it is
-- written: keys are sorted, and a moment is its microseconds.
CREATE FUNCTION audit_hash(sealed uuid, batch integer, previous text)
RETURNS TABLE (entries integer, first_id uuid, last_id uuid, first_at timestamptz, last_at timestamptz, hash text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT count(*)::integer, (array_agg(e.id ORDER BY e.id))[1], (array_agg(e.id ORDER BY e.id DESC))[1], min(e.at), max(e.at),
         encode(sha256(convert_to(previous || COALESCE(string_agg(E'\n' || jsonb_build_array(e.id, (extract(epoch FROM e.at) * 1000000)::bigint,
           e.user_id, e.actor_kind, e.action, e.object_type, e.object_id, e.facts, e.ip)::text, '' ORDER BY e.id), ''), 'UTF8')), 'hex')
    FROM audit_entry e WHERE e.organization_id = sealed AND e.seal_number = batch $$;

-- Organizations whose oldest entry without a seal has waited so long, and how many wait.
CREATE FUNCTION unsealed_audit(age_s double precision) RETURNS TABLE (organization_id uuid, oldest timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT o.id, waiting.at FROM organization o CROSS JOIN LATERAL (
    SELECT min(e.at) AS at FROM audit_entry e WHERE e.organization_id = o.id AND e.seal_number IS NULL
  ) waiting WHERE waiting.at < now() - make_interval(secs => age_s) $$;

-- Neither ids nor times follow the order of commits, so a batch is whatever is there without a seal: what commits later is in a later
-- one. Of two at a time the second waits, and sees what the first has sealed.
CREATE FUNCTION seal_audit(sealed uuid, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE chosen uuid[]; batch integer; last_hash text;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('audit_seal ' || sealed::text, 0));
  chosen := ARRAY(SELECT e.id FROM audit_entry e WHERE e.organization_id = sealed AND e.seal_number IS NULL ORDER BY e.id LIMIT most);
  IF cardinality(chosen) = 0 THEN RETURN 0; END IF;
  SELECT s.number, s.hash INTO batch, last_hash FROM audit_seal s WHERE s.organization_id = sealed ORDER BY s.number DESC LIMIT 1;
  batch := COALESCE(batch, 0) + 1;
  last_hash := COALESCE(last_hash, '');
  INSERT INTO audit_seal (id, organization_id, number, first_id, last_id, first_at, last_at, count, previous, hash)
  VALUES (gen_random_uuid(), sealed, batch, chosen[1], chosen[1], now(), now(), 0, last_hash, '');
  UPDATE audit_entry e SET seal_number = batch WHERE e.organization_id = sealed AND e.id = ANY (chosen);
  UPDATE audit_seal s SET count = h.entries, first_id = h.first_id, last_id = h.last_id, first_at = h.first_at, last_at = h.last_at, hash = h.hash
    FROM audit_hash(sealed, batch, last_hash) h WHERE s.organization_id = sealed AND s.number = batch;
  RETURN cardinality(chosen);
END $$;

-- Organizations that have an audit log, for whoever runs the server.
CREATE FUNCTION audited_organizations() RETURNS TABLE (organization_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT o.id FROM organization o WHERE EXISTS (SELECT 1 FROM audit_entry e WHERE e.organization_id = o.id)
      OR EXISTS (SELECT 1 FROM audit_seal s WHERE s.organization_id = o.id) ORDER BY o.id $$;
"""

READ = """
-- What the organization's entries are about, each word once: a step of the index for each, however many entries there are.
CREATE FUNCTION audit_terms() RETURNS TABLE (name text, term text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH RECURSIVE actions AS (
    (SELECT e.action AS term FROM audit_entry e WHERE e.organization_id = app_organization() ORDER BY e.action LIMIT 1)
    UNION ALL
    SELECT (SELECT e.action FROM audit_entry e WHERE e.organization_id = app_organization() AND e.action > a.term ORDER BY e.action LIMIT 1)
      FROM actions a WHERE a.term IS NOT NULL
  ), kinds AS (
    (SELECT e.object_type AS term FROM audit_entry e WHERE e.organization_id = app_organization() ORDER BY e.object_type LIMIT 1)
    UNION ALL
    SELECT (SELECT e.object_type FROM audit_entry e WHERE e.organization_id = app_organization() AND e.object_type > k.term ORDER BY e.object_type LIMIT 1)
      FROM kinds k WHERE k.term IS NOT NULL
  )
  SELECT 'action', a.term FROM actions a WHERE a.term IS NOT NULL UNION ALL SELECT 'object', k.term FROM kinds k WHERE k.term IS NOT NULL $$;
"""

REFUSED = """
-- A token that was refused, if it ever was one: whose it is, and why it is none any more. It says nothing of one that works.
CREATE FUNCTION refused_token(digest text)
RETURNS TABLE (organization_id uuid, user_id uuid, object_type text, object_id uuid, name text, reason text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT t.organization_id, t.user_id, 'token', t.id, t.name,
         CASE WHEN t.revoked_at IS NOT NULL THEN 'revoked' WHEN t.expires_at <= now() THEN 'expired' ELSE 'owner' END
    FROM api_token t WHERE t.sha256 = digest
  UNION ALL
  SELECT s.organization_id, s.user_id, 'session', s.id, NULL,
         CASE WHEN r.used_at IS NOT NULL THEN 'used' WHEN s.revoked_at IS NOT NULL THEN 'revoked' WHEN s.expires_at <= now() THEN 'expired' ELSE 'owner' END
    FROM refresh_token r JOIN session s ON s.id = r.session_id WHERE r.sha256 = digest $$;

-- Which of these ids are rows of an organization that the user does not belong to.
CREATE FUNCTION rows_of_strangers(ids uuid[]) RETURNS TABLE (id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE place regclass;
BEGIN
  FOR place IN SELECT c.oid::regclass FROM pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'audit_entry'
       AND 2 = (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname IN ('id', 'organization_id') AND NOT a.attisdropped)
       AND EXISTS (SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
                    WHERE i.indrelid = c.oid AND i.indisunique AND i.indnkeyatts = 1 AND a.attname = 'id') LOOP
    RETURN QUERY EXECUTE format(
      'SELECT r.id FROM %s r WHERE r.id = ANY ($1) AND r.organization_id <> app_organization() AND r.organization_id NOT IN'
      ' (SELECT m.organization_id FROM membership m WHERE m.user_id = app_user_id() AND m.left_at IS NULL)', place) USING ids;
  END LOOP;
  RETURN QUERY SELECT o.id FROM organization o WHERE o.id = ANY (ids) AND o.id <> app_organization()
    AND NOT EXISTS (SELECT 1 FROM membership m WHERE m.organization_id = o.id AND m.user_id = app_user_id() AND m.left_at IS NULL);
  RETURN QUERY SELECT u.id FROM app_user u WHERE u.id = ANY (ids) AND NOT EXISTS (
    SELECT 1 FROM membership m JOIN membership mine ON mine.organization_id = m.organization_id
     WHERE m.user_id = u.id AND (mine.organization_id = app_organization() OR mine.user_id = app_user_id() AND mine.left_at IS NULL));
END $$;
"""

CLOSE = """
DO $$ DECLARE signature text; BEGIN
  FOR signature IN SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.proname IN
    ('audit_hash', 'unsealed_audit', 'seal_audit', 'audited_organizations', 'audit_terms', 'refused_token', 'rows_of_strangers') LOOP
    EXECUTE 'REVOKE ALL ON FUNCTION ' || signature || ' FROM PUBLIC';
    EXECUTE 'GRANT EXECUTE ON FUNCTION ' || signature || ' TO rhesis_app';
  END LOOP;
END $$;
"""
