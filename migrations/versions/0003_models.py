"""Models, and what judges said and cost.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _models()
    op.add_column("metric", sa.Column("model_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_metric_organization_id_model_id"),
        "metric",
        "model",
        ["organization_id", "model_id"],
        ["organization_id", "id"],
        ondelete="RESTRICT",
    )
    op.add_column(
        "metric_version", sa.Column("model", postgresql.JSONB(astext_type=sa.Text(), none_as_null=True), nullable=True)
    )
    for column in (
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("tokens_in", sa.Integer(), nullable=True),
        sa.Column("tokens_out", sa.Integer(), nullable=True),
        sa.Column("cost", sa.Numeric(), nullable=True),
        sa.Column("raw", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    ):
        op.add_column("evaluation", column)
    cursor = op.get_bind().connection.cursor()
    for statement in (policies("model"), GRANTS):
        cursor.execute(statement)


def _models() -> None:
    op.create_table(
        "model",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("wire", sa.Text(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column("params", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("price_input", sa.Numeric(), nullable=True),
        sa.Column("price_output", sa.Numeric(), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("key_origin", sa.Text(), nullable=True),
        sa.Column("timeout_s", sa.Integer(), server_default=sa.text("60"), nullable=False),
        sa.Column("max_concurrency", sa.Integer(), server_default=sa.text("8"), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("archived_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("wire IN ('openai', 'anthropic')", name=op.f("ck_model_wire")),
        sa.CheckConstraint("timeout_s BETWEEN 1 AND 600", name=op.f("ck_model_timeout_s")),
        sa.CheckConstraint("max_concurrency BETWEEN 1 AND 1000", name=op.f("ck_model_max_concurrency")),
        sa.CheckConstraint("price_input >= 0 AND price_output >= 0", name=op.f("ck_model_prices")),
        sa.CheckConstraint("NOT (is_default AND archived_at IS NOT NULL)", name=op.f("ck_model_default")),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["project.organization_id", "project.id"],
            name=op.f("fk_model_organization_id_project_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_model_organization_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_model_organization_id_id")),
    )
    op.create_index(
        "uq_model_name",
        "model",
        ["organization_id", "project_id", "name"],
        unique=True,
        postgresql_where=sa.text("archived_at IS NULL"),
    )
    op.create_index(
        "uq_model_default",
        "model",
        ["organization_id", "project_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
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


GRANTS = "GRANT SELECT, INSERT, UPDATE ON model TO rhesis_app;"
