"""Statements that PostgreSQL keeps ready: a query over many joins costs far more to plan than to answer.

The driver sends every statement as one text, so each is parsed and planned anew. One that asks for it
(`execution_options(keep_ready=True)`) is prepared on its connection at its first use and from then on only named.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import sha1
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExecutionContext

MOST = 60
"""Statements kept on one connection; further ones are sent as text."""
_PLACE = re.compile(r"%\((\w+)\)s|%%")
_TYPES: Mapping[type, str] = {
    bool: "boolean",
    UUID: "uuid",
    float: "double precision",
    Decimal: "numeric",
    datetime: "timestamptz",
    date: "date",
    timedelta: "interval",
}
_INTEGER = 2**31


def keep_ready(engine: Engine) -> None:
    """Let statements of `engine` ask to be kept ready."""

    @event.listens_for(engine, "do_execute")
    def _execute(cursor: Any, statement: str, parameters: Any, context: ExecutionContext | None) -> bool | None:
        if context is None or not parameters or not context.execution_options.get("keep_ready"):
            return None
        ready: set[str] = context.root_connection.info.setdefault("ready", set())
        types = {name: _type_of(value) for name, value in parameters.items()}
        order = list(dict.fromkeys(name for name in _PLACE.findall(statement) if name))
        declared = [types[name] for name in order]
        name = f"ready_{sha1(repr((statement, declared)).encode(), usedforsecurity=False).hexdigest()[:20]}"
        if name not in ready:
            if len(ready) >= MOST:
                return None
            _prepare(cursor, name, statement, order, declared)
            ready.add(name)
        cursor.execute(f"EXECUTE {name}({', '.join(f'%({one})s' for one in order)})", parameters)
        return True


def _prepare(cursor: Any, name: str, statement: str, order: list[str], declared: list[str]) -> None:
    places = {one: f"${number}" for number, one in enumerate(order, start=1)}
    body = _PLACE.sub(lambda found: places[found[1]] if found[1] else "%", statement)
    cursor.execute(f"PREPARE {name}({', '.join(declared)}) AS {body}")


def _type_of(value: Any) -> str:
    """What a value would be if it stood in the text; of the rest PostgreSQL finds out from where it is used, as it does for a text."""
    if type(value) is int:
        return "integer" if -_INTEGER <= value < _INTEGER else "bigint"
    return _TYPES.get(type(value), "unknown")
