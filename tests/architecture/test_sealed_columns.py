"""A rotation of keys finds every sealed text: nothing is sealed for a column that is not listed, and each one listed is there."""

import pytest
from sqlalchemy import Text

import rhesis_app.app  # noqa: F401 - with it every row is known
from rhesis_app.infra.crypto import CANARY, SEALED, SealedColumn
from rhesis_app.infra.orm import Base


@pytest.mark.parametrize("sealed", [*SEALED, CANARY], ids=lambda sealed: sealed.field)
def test_a_sealed_column_is_a_text_whose_rows_can_be_told_apart(sealed: SealedColumn) -> None:
    table = Base.metadata.tables[sealed.table]
    assert isinstance(table.c[sealed.column].type, Text)
    assert [column.name for column in table.primary_key] == [sealed.key]


def test_no_column_is_listed_twice() -> None:
    fields = [sealed.field for sealed in (*SEALED, CANARY)]
    assert len(fields) == len(set(fields))
