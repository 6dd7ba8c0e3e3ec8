"""Params are plain dataclasses; this makes their validation, JSON schema and form out of the fields."""

import copy
import dataclasses
import json
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Required, TypedDict, Union, Unpack, get_args, get_origin

Kind = Literal["text", "number", "integer", "boolean", "choice", "list", "json"]

_DETAILS = "rhesis"
_MAX_TEXT = 100_000
_MAX_ITEMS = 10_000
_KINDS: dict[Any, Kind] = {bool: "boolean", int: "integer", float: "number", str: "text"}
_JSON_TYPES = {"text": "string", "choice": "string", "list": "array", "json": "object"}


class ParamDetails(TypedDict, total=False):
    """What can be said of a param beyond its type and default."""

    help: Required[str]
    title: str
    choices: tuple[str, ...]
    minimum: float
    maximum: float
    multiline: bool


class ParamError(ValueError):
    """Params that cannot be used; `errors` maps each field's name ("" for the whole) to sentences."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__("; ".join(f"{name or 'params'}: {' '.join(texts)}" for name, texts in errors.items()))
        self.errors = errors


class ChecksItself(typing.Protocol):
    """A params class may have this method for checks that types and bounds cannot express."""

    def problems(self) -> Mapping[str, str]:
        """Field name ("" for the whole) to a sentence; empty when all is well. Asked once the fields are right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParamField:
    """One param as the form, the JSON schema and the docs see it. `optional` allows None."""

    name: str
    title: str
    kind: Kind
    help: str
    choices: tuple[str, ...]
    minimum: float | None
    maximum: float | None
    required: bool
    default: Any
    multiline: bool
    optional: bool


def param(default: Any = dataclasses.MISSING, /, **details: Unpack[ParamDetails]) -> Any:
    """A described dataclass field; without a default it must be given, a mapping as default is copied."""
    metadata = {_DETAILS: details}
    if isinstance(default, dict | list):
        return dataclasses.field(default_factory=lambda: copy.deepcopy(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def fields_of(cls: type[Any]) -> tuple[ParamField, ...]:
    """The params of a class in order. Raises TypeError when it is no dataclass or a field's type has no form."""
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
        raise TypeError(f"params must be a dataclass, not {cls!r}.")
    hints = typing.get_type_hints(cls)
    return tuple(_describe(field, hints[field.name]) for field in dataclasses.fields(cls) if field.init)


def _describe(field: "dataclasses.Field[Any]", hint: Any) -> ParamField:
    details: Mapping[str, Any] = field.metadata.get(_DETAILS, {})
    bare, optional = _without_none(hint)
    choices = tuple(details.get("choices", ()))
    return ParamField(
        name=field.name,
        title=details.get("title") or field.name.replace("_", " ").capitalize(),
        kind="choice" if choices else _kind_of(field.name, bare),
        help=details.get("help", ""),
        choices=choices,
        minimum=details.get("minimum"),
        maximum=details.get("maximum"),
        required=field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        default=_default_of(field),
        multiline=bool(details.get("multiline", False)),
        optional=optional,
    )


def _without_none(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) not in {Union, types.UnionType}:
        return hint, False
    others = [part for part in get_args(hint) if part is not type(None)]
    return (others[0], True) if len(others) == 1 else (hint, False)


def _kind_of(name: str, hint: Any) -> Kind:
    if hint in _KINDS:
        return _KINDS[hint]
    origin = get_origin(hint) or hint
    if origin is tuple and get_args(hint) == (str, ...):
        return "list"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "json"
    raise TypeError(f"{name}: the type of a param is str, int, float, bool, tuple[str, ...] or Mapping[str, Any].")


def _default_of(field: "dataclasses.Field[Any]") -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    return None if field.default_factory is dataclasses.MISSING else field.default_factory()


def json_schema(cls: type[Any]) -> dict[str, Any]:
    """The class as JSON Schema (2020-12) of an object that refuses unknown fields."""
    fields = fields_of(cls)
    return {
        "type": "object",
        "properties": {field.name: _property(field) for field in fields},
        "required": [field.name for field in fields if field.required],
        "additionalProperties": False,
    }


def _property(field: ParamField) -> dict[str, Any]:
    kind = _JSON_TYPES.get(field.kind, field.kind)
    described: dict[str, Any] = {"type": [kind, "null"] if field.optional else kind, "title": field.title}
    extras = {
        "description": field.help or None,
        "enum": list(field.choices) or None,
        "items": {"type": "string"} if field.kind == "list" else None,
        "minimum": field.minimum,
        "maximum": field.maximum,
    }
    described.update({name: value for name, value in extras.items() if value is not None})
    if not field.required:
        described["default"] = plain(field.default)
    return described


def parse(cls: type[Any], given: Mapping[str, Any]) -> Any:
    """An instance of `cls` from JSON values. Raises ParamError naming every wrong, missing and unknown field."""
    if not isinstance(given, Mapping):
        raise ParamError({"": ["Params must be an object."]})
    fields = {field.name: field for field in fields_of(cls)}
    errors: dict[str, list[str]] = {
        str(name): [f"Unknown: this evaluator has {', '.join(fields) or 'no params'}."]
        for name in given
        if name not in fields
    }
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in given:
            try:
                values[name] = _accept(field, given[name])
            except _RefusedError as refused:
                errors[name] = [str(refused)]
        elif field.required:
            errors[name] = ["Required."]
    if errors:
        raise ParamError(errors)
    return _build(cls, values)


def _build(cls: type[Any], values: Mapping[str, Any]) -> Any:
    """Construct and let the class check itself; what its own code raises is a finding, not the caller's crash."""
    try:
        instance = cls(**values)
        found = dict(instance.problems()) if hasattr(instance, "problems") else {}
    except Exception as failure:
        raise ParamError({"": [f"The plugin could not check these params ({type(failure).__name__})."]}) from failure
    if found:
        raise ParamError({name: [sentence] for name, sentence in found.items()})
    return instance


def defaults_of(cls: type[Any]) -> Any | None:
    """The instance with every param at its default, or None when one has no default or defaults do not fit together."""
    try:
        return parse(cls, {})
    except ParamError:
        return None


def to_mapping(instance: Any) -> dict[str, Any]:
    """The JSON values that `parse` turns back into an equal instance."""
    return {field.name: plain(getattr(instance, field.name)) for field in fields_of(type(instance))}


def plain(value: Any) -> Any:
    """`value` with tuples as lists and mappings as dicts, all the way down."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def read_form(cls: type[Any], form: Mapping[str, str]) -> dict[str, Any]:
    """What an HTML form sent, as values for `parse`; what cannot be read is passed on, so that `parse` names it.

    A checkbox that is absent is False, an empty number or choice takes its default, a list has one item per line.
    """
    read: dict[str, Any] = {}
    for field in fields_of(cls):
        if field.kind == "boolean":
            read[field.name] = form.get(field.name, "").lower() not in {"", "0", "false", "off"}
        elif field.name in form:
            text = form[field.name].replace("\r\n", "\n")
            if text.strip() or field.kind == "text":
                read[field.name] = _READERS[field.kind](text)
    return read


def _read_lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def _read_number(text: str) -> Any:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def _read_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


_READERS: dict[str, Callable[[str], Any]] = {
    "text": str,
    "choice": str.strip,
    "number": _read_number,
    "integer": _read_number,
    "list": _read_lines,
    "json": _read_json,
}


class _RefusedError(Exception):
    """One value that cannot be taken, in a sentence for its field."""


def _accept(field: ParamField, value: Any) -> Any:
    if value is None and field.optional:
        return None
    return _ACCEPT[field.kind](field, value)


def _accept_text(field: ParamField, value: Any) -> str:
    if not isinstance(value, str):
        raise _RefusedError("Must be text.")
    if field.required and not value.strip():
        raise _RefusedError("Must not be empty.")
    if len(value) > _MAX_TEXT:
        raise _RefusedError(f"Must be at most {_MAX_TEXT:,} characters.")
    if not is_storable(value):
        raise _RefusedError("Contains a character that cannot be stored (NUL or half of a surrogate pair).")
    return value


def _accept_choice(field: ParamField, value: Any) -> str:
    if value not in field.choices:
        raise _RefusedError(f"Must be one of: {', '.join(field.choices)}.")
    return str(value)


def _accept_boolean(_field: ParamField, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _RefusedError("Must be true or false.")
    return value


def _accept_number(field: ParamField, value: Any) -> float:
    whole = field.kind == "integer"
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise _RefusedError("Must be a whole number." if whole else "Must be a number.")
    if not -1e15 < value < 1e15:  # also refuses NaN and the infinities
        raise _RefusedError("Must be a number of ordinary size.")
    if field.minimum is not None and value < field.minimum:
        raise _RefusedError(f"Must be at least {field.minimum:g}.")
    if field.maximum is not None and value > field.maximum:
        raise _RefusedError(f"Must be at most {field.maximum:g}.")
    return value if whole else float(value)


def _accept_list(field: ParamField, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise _RefusedError("Must be a list of texts.")
    if len(value) > _MAX_ITEMS:
        raise _RefusedError(f"Must have at most {_MAX_ITEMS:,} items.")
    items = tuple(_accept_text(dataclasses.replace(field, required=False), item) for item in value)
    if field.required and not items:
        raise _RefusedError("Must not be empty.")
    return items


def _accept_json(_field: ParamField, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _RefusedError('Must be a JSON object, such as {"name": "value"}.')
    if not is_storable(value):
        raise _RefusedError("Must hold only JSON values, nested at most 50 deep, with texts that can be stored.")
    return dict(plain(value))


_ACCEPT: dict[str, Callable[[ParamField, Any], Any]] = {
    "text": _accept_text,
    "choice": _accept_choice,
    "boolean": _accept_boolean,
    "number": _accept_number,
    "integer": _accept_number,
    "list": _accept_list,
    "json": _accept_json,
}


def is_storable(value: Any, depth: int = 50) -> bool:
    """Whether `value` is JSON that a PostgreSQL jsonb column takes: no NUL, no lone surrogate, no NaN, not too deep."""
    if value is None or isinstance(value, bool):
        return True
    if isinstance(value, int):
        return -(2**63) <= value < 2**63  # what a JSON reader may be trusted to take
    if isinstance(value, str):
        return "\0" not in value and not has_lone_surrogate(value)
    if isinstance(value, float):
        return math.isfinite(value) and abs(value) < 2**63  # a jsonb column gives 1e30 back as a whole number
    if depth == 0 or not isinstance(value, Mapping | list | tuple):
        return False
    inner: Iterable[Any] = (*value.keys(), *value.values()) if isinstance(value, Mapping) else value
    keys_are_text = not isinstance(value, Mapping) or all(isinstance(key, str) for key in value)
    return keys_are_text and all(is_storable(part, depth - 1) for part in inner)


def has_lone_surrogate(text: str) -> bool:
    """Whether `text` cannot be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
