"""A value that tells whether the encryption keys are those of the data.

Revision ID: 0029
Revises: 0028
"""

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Nothing yet."""
