"""The part of JSONPath that mappings may use: `$`, names, indices, slices, `[*]`, and one `..`. No filters, no scripts.

jsonpath-ng reads the text; its tree is translated into plain steps, and whatever is not translated is refused.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jsonpath_ng.exceptions import JSONPathError
from jsonpath_ng.jsonpath import Child, Descendants, Fields, Index, JSONPath, Root, Slice, Wildcard
from jsonpath_ng.parser import parse

MAX_LENGTH = 200
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_REFUSED = re.compile(r"[?()|&~`@]|(?<![\w$-])where")
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_HOW = "Write it like $.reply, $.choices[0].message.content or $.sources[*].text."


class PathProblem(ValueError):
    """The path cannot be used; the text says what to write."""


@dataclass(frozen=True, slots=True)
class Name:
    """A member of an object."""

    name: str

    def walk(self, value: Any) -> Iterator[Any]:
        """The member, when there is one."""
        if isinstance(value, dict) and self.name in value:
            yield value[self.name]

    def __str__(self) -> str:
        return name_step(self.name)


@dataclass(frozen=True, slots=True)
class Position:
    """An item of a list; negative ones count from the end."""

    index: int

    def walk(self, value: Any) -> Iterator[Any]:
        """The item, when there is one."""
        if isinstance(value, list) and -len(value) <= self.index < len(value):
            yield value[self.index]

    def __str__(self) -> str:
        return f"[{self.index}]"


@dataclass(frozen=True, slots=True)
class Span:
    """A slice of a list; `[*]` is every item of a list or every value of an object."""

    start: int | None = None
    end: int | None = None
    every: bool = False

    def walk(self, value: Any) -> Iterator[Any]:
        """The items."""
        if isinstance(value, list):
            yield from value if self.every else value[self.start : self.end]
        elif self.every and isinstance(value, dict):
            yield from value.values()

    def __str__(self) -> str:
        return "[*]" if self.every else f"[{_shown(self.start)}:{_shown(self.end)}]"


@dataclass(frozen=True, slots=True)
class Anywhere:
    """`..`: the value itself and everything below it, in reading order."""

    def walk(self, value: Any) -> Iterator[Any]:
        """Every value below; a stack of its own, because answers may nest deeper than calls may."""
        stack = [value]
        while stack:
            current = stack.pop()
            yield current
            if isinstance(current, dict):
                stack.extend(reversed(current.values()))
            elif isinstance(current, list):
                stack.extend(reversed(current))

    def __str__(self) -> str:
        return "."


Step = Name | Position | Span | Anywhere


@dataclass(frozen=True, slots=True)
class Path:
    """A checked path. `many` paths give a list, others at most one value."""

    source: str
    steps: tuple[Step, ...]

    @property
    def many(self) -> bool:
        """Whether it may match more than one value."""
        return any(isinstance(step, Span | Anywhere) for step in self.steps)

    def find(self, document: Any) -> list[Any]:
        """Every match, in reading order."""
        found = [document]
        for step in self.steps:
            found = [match for value in found for match in step.walk(value)]
        return found

    def reaches_a_list(self, document: Any) -> bool:
        """Whether the part before the first `[*]`, slice or `..` matches: an empty list is there, not missing."""
        first = next((at for at, step in enumerate(self.steps) if isinstance(step, Span | Anywhere)), len(self.steps))
        return bool(Path(self.source, self.steps[:first]).find(document))

    def explain_miss(self, document: Any) -> str:
        """Where the path stopped matching and what stood there instead."""
        reached, shown = [document], "$"
        for step in self.steps:
            further = [match for value in reached for match in step.walk(value)]
            if not further:
                return f"{self.source} found nothing: {shown} is {_describe(reached[0])}."
            reached, shown = further, f"{shown}{step}"
        return f"{self.source} found nothing."


def compile_path(source: str) -> Path:
    """Read a JSONPath. Raises PathProblem."""
    text = source.strip()
    if not text.startswith("$"):
        raise PathProblem(f"A path starts with $. {_HOW}")
    if len(text) > MAX_LENGTH:
        raise PathProblem(f"The path is longer than {MAX_LENGTH} characters.")
    # refused before parsing: some of these only work with a warning, others run code in other readers
    if _REFUSED.search(_QUOTED.sub("''", text)):
        raise PathProblem(f"Filters, scripts and functions are not available. {_HOW}")
    try:
        steps = tuple(_steps(parse(text)))
    except (JSONPathError, ValueError):
        raise PathProblem(f"{text} cannot be read. {_HOW} Unusual names go in quotes: $['my name'].") from None
    if sum(isinstance(step, Anywhere) for step in steps) > 1:
        raise PathProblem("A path may use .. once.")
    return Path(text, steps)


def name_step(name: str) -> str:
    """How a member is written in a path: `.reply`, `['my name']`."""
    if _PLAIN_NAME.match(name) and name not in {"where", "wherenot"}:
        return f".{name}"
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"['{escaped}']"


def _steps(tree: JSONPath) -> Iterator[Step]:
    if isinstance(tree, Child | Descendants):
        yield from _steps(tree.left)
        if isinstance(tree, Descendants):
            yield Anywhere()
        yield from _steps(tree.right)
    elif not isinstance(tree, Root):
        yield _step(tree)


def _step(tree: JSONPath) -> Step:
    if isinstance(tree, Fields) and len(tree.fields) == 1:
        return Name(tree.fields[0])
    if isinstance(tree, Index) and len(tree.indices) == 1:
        return Position(tree.indices[0])
    if isinstance(tree, Wildcard):
        return Span(every=True)
    if isinstance(tree, Slice) and tree.step is None:
        return Span(tree.start, tree.end)
    raise PathProblem(f"Only names, positions, slices and [*] can be used. {_HOW}")


def _shown(bound: int | None) -> str:
    return "" if bound is None else str(bound)


def _describe(value: Any) -> str:
    if isinstance(value, dict):
        if not value:
            return "an empty object"
        names = [_short(str(name)) for name in list(value)[:12]]
        more = f" and {len(value) - 12} more" if len(value) > 12 else ""
        return f"an object with {', '.join(names)}{more}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        return "a text"
    return "null" if value is None else "true or false" if isinstance(value, bool) else "a number"


def _short(name: str) -> str:
    return f"“{name}”" if len(name) <= 40 else f"“{name[:39]}…”"
