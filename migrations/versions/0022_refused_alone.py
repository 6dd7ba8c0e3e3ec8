"""A limit that calls refused alone lower one by one: how far it may sink within five seconds.

Revision ID: 0022
Revises: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    for table in ("endpoint_throttle", "model_throttle"):
        op.add_column(table, sa.Column("limit_floor", sa.Integer(), nullable=True))
