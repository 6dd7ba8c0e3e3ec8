"""Plain JSON paths: names, positions and [*]; no filters and no search, so a path costs what it looks like."""

import re
from typing import Any

# a position is an int, a name a str, and None stands for [*]
_Step = str | int | None
_STEP = re.compile(
    r"""
    \.(?P<name>[^\s.\[\]'"*$()]+)
    | \[(?P<index>-?\d{1,9})\]
    | \[(?P<quote>['"])(?P<quoted>.*?)(?P=quote)\]
    | \[(?P<each>\*)\] | \.(?P<every>\*)
    """,
    re.VERBOSE,
)


class PathError(ValueError):
    """A path that cannot be read; the text is a sentence for the form."""


def read_path(path: str) -> tuple[_Step, ...]:
    """The steps of a path such as `$.items[0]['unit price']`; the leading `$.` may be left out. Raises PathError."""
    text = path.strip()
    rest = text.removeprefix("$") if text.startswith("$") else f".{text}"
    if text.startswith("["):
        rest = text
    steps: list[_Step] = []
    at = 0
    while at < len(rest):
        step = _STEP.match(rest, at)
        if step is None:
            raise PathError(
                f"Cannot read the path at “{rest[at : at + 20]}”: write it like $.order.items[0].sku, "
                "with [*] for every item and ['…'] around unusual names."
            )
        steps.append(_step(step))
        at = step.end()
    return tuple(steps)


def _step(step: re.Match[str]) -> _Step:
    if step["each"] or step["every"]:
        return None
    if step["index"] is not None:
        return int(step["index"])
    return step["quoted"] if step["name"] is None else step["name"]


def path_problem(path: str) -> str | None:
    """Why a path cannot be read, or None."""
    try:
        read_path(path)
    except PathError as failure:
        return str(failure)
    return None


def values_at(path: str, value: Any) -> list[Any]:
    """Every value the path leads to, in order; empty when it leads nowhere."""
    found = [value]
    for step in read_path(path):
        found = [inner for outer in found for inner in _into(outer, step)]
    return found


def _into(value: Any, step: _Step) -> list[Any]:
    if isinstance(step, str):
        return [value[step]] if isinstance(value, dict) and step in value else []
    if not isinstance(value, list):
        return list(value.values()) if step is None and isinstance(value, dict) else []
    if step is None:
        return value
    return [value[step]] if -len(value) <= step < len(value) else []
