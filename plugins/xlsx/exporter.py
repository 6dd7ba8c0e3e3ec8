"""A sheet with the run and a sheet with its results. A text is written as a text, whatever it begins with: nothing is computed."""

import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, BinaryIO

from rhesis_app.sdk import ExporterSpec, MetricSnapshot, ReportRow, RunCost, RunReport, RunSummary

Cell = str | int | float | None
COLUMNS = {
    "Position": 9,
    "Trial": 7,
    "Outcome": 10,
    "Requirement": 20,
    "Prompt": 50,
    "Expected": 30,
    "Answer": 60,
    "Error": 12,
    "Latency (ms)": 12,
    "Tokens in": 10,
    "Tokens out": 10,
    "Metadata": 20,
    "Test": 38,
    "Cost ($)": 12,
    "Judging ($)": 12,
}
ROWS_A_SHEET = 1_000_000
LONGEST = 32_767
_CUT = "… (cut: a cell holds no more)"
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(report: RunReport, file: BinaryIO) -> None:
    """Stream the workbook: one row is held at a time."""
    import xlsxwriter  # noqa: PLC0415 a library of its own weight, for those who ask for this format

    # constant_memory writes each row to a temporary file as soon as the next one begins
    book = xlsxwriter.Workbook(file, {"constant_memory": True})
    heads = book.add_format({"bold": True, "bottom": 1})
    _write_run(book.add_worksheet("Run"), report.summary, heads)
    sheet, line = None, 0
    for number, row in enumerate(report.rows):
        if sheet is None or line > ROWS_A_SHEET:
            name = "Results" if number == 0 else f"Results {number // ROWS_A_SHEET + 1}"
            sheet, line = _new_sheet(book.add_worksheet(name), report.summary.metrics, heads), 1
        for column, cell in enumerate(_cells(row, report.summary.metrics)):
            _put(sheet, line, column, cell)
        line += 1
    if sheet is None:
        _new_sheet(book.add_worksheet("Results"), report.summary.metrics, heads)
    book.close()


def _write_run(sheet: Any, summary: RunSummary, heads: Any) -> None:
    sheet.set_column(0, 0, 22)
    sheet.set_column(1, 1, 80)
    for line, (name, cell) in enumerate(_facts(summary)):
        _put(sheet, line, 0, name, heads)
        _put(sheet, line, 1, cell)


def _facts(summary: RunSummary) -> Iterator[tuple[str, Cell]]:
    rate, totals = summary.pass_rate, summary.totals
    yield from (
        ("Project", summary.project),
        ("Run", summary.number),
        ("Run id", summary.run_id),
        ("Address", summary.url),
    )
    yield from (("Test set", summary.test_set), ("Version", summary.test_set_version), ("Endpoint", summary.endpoint))
    yield from (
        ("Status", summary.status),
        ("Outcome", summary.outcome),
        ("Pass rate", rate.words),
        ("Finding", summary.finding),
    )
    if summary.steadiness:
        yield "Trials", summary.steadiness
    yield from (
        ("Planned", totals.planned),
        ("Passed", totals.passed),
        ("Failed", totals.failed),
        ("Errors", totals.error),
    )
    yield from (("Unscored", totals.unscored), ("Not run", totals.pending + totals.cancelled))
    for name, moment in (("Started (UTC)", summary.started_at), ("Finished (UTC)", summary.finished_at)):
        yield name, moment.strftime("%Y-%m-%d %H:%M:%S") if moment is not None else None
    yield from _costs(summary.cost)
    yield from ((f"Gate: {gate.name}", f"{gate.decision}. {gate.reason}") for gate in summary.gates)
    yield from ((f"Requirement: {part.name}", part.rate.words) for part in summary.by_requirement)
    yield from ((f"Metric: {part.name}", part.rate.words) for part in summary.by_metric)


def _costs(cost: RunCost) -> Iterator[tuple[str, Cell]]:
    if cost.cap is not None:
        yield "Cost cap ($)", cost.cap
        yield "Not asked at the cap", cost.not_asked
    for name, amount, unknown in (
        ("Endpoint ($)", cost.endpoint, cost.unpriced),
        ("Judging ($)", cost.judge, cost.unpriced_judgements),
    ):
        if amount is not None or unknown:
            yield name, f"{amount or 'not known'}{f', {unknown:,} not known' if amount and unknown else ''}"


def _new_sheet(sheet: Any, metrics: tuple[MetricSnapshot, ...], heads: Any) -> Any:
    names = [*COLUMNS, *(f"{metric.name}: {part}" for metric in metrics for part in ("verdict", "score", "reason"))]
    for column, width in enumerate(COLUMNS.values()):
        sheet.set_column(column, column, width)
    sheet.set_column(len(COLUMNS), len(names), 18)
    sheet.freeze_panes(1, 0)
    for column, name in enumerate(names):
        _put(sheet, 0, column, name, heads)
    return sheet


def _cells(row: ReportRow, metrics: tuple[MetricSnapshot, ...]) -> Iterator[Cell]:
    yield from (row.position, row.trial, row.outcome, row.requirement, row.prompt, row.expected, row.output)
    yield from (row.error_code, row.latency_ms, row.tokens_in, row.tokens_out)
    yield json.dumps(dict(row.metadata), ensure_ascii=False) if row.metadata else None
    yield row.test_id
    yield float(row.cost) if row.cost is not None else None
    yield _judging_cost(row)
    found = {evaluation.metric: evaluation for evaluation in row.evaluations}
    for metric in metrics:
        one = found.get(metric.name)
        if one is None:
            yield from (None, None, None)
        else:
            yield one.verdict if one.applicable else "does not apply"
            yield one.score if one.label is None else one.label
            yield one.reason


def _judging_cost(row: ReportRow) -> Cell:
    """What the judges of this result cost as far as it is known; a cell's number is a float anyway."""
    costs = [Decimal(one.cost) for one in row.evaluations if one.cost is not None]
    return float(sum(costs, start=Decimal(0))) if costs else None


def _put(sheet: Any, line: int, column: int, cell: Cell, form: Any = None) -> None:
    """One cell: a number as a number, a text as a text. `write` would guess, and take texts for formulas and links."""
    if cell is None or cell == "":
        return
    if isinstance(cell, int | float) and math.isfinite(cell):
        sheet.write_number(line, column, cell, form)
        return
    clean = _ILLEGAL.sub("\ufffd", str(cell))
    sheet.write_string(line, column, clean if len(clean) <= LONGEST else clean[: LONGEST - len(_CUT)] + _CUT, form)


RESULTS = ExporterSpec(
    key="xlsx.results",
    title="Results as a workbook (XLSX)",
    media_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    extension="xlsx",
    write=write,
)
