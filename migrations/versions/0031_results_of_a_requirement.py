"""The index of a run's results by requirement holds them in the order of the list, so that a page of one requirement reads a page.

Revision ID: 0031
Revises: 0030
"""

from alembic import op

revision = "0031"
down_revision = "0030"

_NAME, _TABLE = "ix_test_result_run_requirement", "test_result"


def upgrade() -> None:
    """Built anew: an index takes no further column."""
    op.drop_index(_NAME, _TABLE)
    op.create_index(
        _NAME,
        _TABLE,
        ["run_id", "requirement_id", "outcome", "position", "trial"],
        postgresql_include=["organization_id"],
    )
