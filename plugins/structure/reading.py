"""Reading an answer as JSON, strictly."""

import json
import math
import re
from typing import Any, NoReturn

FENCE = "Take the JSON out of a Markdown code block (```) when the answer is one."
_FENCED = re.compile(r"\s*```[\w-]*[ \t]*\r?\n(.*?)\r?\n?[ \t]*```\s*", re.DOTALL)


class NotJsonError(ValueError):
    """The answer is no JSON; the text says where it stops being so."""


def read_json(text: str, *, code_block: bool) -> Any:
    """The value `text` holds. Raises NotJsonError; NaN, Infinity and repeated keys are no JSON here."""
    if code_block and (fenced := _FENCED.fullmatch(text)):
        text = fenced[1]
    if not text.strip():
        raise NotJsonError("the answer is empty")
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_unique)
    except json.JSONDecodeError as failure:
        where = f"line {failure.lineno}, column {failure.colno}"
        raise NotJsonError(f"{failure.msg[0].lower()}{failure.msg[1:]} at {where}") from failure
    except RecursionError as failure:
        raise NotJsonError("it is nested too deeply") from failure
    except NotJsonError:
        raise
    except ValueError as failure:  # an integer of more digits than Python reads
        raise NotJsonError("a number in it is too long") from failure


def _refuse_constant(name: str) -> NoReturn:
    raise NotJsonError(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise NotJsonError("a number in it is too large")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise NotJsonError("a key occurs twice in one object")
    return read
