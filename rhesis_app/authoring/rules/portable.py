"""Test sets as files that people and other tools can read, and that come back exactly the same."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from rhesis_app.authoring.rules.tests import TestContent
from rhesis_app.kernel.cells import guard_cell

COLUMNS = ("prompt", "expected", "requirement", "messages", "context", "metadata", "trials")


def jsonl_lines(tests: Iterable[TestContent]) -> Iterator[str]:
    """One JSON object a line, without what is empty."""
    for test in tests:
        yield f"{_json(_document(test))}\n"


def csv_lines(tests: Iterable[TestContent]) -> Iterator[str]:
    """A header and one row a test; messages, context and metadata are JSON in their cells.

    A cell that a spreadsheet would compute gets a leading quote; `unguard_cell` takes it off again.
    """
    written = io.StringIO(newline="")
    lines = csv.writer(written)
    lines.writerow(COLUMNS)
    for test in tests:
        document = _document(test)
        lines.writerow([guard_cell(_cell(document.get(name, ""))) for name in COLUMNS])
        yield _taken(written)
    yield _taken(written)


def _document(test: TestContent) -> dict[str, Any]:
    fields = {
        "prompt": test.prompt,
        "expected": test.expected,
        "requirement": test.requirement,
        "messages": [dict(message) for message in test.messages],
        "context": list(test.context),
        "metadata": dict(test.metadata),
        "trials": test.trials,
    }
    return {name: value for name, value in fields.items() if value}


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _taken(written: io.StringIO) -> str:
    text = written.getvalue()
    written.seek(0)
    written.truncate()
    return text
