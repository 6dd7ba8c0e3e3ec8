"""Accounts: verified addresses, second factors, registrations that wait for their letter, deactivation.

Revision ID: 0024
Revises: 0023
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.add_column("app_user", _moment("email_verified_at"))
    op.add_column("one_time_token", sa.Column("email", sa.Text(), nullable=True))
    _second_factor()
    _registrations()
    cursor = op.get_bind().connection.cursor()
    for statement in (
        policies("user_totp", "user_id = app_user_id()"),
        policies("recovery_code", "user_id = app_user_id()"),
        policies("registration", "false"),
        *(GRANTS, FACTOR, REGISTER, ADDRESS, DEACTIVATE, CLOSE),
    ):
        cursor.execute(statement)


def _second_factor() -> None:
    op.create_table(
        "user_totp",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), server_default="0", nullable=False),
        _now("created_at"),
        _moment("confirmed_at"),
        _user("user_totp"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_user_totp")),
    )
    op.create_table(
        "recovery_code",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        _moment("used_at"),
        sa.Column("id", sa.Uuid(), nullable=False),
        _user("recovery_code"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
        sa.UniqueConstraint("user_id", "sha256", name=op.f("uq_recovery_code_user_id_sha256")),
    )


def _registrations() -> None:
    op.create_table(
        "registration",
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("organization_name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registration")),
        sa.UniqueConstraint("sha256", name=op.f("uq_registration_sha256")),
    )


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.TIMESTAMP(timezone=True), nullable=True)


def _now(name: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False)


def _user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f(f"fk_{table}_user_id"), ondelete="CASCADE")


def policies(table: str, rule: str) -> str:
    """Row-level security for one table: the app's role sees what `rule` allows, the owner everything."""
    return f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON {table} TO rhesis_app USING ({rule}) WITH CHECK ({rule});
DO $$ BEGIN EXECUTE format('CREATE POLICY owner ON {table} TO %I USING (true) WITH CHECK (true)', current_user); END $$;
"""


# A code is used up by the functions below alone.
GRANTS = """
GRANT SELECT, INSERT, DELETE ON user_totp, recovery_code TO rhesis_app;
GRANT UPDATE (confirmed_at, last_step) ON user_totp TO rhesis_app;
"""

# Asked before anybody is signed in, of somebody whose password was right. One UPDATE decides among all who bring the same code.
FACTOR = """
CREATE FUNCTION find_totp(who uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT t.secret FROM user_totp t WHERE t.user_id = who AND t.confirmed_at IS NOT NULL $$;

CREATE FUNCTION use_totp_step(who uuid, step bigint) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH used AS (
    UPDATE user_totp t SET last_step = step
     WHERE t.user_id = who AND t.confirmed_at IS NOT NULL AND t.last_step < step RETURNING 1
  ) SELECT EXISTS (SELECT 1 FROM used) $$;

CREATE FUNCTION use_recovery_code(who uuid, digest text) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH used AS (
    UPDATE recovery_code c SET used_at = now() WHERE c.user_id = who AND c.sha256 = digest AND c.used_at IS NULL RETURNING 1
  ) SELECT EXISTS (SELECT 1 FROM used) $$;
"""

# Whoever registers belongs nowhere yet. What ran out goes when the next one comes; what was used goes at once.
REGISTER = """
CREATE FUNCTION is_registered(address text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM app_user u WHERE u.email = address) $$;

CREATE FUNCTION keep_registration(new_id uuid, digest text, address text, person text, organization text, hash text, life interval) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  DELETE FROM registration r WHERE r.expires_at <= now();
  INSERT INTO registration (id, sha256, email, name, organization_name, password_hash, expires_at)
  VALUES (new_id, digest, address, person, organization, hash, now() + life) $$;

CREATE FUNCTION find_registration(digest text) RETURNS TABLE (email text, name text, organization_name text, password_hash text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT r.email, r.name, r.organization_name, r.password_hash FROM registration r WHERE r.sha256 = digest AND r.expires_at > now() $$;

CREATE FUNCTION use_registration(digest text) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH used AS (DELETE FROM registration r WHERE r.sha256 = digest AND r.expires_at > now() RETURNING 1)
  SELECT EXISTS (SELECT 1 FROM used) $$;
"""

# A link that proves an address works in its owner's own session alone.
ADDRESS = """
CREATE FUNCTION find_address_link(digest text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT t.email FROM one_time_token t
   WHERE t.sha256 = digest AND t.purpose = 'address' AND t.user_id = app_user_id() AND t.used_at IS NULL AND t.expires_at > now() $$;

CREATE FUNCTION use_address_link(digest text) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  UPDATE one_time_token t SET used_at = now()
   WHERE t.sha256 = digest AND t.purpose = 'address' AND t.user_id = app_user_id() AND t.used_at IS NULL AND t.expires_at > now()
  RETURNING t.email $$;
"""

# Across all organizations of the actor. Owners who go at the same time wait for each other at the rows of their organizations.
DEACTIVATE = """
CREATE FUNCTION deactivate_me() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE me uuid := app_user_id();
BEGIN
  PERFORM 1 FROM organization o WHERE o.id IN (SELECT m.organization_id FROM membership m WHERE m.user_id = me AND m.left_at IS NULL)
    ORDER BY o.id FOR NO KEY UPDATE;
  IF EXISTS (SELECT 1 FROM owned_alone()) THEN RETURN false; END IF;
  UPDATE app_user u SET is_active = false, epoch = u.epoch + 1, updated_at = now() WHERE u.id = me;
  UPDATE session s SET revoked_at = now() WHERE s.user_id = me AND s.revoked_at IS NULL;
  UPDATE api_token t SET revoked_at = now() WHERE t.user_id = me AND t.revoked_at IS NULL;
  UPDATE one_time_token t SET used_at = now() WHERE t.user_id = me AND t.used_at IS NULL;
  UPDATE invitation i SET revoked_at = now() WHERE i.invited_by = me AND i.accepted_at IS NULL AND i.revoked_at IS NULL;
  RETURN true;
END $$;
"""

CLOSE = """
DO $$ DECLARE signature text; BEGIN
  FOREACH signature IN ARRAY ARRAY['find_totp(uuid)', 'use_totp_step(uuid, bigint)', 'use_recovery_code(uuid, text)', 'is_registered(text)',
    'keep_registration(uuid, text, text, text, text, text, interval)', 'find_registration(text)', 'use_registration(text)',
    'find_address_link(text)', 'use_address_link(text)', 'deactivate_me()'] LOOP
    EXECUTE 'REVOKE ALL ON FUNCTION ' || signature || ' FROM PUBLIC';
    EXECUTE 'GRANT EXECUTE ON FUNCTION ' || signature || ' TO rhesis_app';
  END LOOP;
END $$;
"""
