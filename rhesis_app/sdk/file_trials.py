"""What the conformance kit tries on exporters and importers: each trial yields None or a problem."""

import csv
import io
import json
import math
import tracemalloc
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO
from xml.etree import ElementTree as ET

from rhesis_app.sdk.contracts import ExporterSpec, ImporterSpec
from rhesis_app.sdk.reports import (
    ImportedTest,
    ImportProblem,
    MetricSnapshot,
    Rate,
    ReportEvaluation,
    ReportRow,
    RunReport,
    RunSummary,
    Totals,
)

Finding = str | None

_MANY_ROWS = 10_000
_MEMORY_BOUND = 16 * 1024 * 1024


class _Drain(io.RawIOBase):
    """A file that keeps nothing."""

    def writable(self) -> bool:
        return True

    def write(self, chunk: Any, /) -> int:
        return len(memoryview(chunk).cast("B"))


def exporter_trials(spec: ExporterSpec) -> Iterator[Finding]:
    """An empty report, one of three nasty rows, and ten thousand rows in bounded memory."""
    for name, rows in (("an empty report", 0), ("three rows", 3)):
        file = io.BytesIO()
        problem = _written(spec, _report(rows), file) or _unreadable(spec, file, rows)
        yield f"on {name}: {problem}" if problem else None
    yield _memory_problem(spec)


def _written(spec: ExporterSpec, report: RunReport, file: BinaryIO) -> Finding:
    try:
        spec.write(report, file)
    except Exception as failure:  # noqa: BLE001 - a plugin may raise anything, and hears of it
        return f"it raised {failure!r}."[:300]
    return "it closed the file, which belongs to the host." if file.closed else None


def _unreadable(spec: ExporterSpec, file: io.BytesIO, rows: int) -> Finding:
    written = file.getvalue()
    if not written and rows:
        return "it wrote nothing."
    reader = _READERS.get(spec.extension.lstrip(".").lower())
    try:
        return reader(written) if reader else None
    except Exception as failure:  # noqa: BLE001 - any reader's complaint means the same
        return f"what it wrote cannot be read back as {spec.extension}: {failure!r}."


def _read_json(written: bytes) -> Finding:
    json.loads(written)
    return None


def _read_xml(written: bytes) -> Finding:
    ET.fromstring(written)  # noqa: S314 - the document was written a moment ago, here
    return None


def _read_csv(written: bytes) -> Finding:
    widths = {len(line) for line in csv.reader(io.StringIO(written.decode("utf-8-sig"), newline=""))}
    return None if len(widths) <= 1 else "its lines have different numbers of cells."


def _read_text(written: bytes) -> Finding:
    written.decode("utf-8")
    return None


def _read_workbook(written: bytes) -> Finding:
    with zipfile.ZipFile(io.BytesIO(written)) as parts:
        for name in parts.namelist():
            if name.endswith((".xml", ".rels")):
                ET.fromstring(parts.read(name))  # noqa: S314 - as above
        return None if "xl/workbook.xml" in parts.namelist() else "it holds no workbook."


_READERS: dict[str, Callable[[bytes], Finding]] = {
    "json": _read_json,
    "xml": _read_xml,
    "csv": _read_csv,
    "html": _read_text,
    "md": _read_text,
    "xlsx": _read_workbook,
}


def _memory_problem(spec: ExporterSpec) -> Finding:
    traced_before = tracemalloc.is_tracing()
    tracemalloc.start()
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    drain = io.BufferedWriter(_Drain())
    problem = _written(spec, _report(_MANY_ROWS), drain)
    _, peak = tracemalloc.get_traced_memory()
    if not traced_before:
        tracemalloc.stop()
    if problem:
        return f"on {_MANY_ROWS:,} rows: {problem}"
    if peak - before <= _MEMORY_BOUND:
        return None
    return f"{_MANY_ROWS:,} rows took {(peak - before) >> 20} MiB at once: write each row when it comes."


def _report(rows: int) -> RunReport:
    decided = rows - rows // 3 * 2
    totals = Totals(planned=rows, passed=decided, failed=0, error=rows // 3, unscored=rows // 3)
    share = 1.0 if decided else None
    summary = RunSummary(
        run_id="0193e4a2-0000-7000-8000-000000000000",
        number=7,
        project="Support <bot> & more",
        endpoint="=chat\0",
        test_set='Quotes " and \ud83d',
        test_set_version=2,
        status="completed",
        outcome="passed",
        totals=totals,
        pass_rate=Rate(value=share, low=share and 0.2, high=share, passed=decided, n=decided, excluded=rows - decided),
        metrics=(MetricSnapshot(name="=1+1", evaluator="text.contains", revision=1, rule="yes"),),
        started_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        finished_at=datetime(2026, 1, 2, 3, 5, 5, tzinfo=UTC),
    )
    return RunReport(summary=summary, rows=(_row(number) for number in range(rows)))


def _row(number: int) -> ReportRow:
    """Rows take turns in passing, failing to be decided and failing to be answered; their texts are nasty."""
    outcome = ("passed", "unscored", "error")[number % 3]
    nasty = ("=cmd|' /C calc'!A0", "]]></system-out>\0\x1b\u202e", 'half \ud83d "pair",\r\n;\t')[number % 3]
    found = ReportEvaluation(
        metric="=1+1",
        verdict="passed" if outcome == "passed" else "unscored",
        score=1.0 if outcome == "passed" else None,
        reason=nasty,
    )
    return ReportRow(
        test_id=f"test-{number}",
        position=number + 1,
        trial=1,
        prompt=f"{nasty} {number}",
        output=None if outcome == "error" else f"{nasty}{number} " + "x" * 4000,
        outcome=outcome,
        expected=nasty,
        error_code="timeout" if outcome == "error" else None,
        latency_ms=-0.5 if outcome == "error" else math.pi * number,
        metadata={"nested": {"text": nasty, "list": [1, None, True]}},
        evaluations=() if outcome == "error" else (found,),
    )


_FILES: dict[str, bytes] = {
    "an empty file": b"",
    "bytes that are no text": bytes(range(256)) * 4,
    "a line that breaks off": b'{"prompt": "a',
    "text in another encoding": "prompt,expected\nfür,été\n".encode("latin-1"),
    "a cell with NUL": b"prompt,expected\na\0b,c\n",
}


def importer_trials(spec: ImporterSpec) -> Iterator[Finding]:
    """Files that are none: every one must come back as problems with row numbers, never as an exception."""
    for name, content in _FILES.items():
        problem = _imported(spec, content)
        yield f"on {name}: {problem}" if problem else None


def _imported(spec: ImporterSpec, content: bytes) -> Finding:
    try:
        read: Iterable[Any] = list(spec.read(io.BytesIO(content)))
    except Exception as failure:  # noqa: BLE001 - a plugin may raise anything, and hears of it
        return f"it raised {failure!r} instead of yielding an ImportProblem."[:300]
    if any(not isinstance(one, ImportedTest | ImportProblem) for one in read):
        return "it must yield ImportedTest and ImportProblem only."
    return None if all(one.row >= 1 for one in read) else "rows are counted from 1."
