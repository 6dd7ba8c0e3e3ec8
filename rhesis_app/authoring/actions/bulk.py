"""What a statement with thousands of rows needs beforehand."""

from sqlalchemy import text

from rhesis_app.kernel.scope import Scope

MANY = 500


def forget_plans(scope: Scope, rows: int) -> None:
    """Let this connection plan its foreign-key checks anew before it writes many rows.

    PostgreSQL keeps one plan per foreign key and connection. Made while the tables were nearly empty it reads them from
    end to end, once for each row that is written: ten thousand tests then took 45 seconds instead of two.
    """
    if rows > MANY:
        scope.session.execute(text("DISCARD PLANS"))
