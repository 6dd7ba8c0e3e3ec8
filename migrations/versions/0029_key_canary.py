"""A value that tells whether the encryption keys are those of the data.

Revision ID: 0029
Revises: 0028
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.create_table(
        "key_canary",
        sa.Column("is_only", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.CheckConstraint("is_only", name=op.f("ck_key_canary_is_only")),
        sa.PrimaryKeyConstraint("is_only", name=op.f("pk_key_canary")),
    )
    cursor = op.get_bind().connection.cursor()
    for statement in (GUARDS, EXAMPLES):
        cursor.execute(statement)


# It is nobody's and holds no secret: the application reads it and may seal the first; only an owner seals it anew.
GUARDS = """
ALTER TABLE key_canary ENABLE ROW LEVEL SECURITY;
ALTER TABLE key_canary FORCE ROW LEVEL SECURITY;
CREATE POLICY everybody ON key_canary TO rhesis_app USING (true) WITH CHECK (true);
DO $$ BEGIN EXECUTE format('CREATE POLICY owner ON key_canary TO %I USING (true) WITH CHECK (true)', current_user); END $$;
GRANT SELECT, INSERT ON key_canary TO rhesis_app;
"""

# For data of before there was a canary: what was sealed last in each column. Ciphertext alone, and of no known row.
EXAMPLES = """
CREATE FUNCTION sealed_examples() RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  (SELECT secret FROM endpoint WHERE secret IS NOT NULL ORDER BY updated_at DESC LIMIT 1)
  UNION ALL (SELECT key FROM model WHERE key IS NOT NULL ORDER BY updated_at DESC LIMIT 1)
  UNION ALL (SELECT secret FROM user_totp ORDER BY created_at DESC LIMIT 1)
$$;
REVOKE ALL ON FUNCTION sealed_examples() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sealed_examples() TO rhesis_app;
"""
