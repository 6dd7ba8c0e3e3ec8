"""Failures of the database that pass: a restart, a full disk, no connection left, two that waited for each other."""

from typing import Final

from sqlalchemy.exc import DBAPIError, OperationalError

_PASSING: Final = frozenset({"08", "40", "53", "55", "57", "58"})
"""Classes of SQLSTATE: connection, rollback, resources, state of an object, intervention, system."""


def is_collision(failure: DBAPIError) -> bool:
    """Whether the database took a transaction back because of another one; there is nothing wrong with either."""
    return (getattr(failure.orig, "pgcode", None) or "").startswith("40")


def passes(failure: DBAPIError) -> bool:
    """Whether the same transaction may succeed when it is tried again later."""
    code = getattr(failure.orig, "pgcode", None)
    if code is None:
        return failure.connection_invalidated or isinstance(failure, OperationalError)
    return code[:2] in _PASSING
