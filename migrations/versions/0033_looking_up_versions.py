"""An index of the frozen sets that a frozen test stands in, and results without the two keys that say nothing of their own.

Without the index the overview read a whole set for each of a project's tests, and erasing an organization one for each of its tests.
A result's test and requirement are those of its test's version, where keys hold them.

Revision ID: 0033
Revises: 0032
"""

from alembic import op

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """No row changes."""
    op.create_index("ix_test_set_version_item_version", "test_set_version_item", ["test_version_id"])
    for name in ("test_id", "requirement_id"):
        op.drop_constraint(f"fk_test_result_organization_id_{name}", "test_result", type_="foreignkey")
