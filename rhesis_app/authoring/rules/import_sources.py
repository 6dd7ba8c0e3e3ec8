"""Which reader a file gets: CSV, JSON, or what a plugin imports."""

import io
import logging
from collections.abc import Callable
from pathlib import PurePath

from rhesis_app.authoring.rules.import_columns import METADATA
from rhesis_app.authoring.rules.import_files import RawRow, ReadFile, RowProblem, decode, read_csv, read_json
from rhesis_app.authoring.rules.tests import MAX_TESTS
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.registry import Registry
from rhesis_app.sdk import ImportedTest, ImporterSpec, ImportProblem
from rhesis_app.sdk.params import is_storable

_log = logging.getLogger(__name__)
AUTO = "auto"
_TEXT_READERS: dict[str, Callable[[str], ReadFile]] = {"csv": read_csv, "jsonl": read_json}
_EXTENSIONS = {"csv": "csv", "tsv": "csv", "jsonl": "jsonl", "ndjson": "jsonl", "json": "jsonl"}
_FIELDS = ("prompt", "expected", "requirement", "context", METADATA)


def formats_of(registry: Registry) -> tuple[tuple[str, str], ...]:
    """(format, title) of everything that can be imported."""
    plugins = sorted((spec.key, spec.title) for spec in registry.importers.values())
    return ((AUTO, "By the file's name"), ("csv", "CSV"), ("jsonl", "JSON Lines, or a JSON array"), *plugins)


def read_upload(registry: Registry, file_name: str, content: bytes, chosen: str = AUTO) -> ReadFile:
    """The file's rows, by the format chosen or the one its name stands for. Raises Invalid at `file` or `format`."""
    key = _format_of(registry, file_name, content) if chosen == AUTO else chosen
    if key in _TEXT_READERS:
        return _TEXT_READERS[key](decode(content))
    spec = registry.importers.get(key)
    if spec is None:
        known = ", ".join(name for name, _ in formats_of(registry))
        raise Invalid.field("format", f"There is no import format “{key[:80]}”. Choose one of {known}.")
    return _read_foreign(spec, content)


def extensions_of(registry: Registry) -> tuple[str, ...]:
    """What a file chooser offers: every extension that is recognised, with its dot."""
    foreign = {_plain(extension) for spec in registry.importers.values() for extension in spec.extensions}
    return tuple(f".{extension}" for extension in sorted({*_EXTENSIONS, *foreign}))


def _format_of(registry: Registry, file_name: str, content: bytes) -> str:
    extension = _plain(PurePath(file_name).suffix)
    for spec in sorted(registry.importers.values(), key=lambda spec: spec.key):
        if extension not in _EXTENSIONS and extension in map(_plain, spec.extensions):
            return spec.key
    return _EXTENSIONS.get(extension) or ("jsonl" if content.lstrip()[:1] in {b"{", b"["} else "csv")


def _read_foreign(spec: ImporterSpec, content: bytes) -> ReadFile:
    rows: list[RawRow] = []
    problems: list[RowProblem] = []
    try:
        for found in spec.read(io.BytesIO(content)):
            if isinstance(found, ImportProblem):
                problems.append(_problem(found))
            else:
                _keep(found, rows, problems)
            if len(rows) + len(problems) > MAX_TESTS:
                break
    except Exception as error:
        _log.exception("importer %s failed", spec.key)
        raise Invalid.field("file", f"The importer “{spec.title}” failed on this file; tell its author.") from error
    if len(rows) + len(problems) > MAX_TESTS:
        raise Invalid.field("file", f"The file has more than {MAX_TESTS:,} tests. Split it into several files.")
    if not rows and not problems:
        raise Invalid.field("file", f"The importer “{spec.title}” found no tests in this file.")
    return ReadFile(columns=_FIELDS, rows=tuple(rows), problems=tuple(problems))


def _keep(found: ImportedTest, rows: list[RawRow], problems: list[RowProblem]) -> None:
    cells = {
        "prompt": found.prompt,
        "expected": found.expected,
        "requirement": found.requirement,
        "context": list(found.context),
        METADATA: dict(found.metadata),
    }
    if is_storable(cells):
        rows.append(RawRow(row=found.row, cells={name: value for name, value in cells.items() if value}))
    else:
        problems.append(RowProblem(row=found.row, field="", message="It holds characters that cannot be stored."))


def _problem(found: ImportProblem) -> RowProblem:
    message = found.message if is_storable(found.message) else "The importer refused this row."
    return RowProblem(row=found.row, field=found.field if is_storable(found.field) else "", message=message)


def _plain(extension: str) -> str:
    return extension.lstrip(".").casefold()
