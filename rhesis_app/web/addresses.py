"""`url_for` for templates: lists ask for hundreds of addresses that differ by an id alone, so their form is built once."""

import secrets
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from uuid import UUID

from flask import Flask, request

_FORMS = 1024
_AS_THEY_ARE = frozenset({str, bool, type(None)})
# what stands for an id until it is known; nobody can guess it, so no other value holds it
_PLACE = secrets.randbits(100)
_STAND_INS: dict[type, Callable[[int], Any]] = {UUID: lambda index: UUID(int=_PLACE + index), int: _PLACE.__add__}


def address_builder(app: Flask) -> Callable[..., str]:
    """Make `url_for(endpoint, **values)`: what Flask's gives in a request, BuildError included.

    An address's form is remembered by its endpoint and values, of UUIDs and whole numbers only the types: these are
    filled in, and need no escaping in a path or a query.
    """

    @lru_cache(maxsize=_FORMS)
    def form(_mounted_at: str, endpoint: str, shape: tuple[tuple[str, Any], ...]) -> str:
        stand_ins = {name: _STAND_INS[kind](index) for index, (name, kind) in enumerate(shape) if kind in _STAND_INS}
        built = app.url_for(endpoint, **(dict(shape) | stand_ins)).replace("%", "%%")
        for name, stand_in in stand_ins.items():
            built = built.replace(str(stand_in), f"%({name})s")
        return built

    def url_for(endpoint: str, **values: Any) -> str:
        shape = []
        for name, value in values.items():
            kind = type(value)
            if kind in _STAND_INS:
                shape.append((name, kind))
            elif kind in _AS_THEY_ARE and name[0] != "_":
                shape.append((name, value))
            else:
                return app.url_for(endpoint, **values)
        return form(request.script_root, endpoint, tuple(shape)) % values

    return url_for
