"""Organizations that are being deleted, and roles that an organization makes itself.

Revision ID: 0025
Revises: 0024
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.add_column("organization", _moment("delete_after"))
    op.create_index(
        "ix_organization_delete_after",
        "organization",
        ["delete_after"],
        postgresql_where=sa.text("delete_after IS NOT NULL"),
    )
    op.add_column("role", _moment("archived_at"))
    op.drop_constraint("uq_role_organization_id_name", "role")
    op.create_index(
        "uq_role_name",
        "role",
        ["organization_id", sa.text("lower(name)")],
        unique=True,
        postgresql_where=sa.text("archived_at IS NULL"),
    )
    cursor = op.get_bind().connection.cursor()
    for statement in (GRANTS, ENTERING, FIND, OWNED, DUE, ERASE, CLOSE):
        cursor.execute(statement)


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.TIMESTAMP(timezone=True), nullable=True)


GRANTS = """
GRANT DELETE ON project_member TO rhesis_app;
"""

# An organization that is being deleted is closed to all but its owners, who may bring it back.
ENTERING = """
CREATE FUNCTION may_enter(who uuid, organization uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT EXISTS (
    SELECT 1 FROM membership m JOIN organization o ON o.id = m.organization_id
      JOIN role r ON r.id = m.role_id AND r.organization_id = m.organization_id
     WHERE m.user_id = who AND m.organization_id = organization AND m.left_at IS NULL
       AND (o.delete_after IS NULL OR (r.is_builtin AND r.name = 'Owner'))) $$;

-- Where somebody who has just signed in works: as wanted or, where that is closed to them, in the one they used last.
CREATE FUNCTION organization_to_enter(who uuid, wanted uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT m.organization_id FROM membership m
   WHERE m.user_id = who AND m.left_at IS NULL AND may_enter(who, m.organization_id)
   ORDER BY m.organization_id = wanted DESC,
            (SELECT max(s.last_seen_at) FROM session s WHERE s.user_id = who AND s.organization_id = m.organization_id) DESC NULLS LAST,
            m.created_at LIMIT 1 $$;
"""

# As in 0004, and both also say when an organization will be erased.
FIND = """
DROP FUNCTION find_session(uuid);
CREATE FUNCTION find_session(wanted uuid) RETURNS TABLE (session_id uuid, kind text, user_id uuid, organization_id uuid, email text, user_name text,
  theme text, organization_name text, is_demo boolean, delete_after timestamptz, role_name text, role_is_builtin boolean, role_permissions text[],
  project_roles jsonb, unread integer)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH live AS (
    SELECT s.* FROM session s WHERE s.id = wanted AND s.revoked_at IS NULL AND s.expires_at > now()
       AND s.last_seen_at + make_interval(secs => s.idle_seconds) > now()
  ), seen AS (
    UPDATE session SET last_seen_at = now() WHERE id IN (SELECT l.id FROM live l WHERE l.last_seen_at < now() - interval '5 minutes')
  )
  SELECT l.id, l.kind, u.id, l.organization_id, u.email, u.name, u.theme, o.name, COALESCE((o.settings->>'demo')::boolean, false), o.delete_after,
         r.name, r.is_builtin, r.permissions, roles_in_projects(u.id, l.organization_id),
         (SELECT count(*)::integer FROM (SELECT 1 FROM notification n
           WHERE n.organization_id = l.organization_id AND n.user_id = u.id AND n.read_at IS NULL LIMIT 100) some_unread)
    FROM live l JOIN app_user u ON u.id = l.user_id AND u.is_active AND u.epoch = l.epoch
    JOIN organization o ON o.id = l.organization_id
    JOIN membership m ON m.user_id = u.id AND m.organization_id = l.organization_id AND m.left_at IS NULL
    JOIN role r ON r.id = m.role_id AND r.organization_id = m.organization_id
   WHERE o.delete_after IS NULL OR (r.is_builtin AND r.name = 'Owner') $$;

DROP FUNCTION my_organizations();
CREATE FUNCTION my_organizations() RETURNS TABLE (organization_id uuid, name text, slug text, role_name text, is_demo boolean, joined_at timestamptz,
  delete_after timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT o.id, o.name, o.slug, r.name, COALESCE((o.settings->>'demo')::boolean, false), m.created_at, o.delete_after
    FROM membership m JOIN organization o ON o.id = m.organization_id
    JOIN role r ON r.id = m.role_id AND r.organization_id = m.organization_id
   WHERE m.user_id = app_user_id() AND m.left_at IS NULL AND (o.delete_after IS NULL OR (r.is_builtin AND r.name = 'Owner'))
   ORDER BY o.name, o.id $$;
"""

# The organizations that nobody else owns who can sign in. All of a person's are held until the transaction ends, as every change of an
# owner holds them: two who go at once do not rely on each other, and nobody hands over to somebody who is going. (0026 adds app_user.kind.)
OWNED = """
CREATE FUNCTION owned_alone() RETURNS TABLE (organization_id uuid, name text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE mine uuid[];
BEGIN
  SELECT array_agg(m.organization_id) INTO mine FROM membership m WHERE m.user_id = app_user_id() AND m.left_at IS NULL;
  PERFORM o.id FROM organization o WHERE o.id = ANY (mine) ORDER BY o.id FOR NO KEY UPDATE;
  RETURN QUERY SELECT o.id, o.name FROM organization o WHERE o.id = ANY (mine) AND o.delete_after IS NULL
    AND EXISTS (SELECT 1 FROM membership m JOIN role r ON r.id = m.role_id AND r.organization_id = m.organization_id
                 WHERE m.organization_id = o.id AND m.user_id = app_user_id() AND m.left_at IS NULL AND r.is_builtin AND r.name = 'Owner')
    AND NOT EXISTS (
      SELECT 1 FROM membership m JOIN role r ON r.id = m.role_id AND r.organization_id = m.organization_id
        JOIN app_user u ON u.id = m.user_id AND u.is_active AND u.kind = 'person'
       WHERE m.organization_id = o.id AND m.user_id <> app_user_id() AND m.left_at IS NULL AND r.is_builtin AND r.name = 'Owner')
    ORDER BY o.name, o.id;
END $$;
"""

# As in 0012; what is being deleted starts nothing any more, and serves one time for all that were missed when it is brought back.
DUE = """
CREATE OR REPLACE FUNCTION due_schedules(most integer) RETURNS TABLE (organization_id uuid, schedule_id uuid, due_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT s.organization_id, s.id, s.next_at
    FROM schedule s JOIN project p ON p.organization_id = s.organization_id AND p.id = s.project_id AND p.archived_at IS NULL
    JOIN organization o ON o.id = s.organization_id AND o.delete_after IS NULL
   WHERE s.next_at <= now() ORDER BY s.next_at, s.id LIMIT most $$;

CREATE FUNCTION due_deletions(most integer) RETURNS TABLE (organization_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT o.id FROM organization o WHERE o.delete_after <= now() ORDER BY o.delete_after LIMIT most $$;
"""

# Whoever erases has said in the same transaction why it may be; the application cannot call this itself. People stay, who may have
# or make other organizations; a service account is of one organization and goes with it.
ERASE = """
CREATE FUNCTION erase_rows(gone uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE open_tables oid[]; free_table oid; people uuid[];
BEGIN
  SELECT array_agg(m.user_id) INTO people FROM membership m WHERE m.organization_id = gone;
  SELECT array_agg(c.oid) INTO open_tables FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id'
   WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r';
  WHILE cardinality(open_tables) > 0 LOOP
    SELECT t INTO STRICT free_table FROM unnest(open_tables) t WHERE NOT EXISTS (
      SELECT 1 FROM pg_constraint k WHERE k.contype = 'f' AND k.confrelid = t AND k.conrelid <> t AND k.conrelid = ANY (open_tables)) LIMIT 1;
    EXECUTE format('DELETE FROM %s WHERE organization_id = $1', free_table::regclass) USING gone;
    open_tables := array_remove(open_tables, free_table);
  END LOOP;
  DELETE FROM organization o WHERE o.id = gone;
  DELETE FROM app_user u WHERE u.id = ANY (people) AND to_jsonb(u)->>'kind' = 'service';
END $$;

CREATE FUNCTION erase_organization(gone uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM organization o WHERE o.id = gone AND o.delete_after <= now() FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM erase_rows(gone);
  RETURN true;
END $$;

-- As in 0002.
CREATE OR REPLACE FUNCTION erase_demo() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE gone uuid := app_organization(); people uuid[];
BEGIN
  IF NOT EXISTS (SELECT 1 FROM organization o WHERE o.id = gone AND (o.settings->>'demo')::boolean) THEN RETURN false; END IF;
  SELECT array_agg(m.user_id) INTO people FROM membership m WHERE m.organization_id = gone;
  PERFORM erase_rows(gone);
  DELETE FROM app_user u WHERE u.id = ANY (people) AND NOT EXISTS (SELECT 1 FROM membership m WHERE m.user_id = u.id);
  RETURN true;
END $$;
"""

CLOSE = """
REVOKE ALL ON FUNCTION erase_rows(uuid) FROM PUBLIC;
DO $$ DECLARE signature text; BEGIN
  FOREACH signature IN ARRAY ARRAY['may_enter(uuid, uuid)', 'organization_to_enter(uuid, uuid)', 'find_session(uuid)', 'my_organizations()',
    'owned_alone()', 'due_schedules(integer)', 'due_deletions(integer)', 'erase_organization(uuid)', 'erase_demo()'] LOOP
    EXECUTE 'REVOKE ALL ON FUNCTION ' || signature || ' FROM PUBLIC';
    EXECUTE 'GRANT EXECUTE ON FUNCTION ' || signature || ' TO rhesis_app';
  END LOOP;
END $$;
"""
