"""Rows of cells into tests, by a mapping of columns."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rhesis_app.authoring.rules.import_columns import IGNORE, METADATA
from rhesis_app.authoring.rules.import_files import RawRow, RowProblem
from rhesis_app.authoring.rules.tests import MAX_TRIALS, TestContent, check_content
from rhesis_app.kernel.errors import Invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyTest:
    """A test that a row gave."""

    row: int
    content: TestContent


@dataclass(slots=True, kw_only=True)
class _Parts:
    """The fields of one test while its columns are read."""

    prompt: str = ""
    expected: str | None = None
    requirement: str | None = None
    messages: list[Mapping[str, Any]] = field(default_factory=list)
    context: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    trials: int | None = None


def tests_of(rows: Iterable[RawRow], mapping: Mapping[str, str]) -> tuple[list[ReadyTest], list[RowProblem]]:
    """Every row as a test or as at least one problem; when no column is the prompt, that is the only problem."""
    if mapping and "prompt" not in mapping.values():
        columns = ", ".join(f"“{column}”" for column in list(mapping)[:20])
        sentence = f"No column is recognised as the prompt. Say which of {columns} holds it."
        return [], [RowProblem(row=1, field="prompt", message=sentence)]
    ready: list[ReadyTest] = []
    problems: list[RowProblem] = []
    for row in rows:
        try:
            ready.append(ReadyTest(row=row.row, content=check_content(_content(row.cells, mapping))))
        except Invalid as error:
            problems += [
                RowProblem(row=row.row, field=name, message=" ".join(texts)) for name, texts in error.errors.items()
            ]
    return ready, problems


def _content(cells: Mapping[str, Any], mapping: Mapping[str, str]) -> TestContent:
    parts = _Parts()
    for column, target in mapping.items():
        value = cells.get(column)
        if column not in cells or target == IGNORE:
            continue
        if target.startswith("metadata."):
            parts.metadata[target.removeprefix("metadata.")] = value
        elif value is not None and value != "":
            _READERS[target](parts, value)
    return TestContent(
        prompt=parts.prompt,
        expected=parts.expected,
        requirement=parts.requirement,
        messages=tuple(parts.messages),
        context=tuple(parts.context),
        metadata=parts.metadata,
        trials=parts.trials,
    )


def _read_prompt(parts: _Parts, value: Any) -> None:
    if isinstance(value, list):
        earlier, parts.prompt = _conversation(value)
        parts.messages += earlier
    elif isinstance(value, dict):
        raise Invalid.field("prompt", "The prompt is an object. Give a text, or a list of messages.")
    else:
        parts.prompt = _text(value)


def _read_expected(parts: _Parts, value: Any) -> None:
    """Several acceptable answers become one line each, as the evaluator `text.one_of` reads them."""
    parts.expected = "\n".join(_text(item) for item in value) if isinstance(value, list) else _text(value)


def _read_requirement(parts: _Parts, value: Any) -> None:
    parts.requirement = _text(value)


def _read_messages(parts: _Parts, value: Any) -> None:
    found = _from_json(value)
    if not isinstance(found, list):
        raise Invalid.field("messages", "Give a JSON list of messages, each with role and content.")
    parts.messages[:0] = [_message(item) for item in found]


def _read_context(parts: _Parts, value: Any) -> None:
    """A list of passages, or one; a cell such as “[1] Opening hours” begins like a list and is a passage."""
    found = _from_json(value)
    parts.context += [_text(item) for item in found] if isinstance(found, list) else [_text(value)]


def _read_metadata(parts: _Parts, value: Any) -> None:
    found = _from_json(value)
    if not isinstance(found, dict):
        raise Invalid.field("metadata", "Give a JSON object, or map the column to metadata.<name>.")
    parts.metadata = {**found, **parts.metadata}


def _read_trials(parts: _Parts, value: Any) -> None:
    text = str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise Invalid.field("trials", f"Give a whole number from 1 to {MAX_TRIALS}, or leave the cell empty.")
    parts.trials = int(text)


_READERS = {
    "prompt": _read_prompt,
    "expected": _read_expected,
    "requirement": _read_requirement,
    "messages": _read_messages,
    "context": _read_context,
    METADATA: _read_metadata,
    "trials": _read_trials,
}


def _conversation(turns: Sequence[Any]) -> tuple[list[Mapping[str, Any]], str]:
    """(the earlier messages, the prompt): the last one is the user's and is what is asked."""
    messages = [_message(turn) for turn in turns]
    if not messages or messages[-1]["role"] != "user":
        raise Invalid.field("prompt", "The conversation must end with a message of the role user: that is the prompt.")
    asked = messages[-1].get("content")
    if not isinstance(asked, str):
        raise Invalid.field("prompt", "The last message needs its text as “content”.")
    return messages[:-1], asked


def _message(turn: Any) -> Mapping[str, Any]:
    if not isinstance(turn, dict) or "role" not in turn:
        raise Invalid.field("messages", "Each message must be an object with role and content.")
    content = turn.get("content")
    if isinstance(content, list):
        return {**turn, "content": "\n".join(_part(part) for part in content)}
    return turn


def _part(part: Any) -> str:
    if isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str):
        return str(part["text"])
    raise Invalid.field("messages", "Only parts of the type text can be sent; leave out images, sound and files.")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _from_json(value: Any) -> Any:
    """What a cell holds as JSON; what is no text as it is, and none for a text that is no JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None
