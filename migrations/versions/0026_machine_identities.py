"""Service accounts, and identities of a single sign-on provider.

Revision ID: 0026
Revises: 0025
"""

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Nothing yet."""
