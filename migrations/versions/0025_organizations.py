"""Organizations that are being deleted, and roles that an organization makes itself.

Revision ID: 0025
Revises: 0024
"""

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Nothing yet."""
