"""Writing the audit log down as a file."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

import orjson

from rhesis_app.kernel.cells import guard_cell
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.queries.audit import AuditFilter, AuditView, read_audit

Format = Literal["csv", "jsonl"]
COLUMNS = (
    "at", "actor_name", "actor_kind", "user_id", "action", "object_type", "object_id", "object_name", "facts", "ip", "seal_number", "id",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditExport:
    """A file to be written: `write` reads the entries batch by batch while it fills the file."""

    file_name: str
    media_type: str
    write: Callable[[BinaryIO], None]


def open_audit_export(scope: Scope, file_format: Format, chosen: AuditFilter) -> AuditExport:
    """The entries that fit, newest first: JSON Lines of what the API answers, or CSV that no spreadsheet computes."""
    scope.require(Permission.AUDIT_READ)
    lines, media_type = _WRITERS[file_format]

    def write(file: BinaryIO) -> None:
        file.writelines(lines(read_audit(scope, chosen)))

    return AuditExport(file_name=f"audit-{scope.now:%Y-%m-%d}.{file_format}", media_type=media_type, write=write)


def jsonl_lines(entries: Iterable[AuditView]) -> Iterator[bytes]:
    """One JSON object a line."""
    for entry in entries:
        yield orjson.dumps(entry, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)


def csv_lines(entries: Iterable[AuditView]) -> Iterator[bytes]:
    """A header and one row an entry, the facts as JSON in their cell."""
    yield _row(COLUMNS)
    for entry in entries:
        yield _row([guard_cell(_cell(getattr(entry, name))) for name in COLUMNS])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return orjson.dumps(value, option=orjson.OPT_UTC_Z).decode().strip('"')


def _row(cells: Iterable[str]) -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written).writerow(cells)
    return written.getvalue().encode()


_WRITERS: dict[Format, tuple[Callable[[Iterable[AuditView]], Iterator[bytes]], str]] = {
    "csv": (csv_lines, "text/csv; charset=utf-8"),
    "jsonl": (jsonl_lines, "application/x-ndjson"),
}
