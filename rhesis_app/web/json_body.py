"""Reading JSON strictly: no duplicate keys, no NaN, no NUL or lone surrogate, no bottomless nesting."""

import json
import math
from typing import Any, NoReturn

from rhesis_app.kernel.errors import BadRequest

_MAX_DEPTH = 60


def read_json(raw: bytes) -> Any:
    """The value in `raw` (UTF-8); BadRequest says what is wrong with it."""
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant)
    except UnicodeDecodeError as error:
        raise BadRequest("The body is not UTF-8 text.") from error
    except (json.JSONDecodeError, RecursionError) as error:
        where = f" at line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise BadRequest(f"The body is not valid JSON{where}.") from error
    except ValueError as error:
        raise BadRequest("The body holds a number that is too long.") from error
    _check(value, 0)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise BadRequest(f"The key “{name[:80]}” stands twice in one object.")
        made[name] = value
    return made


def _constant(name: str) -> NoReturn:
    raise BadRequest(f"{name} is not a JSON number.")


def _check(value: Any, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise BadRequest(f"The body is nested deeper than {_MAX_DEPTH} levels.")
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, int | float):
        _check_number(value)
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_text(name)
            _check(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth + 1)


def _check_number(value: float) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise BadRequest("The body holds a number that is too large.")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise BadRequest("The body holds a whole number past 64 bits, which could not be answered again.")


def _check_text(text: str) -> None:
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise BadRequest("A text holds a NUL character or half of a surrogate pair; neither can be stored.")
