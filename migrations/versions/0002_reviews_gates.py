"""Reviews and gates.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "review",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("result_id", sa.Uuid(), nullable=False),
        sa.Column("evaluation_id", sa.Uuid(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), server_default="", nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("superseded_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("verdict IN ('passed', 'failed')", name=op.f("ck_review_verdict")),
        sa.ForeignKeyConstraint(["author_id"], ["app_user.id"], name=op.f("fk_review_author_id"), ondelete="SET NULL"),
        *(_belongs_to("review", column, table) for column, table in _REVIEWED),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_review_organization_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
    )
    op.create_index("ix_review_run", "review", ["organization_id", "run_id", "result_id"])
    op.create_index(
        "uq_review_of_result",
        "review",
        ["organization_id", "result_id"],
        unique=True,
        postgresql_where=sa.text("evaluation_id IS NULL AND superseded_at IS NULL"),
    )
    op.create_index(
        "uq_review_of_evaluation",
        "review",
        ["organization_id", "evaluation_id"],
        unique=True,
        postgresql_where=sa.text("evaluation_id IS NOT NULL AND superseded_at IS NULL"),
    )
    _gates()
    cursor = op.get_bind().connection.cursor()
    for statement in (*map(policies, ("review", "gate", "gate_decision")), GRANTS, ERASE):
        cursor.execute(statement)


def _gates() -> None:
    op.create_table(
        "gate",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rule", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("archived_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        _belongs_to("gate", "project_id", "project"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_gate_organization_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_gate_organization_id_id")),
    )
    op.create_index(
        "uq_gate_live_name",
        "gate",
        ["organization_id", "project_id", "name"],
        unique=True,
        postgresql_where=sa.text("archived_at IS NULL"),
    )
    op.create_table(
        "gate_decision",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("gate_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rule", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("numbers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("decision IN ('passed', 'failed', 'undecided')", name=op.f("ck_gate_decision_decision")),
        _belongs_to("gate_decision", "run_id", "test_run"),
        _belongs_to("gate_decision", "gate_id", "gate"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_gate_decision_organization_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("run_id", "gate_id", name=op.f("pk_gate_decision")),
    )


def _belongs_to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id", column],
        [f"{target}.organization_id", f"{target}.id"],
        name=op.f(f"fk_{table}_organization_id_{column}"),
        ondelete="RESTRICT",
    )


_REVIEWED = (("run_id", "test_run"), ("result_id", "test_result"), ("evaluation_id", "evaluation"))


def policies(table: str) -> str:
    """Row-level security for one table: the app's role sees its organization, the owner everything."""
    rule = "organization_id = app_organization()"
    return f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON {table} TO rhesis_app USING ({rule}) WITH CHECK ({rule});
DO $$ BEGIN EXECUTE format('CREATE POLICY owner ON {table} TO %I USING (true) WITH CHECK (true)', current_user); END $$;
"""


# A review is only ever added to and superseded; of a decision the newest stands.
GRANTS = """
GRANT SELECT, INSERT, UPDATE ON gate, gate_decision TO rhesis_app;
GRANT SELECT, INSERT, UPDATE (superseded_at) ON review TO rhesis_app;
"""

# Every table that has an organization, those that refer to others first: a table added later is erased too.
ERASE = """
CREATE OR REPLACE FUNCTION erase_demo() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE gone uuid := app_organization(); people uuid[]; open_tables oid[]; free_table oid;
BEGIN
  IF NOT EXISTS (SELECT 1 FROM organization o WHERE o.id = gone AND (o.settings->>'demo')::boolean) THEN RETURN false; END IF;
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
  DELETE FROM app_user u WHERE u.id = ANY (people) AND NOT EXISTS (SELECT 1 FROM membership m WHERE m.user_id = u.id);
  RETURN true;
END $$;
"""
