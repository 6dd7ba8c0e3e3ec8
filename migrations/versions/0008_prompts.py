"""Prompts.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "prompt",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("archived_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        _belongs_to("prompt", "project_id", "project"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_prompt_organization_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prompt")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_prompt_organization_id_id")),
    )
    op.create_index(
        "uq_prompt_name",
        "prompt",
        ["organization_id", "project_id", "name"],
        unique=True,
        postgresql_where=sa.text("archived_at IS NULL"),
    )
    _versions()
    for table in ("test", "test_version"):
        _remember_prompt(table)
    op.create_index(
        "ix_test_prompt_version_id",
        "test",
        ["organization_id", "prompt_version_id"],
        postgresql_where=sa.text("prompt_version_id IS NOT NULL"),
    )
    _models_with_prompts()
    cursor = op.get_bind().connection.cursor()
    for statement in (*map(policies, ("prompt", "prompt_version")), GRANTS):
        cursor.execute(statement)


def _versions() -> None:
    op.create_table(
        "prompt_version",
        sa.Column("prompt_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("variables", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["author_id"], ["app_user.id"], name=op.f("fk_prompt_version_author_id"), ondelete="SET NULL"
        ),
        _belongs_to("prompt_version", "prompt_id", "prompt"),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_prompt_version_organization_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prompt_version")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_prompt_version_organization_id_id")),
        sa.UniqueConstraint(
            "organization_id", "prompt_id", "number", name=op.f("uq_prompt_version_organization_id_prompt_id_number")
        ),
    )


def _remember_prompt(table: str) -> None:
    """Where a test's text comes from, in the working test and in what a run froze."""
    op.add_column(table, sa.Column("prompt_version_id", sa.Uuid(), nullable=True))
    op.add_column(
        table,
        sa.Column(
            "prompt_values", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
    )
    op.create_foreign_key(
        op.f(f"fk_{table}_organization_id_prompt_version_id"),
        table,
        "prompt_version",
        ["organization_id", "prompt_version_id"],
        ["organization_id", "id"],
        ondelete="RESTRICT",
    )


def _models_with_prompts() -> None:
    """Endpoints that are a model with a prompt instead of an address."""
    op.add_column("endpoint", sa.Column("kind", sa.Text(), server_default="http", nullable=False))
    for column, kind in (("model_id", sa.Uuid()), ("prompt_version_id", sa.Uuid()), ("prompt_role", sa.Text())):
        op.add_column("endpoint", sa.Column(column, kind, nullable=True))
    for column, target in (("model_id", "model"), ("prompt_version_id", "prompt_version")):
        op.create_foreign_key(
            op.f(f"fk_endpoint_organization_id_{column}"),
            "endpoint",
            target,
            ["organization_id", column],
            ["organization_id", "id"],
            ondelete="RESTRICT",
        )
    for name, rule in (
        ("kind", "kind IN ('http', 'model')"),
        ("prompt_role", "prompt_role IN ('system', 'user')"),
        (
            "model_with_prompt",
            "(kind = 'model') = (model_id IS NOT NULL AND prompt_version_id IS NOT NULL AND prompt_role IS NOT NULL)",
        ),
    ):
        op.create_check_constraint(op.f(f"ck_endpoint_{name}"), "endpoint", rule)


def _belongs_to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id", column],
        [f"{target}.organization_id", f"{target}.id"],
        name=op.f(f"fk_{table}_organization_id_{column}"),
        ondelete="RESTRICT",
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


# A version is only ever added: runs and tests point at what was said then.
GRANTS = """
GRANT SELECT, INSERT, UPDATE ON prompt TO rhesis_app;
GRANT SELECT, INSERT ON prompt_version TO rhesis_app;
"""
