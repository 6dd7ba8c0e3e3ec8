"""Large reads may be shared between processes of the database: what every row's policy asks does not stand in the way.

Revision ID: 0020
Revises: 0019
"""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    cursor = op.get_bind().connection.cursor()
    for statement in SETTINGS:
        cursor.execute(statement)


# They only read a setting of the session, which PostgreSQL gives to those processes as well.
SETTINGS = ("ALTER FUNCTION app_organization() PARALLEL SAFE", "ALTER FUNCTION app_user_id() PARALLEL SAFE")
