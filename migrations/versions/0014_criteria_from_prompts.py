"""Judges' criteria from versions of prompts.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    for table in ("metric", "metric_version"):
        op.add_column(table, sa.Column("prompt_version_id", sa.Uuid(), nullable=True))
        op.create_foreign_key(
            op.f(f"fk_{table}_organization_id_prompt_version_id"),
            table,
            "prompt_version",
            ["organization_id", "prompt_version_id"],
            ["organization_id", "id"],
            ondelete="RESTRICT",
        )
    op.create_index(
        "ix_metric_prompt_version_id",
        "metric",
        ["organization_id", "prompt_version_id"],
        postgresql_where=sa.text("prompt_version_id IS NOT NULL"),
    )
