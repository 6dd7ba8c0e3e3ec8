"""What an organization keeps, and for how long.

Revision ID: 0028
Revises: 0027
"""

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Nothing yet."""
