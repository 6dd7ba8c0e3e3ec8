"""A name that is taken, told from any other violated constraint."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import IntegrityError

from rhesis_app.kernel.errors import Conflict


@contextmanager
def unique_name(constraint: str, sentence: str) -> Iterator[None]:
    """Turn a violation of `constraint` in the block into a Conflict at the field `name`; stands outside `atomic()`."""
    try:
        yield
    except IntegrityError as error:
        violated = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
        if violated != constraint:
            raise
        raise Conflict(sentence, errors={"name": [sentence]}) from error
