"""Which failures of the database pass by themselves."""

import pytest
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError

from rhesis_app.infra.outages import passes


class Refused(Exception):
    def __init__(self, pgcode: str | None) -> None:
        super().__init__(pgcode)
        self.pgcode = pgcode


@pytest.mark.parametrize("code", ["57P01", "57P03", "53100", "53300", "40P01", "40001", "55P03", "08006", "58030"])
def test_what_has_to_do_with_the_server_is_tried_again(code: str) -> None:
    assert passes(DBAPIError("SELECT 1", None, Refused(code)))


@pytest.mark.parametrize("code", ["23505", "42P01", "22P02", "42501"])
def test_what_is_wrong_with_the_statement_is_not(code: str) -> None:
    assert not passes(InternalError("SELECT 1", None, Refused(code)))


def test_a_connection_that_broke_says_no_code() -> None:
    assert passes(OperationalError("SELECT 1", None, Refused(None)))
    assert not passes(DBAPIError("SELECT 1", None, Refused(None)))
    assert passes(DBAPIError("SELECT 1", None, Refused(None), connection_invalidated=True))
