"""An answer as a tree to look at and to choose from: every node carries its JSONPath."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
MAX_DEPTH = 12
MAX_CHILDREN = 100
MAX_TEXT = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeNode:
    """One value: its key or index, its path, and either a text (a leaf) or children. `note` says what is not shown."""

    name: str
    path: str
    text: str | None
    note: str
    children: tuple["TreeNode", ...] = ()


def _step(key: str) -> str:
    if PLAIN_KEY.match(key):
        return f".{key}"
    quoted = key.replace("\\", "\\\\").replace("'", "\\'")
    return f"['{quoted}']"


def _members(value: Any) -> Iterator[tuple[str, str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield str(key), _step(str(key)), item
    else:
        for index, item in enumerate(value):
            yield str(index), f"[{index}]", item


def _leaf_text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"


def _note(value: Any) -> str:
    noun = "key" if isinstance(value, dict) else "item"
    count = len(value)
    shown = f"{count} {noun}" if count == 1 else f"{count} {noun}s"
    return f"{shown}, the first {MAX_CHILDREN} shown" if count > MAX_CHILDREN else shown


def json_tree(value: Any, *, name: str = "answer", path: str = "$", depth: int = 0) -> TreeNode:
    """Make the tree of a JSON value. Depth, children and texts are bounded, since the value comes from outside."""
    if not isinstance(value, dict | list) or not value:
        return TreeNode(name=name, path=path, text=_leaf_text(value), note="")
    if depth >= MAX_DEPTH:
        return TreeNode(name=name, path=path, text="…", note="too deep to show")
    children: list[TreeNode] = []
    for child_name, step, item in _members(value):
        if len(children) == MAX_CHILDREN:
            break
        children.append(json_tree(item, name=child_name, path=path + step, depth=depth + 1))
    return TreeNode(name=name, path=path, text=None, note=_note(value), children=tuple(children))
