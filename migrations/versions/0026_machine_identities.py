"""Service accounts, tokens that know which token made them, and identities of a single sign-on provider.

Revision ID: 0026
Revises: 0025
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    _services()
    _makers()
    _identities()
    cursor = op.get_bind().connection.cursor()
    for statement in (POLICIES, GRANTS, FIND, REFRESH, SIGN_ON, CLOSE):
        cursor.execute(statement)


def _services() -> None:
    op.add_column("app_user", sa.Column("kind", sa.Text(), server_default="person", nullable=False))
    op.create_check_constraint(op.f("ck_app_user_kind"), "app_user", "kind IN ('person', 'service')")


def _makers() -> None:
    op.add_column("api_token", sa.Column("made_by", sa.Uuid(), nullable=True))
    op.create_unique_constraint(op.f("uq_api_token_organization_id_id"), "api_token", ["organization_id", "id"])
    op.create_foreign_key(
        op.f("fk_api_token_organization_id_made_by"),
        "api_token",
        "api_token",
        ["organization_id", "made_by"],
        ["organization_id", "id"],
        ondelete="CASCADE",
    )
    op.create_index(
        "ix_api_token_made_by",
        "api_token",
        ["organization_id", "made_by"],
        postgresql_where=sa.text("made_by IS NOT NULL"),
    )


def _identities() -> None:
    op.create_table(
        "sso_identity",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_sso_identity_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sso_identity")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_sso_identity_issuer_subject")),
        sa.UniqueConstraint("user_id", "issuer", name=op.f("uq_sso_identity_user_id_issuer")),
    )


# A service account has no session, so its tokens are written by those who manage it: people of its organization, and no others' tokens by that.
POLICIES = """
ALTER TABLE sso_identity ENABLE ROW LEVEL SECURITY;
ALTER TABLE sso_identity FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON sso_identity TO rhesis_app USING (user_id = app_user_id()) WITH CHECK (user_id = app_user_id());
DO $$ BEGIN EXECUTE format('CREATE POLICY owner ON sso_identity TO %I USING (true) WITH CHECK (true)', current_user); END $$;

CREATE POLICY services_made ON app_user FOR INSERT TO rhesis_app WITH CHECK (kind = 'service');
CREATE POLICY services_managed ON app_user FOR UPDATE TO rhesis_app
  USING (kind = 'service' AND id IN (SELECT m.user_id FROM membership m WHERE m.organization_id = app_organization()))
  WITH CHECK (kind = 'service');
CREATE POLICY services ON api_token TO rhesis_app
  USING (organization_id = app_organization() AND user_id IN (SELECT u.id FROM app_user u WHERE u.kind = 'service'))
  WITH CHECK (organization_id = app_organization() AND user_id IN (SELECT u.id FROM app_user u WHERE u.kind = 'service'));
"""

GRANTS = """
GRANT SELECT, INSERT, DELETE, UPDATE (last_used_at) ON sso_identity TO rhesis_app;
"""

# As in 0004, with plans that are kept: up to PostgreSQL 17 a function in SQL is planned anew by each call.
FIND = """
CREATE OR REPLACE FUNCTION find_token(digest text) RETURNS TABLE (token_id uuid, user_id uuid, organization_id uuid, scopes text[], project_id uuid,
  role_name text, role_is_builtin boolean, role_permissions text[], project_roles jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
BEGIN
  UPDATE api_token t SET last_used_at = now() WHERE t.sha256 = digest AND t.revoked_at IS NULL AND t.expires_at > now()
     AND (t.last_used_at IS NULL OR t.last_used_at < now() - interval '5 minutes');
  RETURN QUERY
    SELECT t.id, u.id, t.organization_id, t.scopes, t.project_id, r.name, r.is_builtin, r.permissions, roles_in_projects(u.id, t.organization_id)
      FROM api_token t JOIN app_user u ON u.id = t.user_id AND u.is_active
      JOIN membership m ON m.user_id = u.id AND m.organization_id = t.organization_id AND m.left_at IS NULL
      JOIN role r ON r.id = m.role_id AND r.organization_id = m.organization_id
     WHERE t.sha256 = digest AND t.revoked_at IS NULL AND t.expires_at > now() AND may_enter(u.id, t.organization_id);
END $$;
"""

# As in 0001, and a session that lay idle for too long is over for its refresh token as well.
REFRESH = """
CREATE OR REPLACE FUNCTION rotate_refresh(digest text, next_id uuid, next_digest text)
RETURNS TABLE (verdict text, session_id uuid, user_id uuid, organization_id uuid, expires_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE old refresh_token; owner session;
BEGIN
  UPDATE refresh_token SET used_at = now() WHERE sha256 = digest AND used_at IS NULL RETURNING * INTO old;
  IF NOT FOUND THEN
    SELECT * INTO old FROM refresh_token WHERE sha256 = digest;
    IF NOT FOUND THEN RETURN QUERY SELECT 'unknown', NULL::uuid, NULL::uuid, NULL::uuid, NULL::timestamptz; RETURN; END IF;
    IF old.used_at > now() - interval '10 seconds' THEN RETURN QUERY SELECT 'raced', NULL::uuid, NULL::uuid, NULL::uuid, NULL::timestamptz; RETURN; END IF;
    UPDATE session SET revoked_at = now() WHERE id = old.session_id AND revoked_at IS NULL;
    RETURN QUERY SELECT 'reused', old.session_id, old.user_id, NULL::uuid, NULL::timestamptz; RETURN;
  END IF;
  SELECT s.* INTO owner FROM session s JOIN app_user u ON u.id = s.user_id AND u.is_active AND u.epoch = s.epoch
   WHERE s.id = old.session_id AND s.revoked_at IS NULL AND s.expires_at > now()
     AND s.last_seen_at + make_interval(secs => s.idle_seconds) > now();
  IF NOT FOUND THEN RETURN QUERY SELECT 'unknown', NULL::uuid, NULL::uuid, NULL::uuid, NULL::timestamptz; RETURN; END IF;
  INSERT INTO refresh_token (id, session_id, user_id, sha256) VALUES (next_id, old.session_id, old.user_id, next_digest);
  UPDATE session SET last_seen_at = now() WHERE id = old.session_id;
  RETURN QUERY SELECT 'rotated', owner.id, owner.user_id, owner.organization_id, owner.expires_at;
END $$;

-- A new refresh token instead of the one that a session of the user's has; whoever rotates that one at this moment is waited for.
CREATE FUNCTION replace_refresh(which uuid, next_id uuid, next_digest text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM session s WHERE s.id = which AND s.user_id = app_user_id() AND s.kind = 'api' AND s.revoked_at IS NULL) THEN
    RETURN false;
  END IF;
  PERFORM 1 FROM refresh_token t WHERE t.session_id = which AND t.used_at IS NULL FOR UPDATE;
  UPDATE refresh_token t SET used_at = now() WHERE t.session_id = which AND t.used_at IS NULL;
  INSERT INTO refresh_token (id, session_id, user_id, sha256) VALUES (next_id, which, app_user_id(), next_digest);
  RETURN true;
END $$;
"""

# Whose an identity of a provider is, or else who has its address; told to somebody who is not known yet. The organization is the one that was
# used last.
SIGN_ON = """
CREATE FUNCTION find_sign_on(of_issuer text, of_subject text, of_email text) RETURNS TABLE (user_id uuid, is_linked boolean, is_active boolean,
  epoch integer, kind text, has_password boolean, has_identity boolean, organization_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT u.id, known.user_id IS NOT NULL, u.is_active, u.epoch, u.kind,
         EXISTS (SELECT 1 FROM user_password p WHERE p.user_id = u.id),
         EXISTS (SELECT 1 FROM sso_identity i WHERE i.user_id = u.id AND i.issuer = of_issuer),
         (SELECT m.organization_id FROM membership m WHERE m.user_id = u.id AND m.left_at IS NULL AND may_enter(u.id, m.organization_id)
           ORDER BY (SELECT max(s.last_seen_at) FROM session s WHERE s.user_id = u.id AND s.organization_id = m.organization_id) DESC NULLS LAST,
                    m.created_at LIMIT 1)
    FROM app_user u
    LEFT JOIN (SELECT i.user_id FROM sso_identity i WHERE i.issuer = of_issuer AND i.subject = of_subject) known ON known.user_id = u.id
   WHERE known.user_id IS NOT NULL OR u.email = of_email ORDER BY known.user_id IS NULL LIMIT 1 $$;

CREATE FUNCTION find_place(wanted text, who uuid) RETURNS TABLE (organization_id uuid, is_member boolean, has_left boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT o.id, m.id IS NOT NULL AND m.left_at IS NULL, m.left_at IS NOT NULL
    FROM organization o LEFT JOIN membership m ON m.organization_id = o.id AND m.user_id = who
   WHERE (o.slug = wanted OR o.id::text = lower(wanted)) AND o.delete_after IS NULL $$;

-- The newest invitation that somebody with this address could accept.
CREATE FUNCTION find_open_invitation(address text) RETURNS TABLE (invitation_id uuid, organization_id uuid, role_id uuid, role_name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT i.id, i.organization_id, i.role_id, r.name FROM invitation i JOIN role r ON r.id = i.role_id AND r.organization_id = i.organization_id
    JOIN organization o ON o.id = i.organization_id AND o.delete_after IS NULL
   WHERE r.archived_at IS NULL AND i.email = address AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > now() ORDER BY i.id DESC LIMIT 1 $$;

CREATE FUNCTION has_password() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM user_password p WHERE p.user_id = app_user_id()) $$;
"""

CLOSE = """
DO $$ DECLARE signature text; BEGIN
  FOREACH signature IN ARRAY ARRAY['find_token(text)', 'rotate_refresh(text, uuid, text)', 'replace_refresh(uuid, uuid, text)',
    'find_sign_on(text, text, text)', 'find_place(text, uuid)',
    'find_open_invitation(text)', 'has_password()'] LOOP
    EXECUTE 'REVOKE ALL ON FUNCTION ' || signature || ' FROM PUBLIC';
    EXECUTE 'GRANT EXECUTE ON FUNCTION ' || signature || ' TO rhesis_app';
  END LOOP;
END $$;
"""
