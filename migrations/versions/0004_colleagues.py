"""Invitations, memberships that end, and notifications inside of the application.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("membership", _moment("left_at"))
    _invitations()
    _notifications()
    cursor = op.get_bind().connection.cursor()
    for statement in (
        policies("invitation", "organization_id = app_organization()"),
        policies("notification", "organization_id = app_organization() AND user_id = app_user_id()"),
        *(TOLD, GRANTS, FIND, INVITED, LINKS, MINE, SEEN, SWEEP, CLOSE),
    ):
        cursor.execute(statement)


def _invitations() -> None:
    op.create_table(
        "invitation",
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("role_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("invited_by", sa.Uuid(), nullable=True),
        _now("created_at"),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        _moment("accepted_at"),
        _moment("revoked_at"),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("accepted_at IS NULL OR revoked_at IS NULL", name=op.f("ck_invitation_ended_once")),
        sa.ForeignKeyConstraint(
            ["invited_by"], ["app_user.id"], name=op.f("fk_invitation_invited_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "role_id"],
            ["role.organization_id", "role.id"],
            name=op.f("fk_invitation_organization_id_role_id"),
            ondelete="RESTRICT",
        ),
        _owner("invitation"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("sha256", name=op.f("uq_invitation_sha256")),
    )
    op.create_index(
        "uq_invitation_open",
        "invitation",
        ["organization_id", "email"],
        unique=True,
        postgresql_where=sa.text("accepted_at IS NULL AND revoked_at IS NULL"),
    )
    op.create_index("ix_invitation_organization_id_id", "invitation", ["organization_id", "id"])


def _notifications() -> None:
    op.create_table(
        "notification",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), server_default="", nullable=False),
        sa.Column("link", sa.Text(), server_default="/", nullable=False),
        _now("created_at"),
        _moment("read_at"),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_notification_user_id"), ondelete="CASCADE"),
        _owner("notification"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification")),
        sa.UniqueConstraint(
            "organization_id", "user_id", "event_id", name=op.f("uq_notification_organization_id_user_id_event_id")
        ),
    )
    op.create_index("ix_notification_user", "notification", ["organization_id", "user_id", "id"])
    op.create_index(
        "ix_notification_unread",
        "notification",
        ["organization_id", "user_id"],
        postgresql_where=sa.text("read_at IS NULL"),
    )
    op.create_index("ix_notification_created_at", "notification", ["created_at"])


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.TIMESTAMP(timezone=True), nullable=True)


def _now(name: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False)


def _owner(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id"], ["organization.id"], name=op.f(f"fk_{table}_organization_id"), ondelete="RESTRICT"
    )


def policies(table: str, rule: str) -> str:
    """Row-level security for one table: the app's role sees what `rule` allows, the owner everything."""
    return f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON {table} TO rhesis_app USING ({rule}) WITH CHECK ({rule});
DO $$ BEGIN EXECUTE format('CREATE POLICY owner ON {table} TO %I USING (true) WITH CHECK (true)', current_user); END $$;
"""


# Whoever works in an organization may tell its people something; what one was told, one reads alone.
TOLD = """
CREATE POLICY told ON notification FOR INSERT TO rhesis_app WITH CHECK (organization_id = app_organization());
"""

GRANTS = """
GRANT SELECT, INSERT ON invitation, notification TO rhesis_app;
GRANT UPDATE (accepted_at, revoked_at) ON invitation TO rhesis_app;
GRANT UPDATE (read_at) ON notification TO rhesis_app;
"""

# As in the first migration, for memberships that have not ended. A sign-in enters the organization that was used last; the
# first is the one that somebody came with, be it one that they have left when there is no other. A session also says how much its owner has not read, to a hundred.
FIND = """
DROP FUNCTION find_login(text);
CREATE FUNCTION find_login(wanted text) RETURNS TABLE (user_id uuid, password_hash text, is_active boolean, epoch integer, organization_id uuid,
  first_organization_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT u.id, p.password_hash, u.is_active, u.epoch,
         (SELECT m.organization_id FROM membership m WHERE m.user_id = u.id AND m.left_at IS NULL
           ORDER BY (SELECT max(s.last_seen_at) FROM session s WHERE s.user_id = u.id AND s.organization_id = m.organization_id) DESC NULLS LAST,
                    m.created_at LIMIT 1),
         (SELECT m.organization_id FROM membership m WHERE m.user_id = u.id ORDER BY m.left_at IS NOT NULL, m.created_at LIMIT 1)
    FROM app_user u JOIN user_password p ON p.user_id = u.id WHERE u.email = wanted $$;

DROP FUNCTION find_session(uuid);
CREATE FUNCTION find_session(wanted uuid) RETURNS TABLE (session_id uuid, kind text, user_id uuid, organization_id uuid, email text, user_name text,
  theme text, organization_name text, is_demo boolean, role_name text, role_is_builtin boolean, role_permissions text[], project_roles jsonb,
  unread integer)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH live AS (
    SELECT s.* FROM session s WHERE s.id = wanted AND s.revoked_at IS NULL AND s.expires_at > now()
       AND s.last_seen_at + make_interval(secs => s.idle_seconds) > now()
  ), seen AS (
    UPDATE session SET last_seen_at = now() WHERE id IN (SELECT l.id FROM live l WHERE l.last_seen_at < now() - interval '5 minutes')
  )
  SELECT l.id, l.kind, u.id, l.organization_id, u.email, u.name, u.theme, o.name, COALESCE((o.settings->>'demo')::boolean, false),
         r.name, r.is_builtin, r.permissions, roles_in_projects(u.id, l.organization_id),
         (SELECT count(*)::integer FROM (SELECT 1 FROM notification n
           WHERE n.organization_id = l.organization_id AND n.user_id = u.id AND n.read_at IS NULL LIMIT 100) some_unread)
    FROM live l JOIN app_user u ON u.id = l.user_id AND u.is_active AND u.epoch = l.epoch
    JOIN organization o ON o.id = l.organization_id
    JOIN membership m ON m.user_id = u.id AND m.organization_id = l.organization_id AND m.left_at IS NULL
    JOIN role r ON r.id = m.role_id AND r.organization_id = m.organization_id $$;

CREATE OR REPLACE FUNCTION find_token(digest text) RETURNS TABLE (token_id uuid, user_id uuid, organization_id uuid, scopes text[], project_id uuid,
  role_name text, role_is_builtin boolean, role_permissions text[], project_roles jsonb)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH live AS (
    SELECT t.* FROM api_token t WHERE t.sha256 = digest AND t.revoked_at IS NULL AND t.expires_at > now()
  ), used AS (
    UPDATE api_token SET last_used_at = now()
     WHERE id IN (SELECT l.id FROM live l WHERE l.last_used_at IS NULL OR l.last_used_at < now() - interval '5 minutes')
  )
  SELECT l.id, u.id, l.organization_id, l.scopes, l.project_id, r.name, r.is_builtin, r.permissions, roles_in_projects(u.id, l.organization_id)
    FROM live l JOIN app_user u ON u.id = l.user_id AND u.is_active
    JOIN membership m ON m.user_id = u.id AND m.organization_id = l.organization_id AND m.left_at IS NULL
    JOIN role r ON r.id = m.role_id AND r.organization_id = m.organization_id $$;
"""

# Whose invitation a link is, and who has its address already, told to somebody who is not known yet.
INVITED = """
CREATE FUNCTION find_invitation(digest text) RETURNS TABLE (invitation_id uuid, organization_id uuid, user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT i.id, i.organization_id, u.id FROM invitation i LEFT JOIN app_user u ON u.email = i.email WHERE i.sha256 = digest $$;

-- Everything by which somebody who has left could come back in: also what would be of use again after a new invitation.
CREATE FUNCTION end_access(who uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE here uuid := app_organization();
BEGIN
  IF EXISTS (SELECT 1 FROM membership m WHERE m.organization_id = here AND m.user_id = who AND m.left_at IS NULL) THEN
    RAISE EXCEPTION 'this person is still a member';
  END IF;
  UPDATE session s SET revoked_at = now() WHERE s.organization_id = here AND s.user_id = who AND s.revoked_at IS NULL;
  UPDATE api_token t SET revoked_at = now() WHERE t.organization_id = here AND t.user_id = who AND t.revoked_at IS NULL;
  UPDATE one_time_token t SET used_at = now() WHERE t.organization_id = here AND t.user_id = who AND t.used_at IS NULL;
  DELETE FROM project_member p WHERE p.organization_id = here AND p.user_id = who;
END $$;
"""

LINKS = """
CREATE FUNCTION find_one_time_token(digest text, wanted text) RETURNS TABLE (user_id uuid, organization_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT t.user_id, t.organization_id FROM one_time_token t
   WHERE t.sha256 = digest AND t.purpose = wanted AND t.used_at IS NULL AND t.expires_at > now() $$;

CREATE FUNCTION end_one_time_tokens(wanted text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  UPDATE one_time_token t SET used_at = now() WHERE t.user_id = app_user_id() AND t.purpose = wanted AND t.used_at IS NULL $$;
"""

# What somebody may know of the organizations that are theirs, whichever is the active one.
MINE = """
CREATE FUNCTION my_organizations() RETURNS TABLE (organization_id uuid, name text, slug text, role_name text, is_demo boolean, joined_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT o.id, o.name, o.slug, r.name, COALESCE((o.settings->>'demo')::boolean, false), m.created_at
    FROM membership m JOIN organization o ON o.id = m.organization_id
    JOIN role r ON r.id = m.role_id AND r.organization_id = m.organization_id
   WHERE m.user_id = app_user_id() AND m.left_at IS NULL ORDER BY o.name, o.id $$;

CREATE FUNCTION my_organizations_with_project(wanted text) RETURNS TABLE (organization_id uuid, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT o.organization_id, o.name FROM my_organizations() o
   WHERE o.organization_id <> app_organization()
     AND EXISTS (SELECT 1 FROM project p WHERE p.organization_id = o.organization_id AND p.slug = wanted AND p.archived_at IS NULL) $$;

-- A member of this organization who is one of another as well: a link made here must not open what is there.
CREATE FUNCTION belongs_elsewhere(who uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM membership m WHERE m.user_id = who AND m.organization_id = app_organization() AND m.left_at IS NULL)
     AND EXISTS (SELECT 1 FROM membership m WHERE m.user_id = who AND m.organization_id <> app_organization() AND m.left_at IS NULL) $$;
"""

# When a member was last here, in a browser, a program or with a token; noted at most every five minutes.
SEEN = """
CREATE FUNCTION last_seen_here(who uuid) RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT GREATEST(
    (SELECT max(s.last_seen_at) FROM session s WHERE s.user_id = who AND s.organization_id = app_organization()),
    (SELECT max(t.last_used_at) FROM api_token t WHERE t.user_id = who AND t.organization_id = app_organization())) $$;
"""

SWEEP = """
CREATE OR REPLACE FUNCTION sweep_expired() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  DELETE FROM login_attempt WHERE at < now() - interval '1 day';
  DELETE FROM one_time_token WHERE expires_at < now() - interval '7 days';
  DELETE FROM import_session WHERE confirmed_at IS NULL AND expires_at < now();
  DELETE FROM session WHERE expires_at < now() - interval '30 days';
  DELETE FROM notification WHERE created_at < now() - interval '90 days' $$;
"""

CLOSE = """
DO $$ DECLARE signature text; BEGIN
  FOREACH signature IN ARRAY ARRAY['find_login(text)', 'find_session(uuid)', 'find_token(text)', 'find_invitation(text)', 'end_access(uuid)',
    'find_one_time_token(text, text)', 'end_one_time_tokens(text)', 'my_organizations()', 'my_organizations_with_project(text)',
    'belongs_elsewhere(uuid)', 'last_seen_here(uuid)', 'sweep_expired()'] LOOP
    EXECUTE 'REVOKE ALL ON FUNCTION ' || signature || ' FROM PUBLIC';
    EXECUTE 'GRANT EXECUTE ON FUNCTION ' || signature || ' TO rhesis_app';
  END LOOP;
END $$;
"""
