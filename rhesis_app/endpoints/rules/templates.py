"""Request templates: JSON values whose string leaves may hold `{{ root.path | filter }}`.

The template is parsed as JSON before anything is put in, and what is put in is never parsed again: no prompt can change
the shape of the request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rhesis_app.endpoints.rules.placeholders import MISSING, Placeholder, TextProblem, as_text, parse_text

ROOTS = ("input", "messages", "turns", "context", "test.id", "test.metadata.*", "run.id", "trial")
MAX_DEPTH = 32
MAX_LEAVES = 2000

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
class _Text:
    """A string leaf of several parts; each placeholder becomes text."""

    parts: tuple[str | Placeholder, ...]

    def value(self, roots: Mapping[str, Any]) -> str:
        return "".join(part if isinstance(part, str) else as_text(_value(part, roots)) for part in self.parts)


_Node = Any
"""A constant JSON leaf, a `Placeholder`, a `_Text`, or a list or dict of nodes."""


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
        try:
            parts = parse_text(value)
        except TextProblem as problem:
            raise TemplateProblem(_at(path), str(problem)) from None
        self.roots |= {_root(part.path, _at(path)) for part in parts if isinstance(part, Placeholder)}
        if len(parts) == 1 and isinstance(parts[0], Placeholder):
            return parts[0]
        return _Text(parts)


def _root(steps: tuple[str, ...], where: str) -> str:
    first = steps[0]
    if first in {"messages", "turns", "context"} or (first in {"input", "trial"} and len(steps) == 1):
        return first
    if steps in {("test", "id"), ("run", "id")}:
        return ".".join(steps)
    if steps[:2] == ("test", "metadata"):
        return "test.metadata"
    raise TemplateProblem(where, f"{{{{ {'.'.join(steps)} }}}} is not known. There are: {', '.join(ROOTS)}.")


def _render(node: _Node, roots: Mapping[str, Any]) -> Any:
    if isinstance(node, dict):
        return {key: _render(item, roots) for key, item in node.items()}
    if isinstance(node, list):
        return [_render(item, roots) for item in node]
    if isinstance(node, Placeholder):
        return _value(node, roots)
    return node.value(roots) if isinstance(node, _Text) else node


def _value(placeholder: Placeholder, roots: Mapping[str, Any]) -> Any:
    found = placeholder.find(roots)
    if found is MISSING:
        source = placeholder.source
        raise TemplateError(
            f"{{{{ {source} }}}} has no value for this test. Give the test that value, "
            f'or write {{{{ {source} | default("…") }}}}.'
        )
    return found


def _at(path: tuple[str, ...]) -> str:
    return ".".join(path)
