"""The clock for words on a page. What is stored or compared in the database uses the database's `now()`."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The current moment, aware, in UTC."""
    return datetime.now(UTC)
