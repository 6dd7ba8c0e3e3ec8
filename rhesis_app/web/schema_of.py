"""The marshmallow schema, and so the OpenAPI schema, of a frozen view dataclass: written once, in the query."""

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

from marshmallow import Schema, validate
from marshmallow import fields as ma

_SIMPLE: dict[Any, type[ma.Field[Any]]] = {
    str: ma.String,
    int: ma.Integer,
    float: ma.Float,
    bool: ma.Boolean,
    UUID: ma.UUID,
    datetime: ma.AwareDateTime,
    Any: ma.Raw,
    dict: ma.Dict,
}


@cache
def schema_of(view: type) -> type[Schema]:
    """A schema class named like the view, with one required field per dataclass field."""
    if not is_dataclass(view):
        raise TypeError(f"{view!r} is no dataclass")
    hints = get_type_hints(view)
    shown = {field.name: _field(hints[field.name]) for field in fields(view)}
    return type(view.__name__, (Schema,), {**shown, "__module__": view.__module__})


def _field(hint: Any, *, nullable: bool = False) -> ma.Field[Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    options: dict[str, Any] = {"required": True, "allow_none": nullable}
    if origin in {Union, types.UnionType}:
        rest = [argument for argument in arguments if argument is not type(None)]
        return _field(rest[0] if len(rest) == 1 else Any, nullable=len(rest) < len(arguments))
    if origin is Literal:
        return ma.String(validate=validate.OneOf(arguments), **options)
    if origin in {tuple, list}:
        return ma.List(_field(arguments[0]), **options)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return ma.Dict(keys=ma.String(), values=_field(arguments[1]), **options)
    if is_dataclass(hint):
        return ma.Nested(schema_of(cast(type, hint)), **options)
    made = _SIMPLE.get(hint)
    if made is None and isinstance(hint, type) and issubclass(hint, str):
        made = ma.String
    if made is None:
        raise TypeError(f"no schema for {hint!r}: name it in web/schema_of.py")
    return made(**options)
