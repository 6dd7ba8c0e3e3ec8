"""Work items without the two foreign keys that say nothing of their own.

Their run's key holds their organization, and their versions are copied from the run's test set, where a key holds them; nobody deletes
versions while runs refer to their set. Row by row the checks took half of the time in which a large run is accepted.

Revision ID: 0030
Revises: 0029
"""

from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Only checks go; no row changes."""
    for name in ("fk_work_item_organization_id", "fk_work_item_organization_id_test_version_id"):
        op.drop_constraint(name, "work_item", type_="foreignkey")
