"""From what a model said to the JSON object that was asked for."""

import json
from collections.abc import Mapping
from typing import Any, Final

import jsonschema
from referencing import Registry

_MOST_CHARACTERS: Final = 100_000
_MOST_TRIES: Final = 2_000


class AnswerProblem(ValueError):
    """What the model said holds no object that fits; the text says why and quotes nothing of it."""


def fitting_object(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The last JSON object of `text`, when it fits `schema`. Raises AnswerProblem.

    Only the last one counts: what stands before it may be quoted from the text that was judged.
    """
    found = last_object(text)
    if found is None:
        raise AnswerProblem("it holds no JSON object")
    validator = jsonschema.Draft202012Validator(
        schema, registry=Registry()
    )  # an empty one has nowhere to fetch a $ref from
    problem = next(iter(validator.iter_errors(found)), None)
    if problem is not None:
        where = problem.json_path.removeprefix("$").removeprefix(".")
        raise AnswerProblem(
            f"its JSON object does not have the shape asked for{f', at {where[:80]}' if where else ''} ({problem.validator})"
        )
    return found


def last_object(text: str) -> dict[str, Any] | None:
    """The last JSON object that stands in `text` on its own, not inside another one; None when there is none.

    Looks at the last 100,000 characters, and gives up after 2,000 braces that begin no object.
    """
    tail, position, tries = text[-_MOST_CHARACTERS:], 0, 0
    found: dict[str, Any] | None = None
    while (position := tail.find("{", position)) >= 0 and tries < _MOST_TRIES:
        try:
            found, position = _DECODER.raw_decode(tail, position)
        except (ValueError, RecursionError):
            position, tries = position + 1, tries + 1
    return found if tries < _MOST_TRIES else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name stands there twice")
    return made


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refuse)
