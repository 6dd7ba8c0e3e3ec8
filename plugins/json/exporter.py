"""{"format", "run", "comparison", "results"}: the summary first, then the results one by one."""

import dataclasses
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, BinaryIO

from rhesis_app.sdk import ExporterSpec, RunReport

FORMAT = "rhesis-run/1"


def write(report: RunReport, file: BinaryIO) -> None:
    """Stream the report as UTF-8; every result stands on a line of its own."""
    file.write(b'{"format": ' + _written(FORMAT))
    file.write(b',\n"run": ' + _written(report.summary))
    file.write(b',\n"comparison": ' + _written(report.comparison))
    file.write(b',\n"results": [')
    separator = b"\n"
    for row in report.rows:
        file.write(separator + _written(row))
        separator = b",\n"
    file.write(b"\n]}\n")


def _written(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)
    return text.encode("utf-8", "replace")  # half of a surrogate pair has no place in UTF-8


def _plain(value: Any) -> Any:
    """What json does not know by itself: the report's dataclasses, times, and mappings that are no dict."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


RUN = ExporterSpec(
    key="json.run",
    title="Run as JSON",
    media_type="application/json",
    extension="json",
    write=write,
)
