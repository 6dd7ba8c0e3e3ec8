"""Reading an uploaded file into rows of cells. Nothing here knows what a column means."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from rhesis_app.authoring.rules.import_columns import recognised
from rhesis_app.authoring.rules.portable import COLUMNS as OUR_COLUMNS
from rhesis_app.authoring.rules.tests import MAX_TESTS
from rhesis_app.kernel.cells import unguard_cell
from rhesis_app.kernel.errors import Invalid
from rhesis_app.sdk.params import is_storable

MAX_COLUMNS = 500
_LARGEST_CELL = 16 * 1024 * 1024
_DELIMITERS = (",", ";", "\t")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_SIGNATURES = {
    b"PK\x03\x04": "a spreadsheet or a zip archive",
    b"%PDF": "a PDF document",
    b"\x1f\x8b": "a gzip archive",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProblem:
    """A row that is left out, and what to do about it; `field` is empty when all of the row is meant."""

    row: int
    field: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """A row as read: `row` as a spreadsheet numbers it (the header is 1), or the line of a JSON Lines file."""

    row: int
    cells: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFile:
    """Columns in their order, rows that could be read, and problems of those that could not."""

    columns: tuple[str, ...]
    rows: tuple[RawRow, ...]
    problems: tuple[RowProblem, ...] = ()


def decode(content: bytes) -> str:
    """The file's text. Raises Invalid at `file` when it is empty, binary or not UTF-8."""
    if not content.strip():
        _refuse("The file is empty. Choose one with a row for each test.")
    for signature, kind in _SIGNATURES.items():
        if content.startswith(signature):
            _refuse(f"This is {kind}, not text. Save the table as “CSV UTF-8” and upload that.")
    if content.startswith(_UTF16):
        _refuse("The file is UTF-16 text. Save it as “CSV UTF-8” and upload that.")
    beginning = content[:8192]
    if beginning.count(0) > max(3, len(beginning) // 50):  # a few may stand in cells, and are told by their rows
        _refuse("This is a binary file. Upload a CSV or JSON Lines file.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Invalid.field(
            "file", f"The file is not UTF-8 text: see line {line:,}. Save it as “CSV UTF-8” and upload that."
        ) from error


def read_csv(text: str) -> ReadFile:
    """A table with a header line; the delimiter is a comma, a semicolon or a tab. Raises Invalid at `file`."""
    csv.field_size_limit(_LARGEST_CELL)  # a cell that is too long is told by its row, not by stopping the reader
    delimiter = max(_DELIMITERS, key=lambda found: _header_score(text, found))
    rows: list[RawRow] = []
    problems: list[RowProblem] = []
    columns: tuple[str, ...] = ()
    is_ours = False
    for number, cells in _records(text, delimiter):
        if isinstance(cells, str):
            problems.append(RowProblem(row=number, field="", message=cells))
        elif not any(cell.strip() for cell in cells):
            continue
        elif not columns:
            columns = _names(cells)
            is_ours = columns == OUR_COLUMNS
        else:
            _keep(number, _by_column(columns, cells, is_ours=is_ours), rows, problems)
        _check_size(rows, problems)
    if not rows and not problems:
        _refuse("The file has no rows after its header line. Add a row for each test.")
    return ReadFile(columns=columns, rows=tuple(rows), problems=tuple(problems))


def read_json(text: str) -> ReadFile:
    """JSON Lines, one object a line, or one JSON array of objects. Raises Invalid at `file`."""
    rows: list[RawRow] = []
    problems: list[RowProblem] = []
    for number, value in _values(text):
        if isinstance(value, str):
            problems.append(RowProblem(row=number, field="", message=value))
        else:
            _keep(number, value, rows, problems)
        _check_size(rows, problems)
    columns = tuple(dict.fromkeys(name for row in rows for name in row.cells))
    if len(columns) > MAX_COLUMNS:
        _refuse(f"The file has more than {MAX_COLUMNS} different columns. Gather them in an object called “metadata”.")
    return ReadFile(columns=columns, rows=tuple(rows), problems=tuple(problems))


def _header_score(text: str, delimiter: str) -> tuple[int, int]:
    """How much the first line looks like a header with this delimiter: (columns that are known, columns)."""
    cells = next((cells for _, cells in _records(text, delimiter) if isinstance(cells, list) and any(cells)), [])
    return sum(recognised(cell) is not None for cell in cells), len(cells)


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """(row number, its cells or what is wrong with it)."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 0
    while True:
        number += 1
        first_line = reader.line_num + 1
        try:
            yield number, next(reader)
        except StopIteration:
            return
        except csv.Error:
            lines = (
                f"line {first_line}" if reader.line_num <= first_line else f"lines {first_line} to {reader.line_num}"
            )
            yield number, f"The quotes in {lines} do not match. Write a quote inside a quoted cell twice."


def _names(cells: list[str]) -> tuple[str, ...]:
    """The header's cells as distinct names."""
    if len(cells) > MAX_COLUMNS:
        _refuse(f"The header line has more than {MAX_COLUMNS} columns.")
    names: list[str] = []
    for place, cell in enumerate(cells, 1):
        name = cell.strip() or f"column {place}"
        if not is_storable(name):
            _refuse("The header line holds a character that cannot be stored.")
        count = sum(known == name or known.startswith(f"{name} (") for known in names)
        names.append(f"{name} ({count + 1})" if count else name)
    return tuple(names)


def _by_column(columns: tuple[str, ...], cells: list[str], *, is_ours: bool) -> dict[str, str] | str:
    if len(cells) > len(columns):
        return (
            f"The row has {len(cells)} cells, the header {len(columns)}. Put a cell that holds the delimiter in quotes."
        )
    return {name: unguard_cell(cell) if is_ours else cell for name, cell in zip(columns, cells, strict=False) if cell}


def _keep(number: int, cells: Mapping[str, Any] | str, rows: list[RawRow], problems: list[RowProblem]) -> None:
    """Put a row where it belongs: what the database cannot store is a problem already."""
    if isinstance(cells, str):
        problems.append(RowProblem(row=number, field="", message=cells))
        return
    unstorable = next((name for name, value in cells.items() if not is_storable({name: value})), None)
    if unstorable is None:
        rows.append(RawRow(row=number, cells=cells))
        return
    message = "It holds what cannot be stored: NUL, half of a surrogate pair, a number that is none, or deep nesting."
    problems.append(RowProblem(row=number, field=unstorable if is_storable(unstorable) else "", message=message))


def _values(text: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """(row number, an object or what is wrong with the row)."""
    for number, value in _numbered(text):
        if isinstance(value, dict):
            yield number, value
        else:
            yield number, str(value) if isinstance(value, _Refused) else _NOT_AN_OBJECT


def _numbered(text: str) -> Iterator[tuple[int, Any]]:
    if text.lstrip().startswith("["):
        yield from enumerate(_array(text), 1)
        return
    # not splitlines(): a text may hold U+2028, which ends no line of JSON
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, _parsed(line.strip())


_NOT_AN_OBJECT = (
    "This is no JSON object. Write {“prompt”: “…”, “expected”: “…”} with straight quotes, one object a line."
)


class _Refused(ValueError):
    """What is wrong with a JSON text, in words for its author."""


def _array(text: str) -> list[Any]:
    value = _parsed(text)
    if isinstance(value, _Refused):
        _refuse(f"The file begins like a JSON array. {value}")
    return value if isinstance(value, list) else [value]


def _parsed(text: str) -> Any:
    """The JSON value in `text`, or a _Refused."""
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except _Refused as refusal:
        return refusal
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}" if error.lineno > 1 else f"column {error.colno}"
        return _Refused(f"It is not valid JSON at {where}.")
    except RecursionError:
        return _Refused("It is nested too deep.")
    except ValueError:
        return _Refused("It holds a number with too many digits.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise _Refused("A key stands twice in one object.")
    return made


def _constant(name: str) -> NoReturn:
    raise _Refused(f"{name} is not a JSON number.")


def _check_size(rows: list[RawRow], problems: list[RowProblem]) -> None:
    if len(rows) + len(problems) > MAX_TESTS:
        _refuse(f"The file has more than {MAX_TESTS:,} rows. Split it into several files.")


def _refuse(sentence: str) -> NoReturn:
    raise Invalid.field("file", sentence)
