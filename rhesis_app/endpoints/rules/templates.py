"""Request templates: JSON values whose string leaves may hold `{{ root.path | filter }}`.

The template is parsed as JSON before anything is put in, and what is put in is never parsed again: no prompt can change
the shape of the request.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

ROOTS = ("input", "messages", "turns", "context", "test.id", "test.metadata.*", "run.id", "trial")
FILTERS = ("default", "json", "string", "trim", "lower", "upper")
MAX_DEPTH = 32
MAX_LEAVES = 2000

_MISSING = object()
_SPLIT = re.compile(r"(\{\{.*?\}\})", re.DOTALL)
_PATH = re.compile(r"[^\s.|{}()\"']+(?:\.[^\s.|{}()\"']+)*\Z")
_FILTER = re.compile(r"([a-z]+)(?:\((.*)\))?\Z", re.DOTALL)
_BARS = re.compile(r"\|(?=(?:[^\"]*\"[^\"]*\")*[^\"]*\Z)")
"""A bar that stands outside double quotes."""
_PROMPT_ROOTS = frozenset({"input", "messages", "turns", "test.metadata"})


class TemplateProblem(ValueError):
    """The template cannot be used. `path` says where it stands, such as `messages.0.content`; empty for the whole."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.message = message


class TemplateError(Exception):
    """A placeholder has no value for this test: the result's error code is `template`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContext:
    """What one call may speak of. `earlier` are the messages before the last prompt, as `{"role", "content"}`."""

    input: str
    earlier: Sequence[Mapping[str, Any]] = ()
    turns: Sequence[Any] = ()
    context: Any = None
    test_id: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    run_id: str = ""
    trial: int = 1

    def roots(self) -> dict[str, Any]:
        """The values that templates start from."""
        return {
            "input": self.input,
            "messages": [*self.earlier, {"role": "user", "content": self.input}],
            "turns": list(self.turns),
            "context": self.context,
            "test": {"id": self.test_id, "metadata": self.metadata},
            "run": {"id": self.run_id},
            "trial": self.trial,
        }


@dataclass(frozen=True, slots=True)
class _Filter:
    name: str
    argument: Any = None

    def apply(self, value: Any) -> Any:
        if self.name == "default":
            return self.argument if value is _MISSING or value is None else value
        return value if value is _MISSING else _TEXT_FILTERS[self.name](value)


@dataclass(frozen=True, slots=True)
class _Placeholder:
    source: str
    path: tuple[str, ...]
    filters: tuple[_Filter, ...]

    def value(self, roots: Mapping[str, Any]) -> Any:
        found: Any = roots
        for step in self.path:
            found = _step(found, step)
        for applied in self.filters:
            found = applied.apply(found)
        if found is _MISSING:
            raise TemplateError(
                f"{{{{ {self.source} }}}} has no value for this test. Give the test that value, "
                f'or write {{{{ {self.source} | default("…") }}}}.'
            )
        return found


@dataclass(frozen=True, slots=True)
class _Text:
    """A string leaf of several parts; each placeholder becomes text."""

    parts: tuple[str | _Placeholder, ...]

    def value(self, roots: Mapping[str, Any]) -> str:
        return "".join(part if isinstance(part, str) else as_text(part.value(roots)) for part in self.parts)


_Node = Any
"""A constant JSON leaf, a `_Placeholder`, a `_Text`, or a list or dict of nodes."""


@dataclass(frozen=True, slots=True)
class Template:
    """A checked template."""

    node: _Node
    roots: frozenset[str]
    """Which roots it speaks of, such as `input` or `test.metadata`."""

    def render(self, context: RequestContext) -> Any:
        """The request's JSON value. Raises TemplateError when a placeholder has no value."""
        return _render(self.node, context.roots())


def compile_template(json_value: Any) -> Template:
    """Check a template, already parsed from JSON. Raises TemplateProblem with the place and what to write instead."""
    compiler = _Compiler()
    node = compiler.compile(json_value, ())
    roots = frozenset(compiler.roots)
    if not roots & _PROMPT_ROOTS:
        raise TemplateProblem("", "Nothing here carries the test's prompt. Put {{ input }} where it belongs.")
    return Template(node, roots)


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


class _Compiler:
    def __init__(self) -> None:
        self.roots: set[str] = set()
        self._leaves = 0

    def compile(self, value: Any, path: tuple[str, ...]) -> _Node:
        if len(path) > MAX_DEPTH:
            raise TemplateProblem(_at(path), f"The template is nested deeper than {MAX_DEPTH} levels.")
        if isinstance(value, dict):
            return {self._key(key, path): self.compile(item, (*path, str(key))) for key, item in value.items()}
        if isinstance(value, list):
            return [self.compile(item, (*path, str(index))) for index, item in enumerate(value)]
        return self._leaf(value, path)

    def _key(self, key: Any, path: tuple[str, ...]) -> str:
        if "{{" in str(key):
            raise TemplateProblem(_at((*path, str(key))), "Placeholders work in values, not in names.")
        return str(key)

    def _leaf(self, value: Any, path: tuple[str, ...]) -> _Node:
        self._leaves += 1
        if self._leaves > MAX_LEAVES:
            raise TemplateProblem("", f"The template holds more than {MAX_LEAVES} values.")
        if not isinstance(value, str) or "{{" not in value:
            return value
        parts = tuple(self._parts(value, path))
        if len(parts) == 1 and isinstance(parts[0], _Placeholder):
            return parts[0]
        return _Text(parts)

    def _parts(self, text: str, path: tuple[str, ...]) -> Iterator[str | _Placeholder]:
        for piece in _SPLIT.split(text):
            if piece.startswith("{{") and piece.endswith("}}"):
                yield self._placeholder(piece[2:-2].strip(), path)
            elif "{{" in piece:
                raise TemplateProblem(_at(path), "A {{ is never closed by }}.")
            elif piece:
                yield piece

    def _placeholder(self, source: str, path: tuple[str, ...]) -> _Placeholder:
        where = _at(path)
        name, *filters = (part.strip() for part in _BARS.split(source))
        if not _PATH.match(name):
            raise TemplateProblem(where, f"{{{{ {source} }}}} cannot be read. Write it like {{{{ input }}}}.")
        steps = tuple(name.split("."))
        self.roots.add(_root(steps, where))
        return _Placeholder(name, steps, tuple(_filter(text, where) for text in filters))


def _root(steps: tuple[str, ...], where: str) -> str:
    first = steps[0]
    if first in {"messages", "turns", "context"} or (first in {"input", "trial"} and len(steps) == 1):
        return first
    if steps in {("test", "id"), ("run", "id")}:
        return ".".join(steps)
    if steps[:2] == ("test", "metadata"):
        return "test.metadata"
    raise TemplateProblem(where, f"{{{{ {'.'.join(steps)} }}}} is not known. There are: {', '.join(ROOTS)}.")


def _filter(text: str, where: str) -> _Filter:
    match = _FILTER.match(text)
    if match is None or match[1] not in FILTERS:
        raise TemplateProblem(where, f"There is no filter “{text}”. There are: {', '.join(FILTERS)}.")
    name, argument = match[1], match[2]
    if (name == "default") != (argument is not None):
        needs = 'a value, such as default("none")' if name == "default" else "no value"
        raise TemplateProblem(where, f"The filter {name} takes {needs}.")
    return _Filter(name, _argument(argument, where)) if argument is not None else _Filter(name)


def _argument(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise TemplateProblem(where, f'{text} is not a JSON value. Put texts in double quotes: "{text}".') from None


def _step(value: Any, step: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(step, _MISSING)
    if isinstance(value, list | tuple) and step.isascii() and step.isdecimal():
        position = int(step[:9])
        return value[position] if position < len(value) else _MISSING
    return _MISSING


def _render(node: _Node, roots: Mapping[str, Any]) -> Any:
    if isinstance(node, dict):
        return {key: _render(item, roots) for key, item in node.items()}
    if isinstance(node, list):
        return [_render(item, roots) for item in node]
    return node.value(roots) if isinstance(node, _Placeholder | _Text) else node


def _at(path: tuple[str, ...]) -> str:
    return ".".join(path)
