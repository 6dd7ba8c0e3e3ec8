"""An index of the work items that are to be asked again: they are claimed before those never asked.

Revision ID: 0032
Revises: 0031
"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    """Small at any time: an item is in it only while it waits for another try."""
    again = sa.text("lease_owner IS NULL AND attempt > 0")
    op.create_index("ix_work_item_again", "work_item", ["run_id", "not_before"], postgresql_where=again)
