"""Keyset pages: what a list query takes and gives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, and_, false, literal, or_, tuple_

Item = TypeVar("Item")
Made = TypeVar("Made")

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Which page: at most `limit` rows after `after` (the sort values of the last row seen; empty is the first page).

    With `backward` the rows before `after` are wanted. `count` asks for the total as well.
    """

    limit: int = DEFAULT_LIMIT
    after: tuple[Any, ...] = ()
    backward: bool = False
    count: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """One page of a list: `next_after`/`previous_after` are the sort values to go on from; None at the ends."""

    items: tuple[Item, ...]
    next_after: tuple[Any, ...] | None = None
    previous_after: tuple[Any, ...] | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class By:
    """One sort column, never NULL; the last one of a list must be unique."""

    column: Any
    descending: bool = False


def keyset(query: Select[Any], by: Sequence[By], request: PageRequest) -> Select[Any]:
    """Order `query` and cut it to the page asked for, plus one row that tells whether more follows.

    `request.after` holds one value per column of `by`; a cursor of another length gives no rows.
    """
    directions = [(item.column, item.descending != request.backward) for item in by]
    if request.after:
        query = query.where(_beyond(directions, request.after) if len(request.after) == len(by) else false())
    ordered = (column.desc() if descending else column.asc() for column, descending in directions)
    return query.order_by(*ordered).limit(request.limit + 1)


def _beyond(directions: Sequence[tuple[Any, bool]], after: tuple[Any, ...]) -> ColumnElement[bool]:
    """Rows strictly after `after`: the first column differs, or it ties and the next one does, and so on.

    Columns that all go one way are compared as one row: PostgreSQL starts its index scan there, while of alternatives it would
    read everything before.
    """
    ways = {descending for _, descending in directions}
    if len(ways) == 1:
        columns = tuple_(*(column for column, _ in directions))
        last = tuple_(*(literal(value, column.type) for (column, _), value in zip(directions, after, strict=True)))
        return columns < last if ways.pop() else columns > last
    alternatives = []
    for index, (column, descending) in enumerate(directions):
        ties = [directions[i][0] == after[i] for i in range(index)]
        alternatives.append(and_(*ties, column < after[index] if descending else column > after[index]))
    return or_(*alternatives)


def page_of(
    rows: Sequence[Item],
    request: PageRequest,
    *,
    key: Callable[[Item], tuple[Any, ...]],
    view: Callable[[Item], Made],
    total: int | None = None,
) -> Page[Made]:
    """Make a page from `limit + 1` fetched rows (in the asked direction): the extra row only says that more follows."""
    more = len(rows) > request.limit
    kept = list(rows[: request.limit])
    if request.backward:
        kept.reverse()
    has_next = bool(request.after) if request.backward else more
    has_previous = more if request.backward else bool(request.after)
    return Page(
        items=tuple(view(row) for row in kept),
        next_after=key(kept[-1]) if kept and has_next else None,
        previous_after=key(kept[0]) if kept and has_previous else None,
        total=total,
    )
