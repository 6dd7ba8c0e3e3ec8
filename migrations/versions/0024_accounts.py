"""Accounts: verified addresses, second factors, when somebody was last here.

Revision ID: 0024
Revises: 0023
"""

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Nothing yet."""
