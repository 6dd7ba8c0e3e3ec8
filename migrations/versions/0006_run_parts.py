"""What an ended run's parts came to, frozen beside its totals.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("test_run", sa.Column("parts", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
