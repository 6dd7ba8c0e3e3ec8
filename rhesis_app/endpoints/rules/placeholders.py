"""Texts with `{{ name.path | filter }}` in them: names, dotted paths and a handful of fixed filters, no expressions.

A text is read once, before any value is known, and what is put in is never read again.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

FILTERS: Final = ("default", "json", "string", "trim", "lower", "upper")
MISSING: Final = object()
"""Stands where a placeholder finds nothing and has no default."""

_PATH = re.compile(r"[^\s.|{}()\"']+(?:\.[^\s.|{}()\"']+)*\Z")
_FILTER = re.compile(r"([a-z]+)(?:\((.*)\))?\Z", re.DOTALL)


class TextProblem(ValueError):
    """The text cannot be used; it says what to write instead."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What is done to a value before it is put in."""

    name: str
    argument: Any = None

    def apply(self, value: Any) -> Any:
        """The value after it; what is missing stays so, except for `default`."""
        if self.name == "default":
            return self.argument if value is MISSING or value is None else value
        return value if value is MISSING else _TEXT_FILTERS[self.name](value)


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One `{{ … }}`: `written` is it as it stands in the text, `source` its dotted name."""

    written: str
    source: str
    path: tuple[str, ...]
    filters: tuple[Filter, ...]

    @property
    def has_default(self) -> bool:
        """Whether it stands for something even without a value."""
        return any(applied.name == "default" for applied in self.filters)

    def find(self, roots: Mapping[str, Any]) -> Any:
        """Its value, or MISSING."""
        found: Any = roots
        for step in self.path:
            found = _step(found, step)
        for applied in self.filters:
            found = applied.apply(found)
        return found


def parse_text(text: str) -> tuple[str | Placeholder, ...]:
    """The text in parts. Raises TextProblem."""
    return tuple(_parts(text))


def as_text(value: Any) -> str:
    """A value inside a longer text: strings as they are, null as nothing, everything else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)


_TEXT_FILTERS: dict[str, Callable[[Any], str]] = {
    "json": _json,
    "string": as_text,
    "trim": lambda value: as_text(value).strip(),
    "lower": lambda value: as_text(value).lower(),
    "upper": lambda value: as_text(value).upper(),
}


def _parts(text: str) -> Iterator[str | Placeholder]:
    """Looks at each character a fixed number of times: whoever writes a text decides how long this takes."""
    position = 0
    while (start := text.find("{{", position)) >= 0:
        end = text.find("}}", start + 2)
        if end < 0:
            raise TextProblem("A {{ is never closed by }}.")
        if start > position:
            yield text[position:start]
        position = end + 2
        yield _placeholder(text[start:position])
    if position < len(text):
        yield text[position:]


def _between_bars(text: str) -> Iterator[str]:
    """What stands between the bars outside of double quotes."""
    pieces: list[str] = []
    quotes = text.count('"')
    for piece in text.split("|"):
        if pieces and quotes % 2 == 0:
            yield "|".join(pieces)
            pieces = []
        pieces.append(piece)
        quotes -= piece.count('"')
    yield "|".join(pieces)


def _placeholder(written: str) -> Placeholder:
    source = written[2:-2].strip()
    name, *filters = (part.strip() for part in _between_bars(source))
    if not _PATH.match(name):
        raise TextProblem(f"{{{{ {source} }}}} cannot be read. Write it like {{{{ input }}}}.")
    return Placeholder(written, name, tuple(name.split(".")), tuple(_filter(part) for part in filters))


def _filter(text: str) -> Filter:
    match = _FILTER.match(text)
    if match is None or match[1] not in FILTERS:
        raise TextProblem(f"There is no filter “{text}”. There are: {', '.join(FILTERS)}.")
    name, argument = match[1], match[2]
    if (name == "default") != (argument is not None):
        needs = 'a value, such as default("none")' if name == "default" else "no value"
        raise TextProblem(f"The filter {name} takes {needs}.")
    return Filter(name, _argument(argument)) if argument is not None else Filter(name)


def _argument(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise TextProblem(f'{text} is not a JSON value. Put texts in double quotes: "{text}".') from None


def _step(value: Any, step: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(step, MISSING)
    if isinstance(value, list | tuple) and step.isascii() and step.isdecimal():
        position = int(step[:9])
        return value[position] if position < len(value) else MISSING
    return MISSING
