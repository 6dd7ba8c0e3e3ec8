"""One line per result, and three columns per metric."""

import csv
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import BinaryIO

from rhesis_app.sdk import ExporterSpec, MetricSnapshot, ReportRow, RunReport

Cell = str | int | float | None

COLUMNS = (
    "position",
    "trial",
    "test_id",
    "requirement",
    "prompt",
    "expected",
    "output",
    "outcome",
    "error_code",
    "latency_ms",
    "tokens_in",
    "tokens_out",
    "metadata",
    "judging_cost_usd",
    "cost_usd",
)
# what a spreadsheet takes for a formula, in both widths, and what it drops before looking
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")


def guard(cell: Cell) -> Cell:
    """A text that a spreadsheet would compute gets a leading quote; numbers stay numbers."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def write(report: RunReport, file: BinaryIO) -> None:
    """Stream the report as UTF-8 with a header line."""
    text = io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="")
    try:
        lines = csv.writer(text)
        lines.writerow([guard(name) for name in (*COLUMNS, *_metric_columns(report.summary.metrics))])
        for row in report.rows:
            lines.writerow([guard(cell) for cell in _cells(row, report.summary.metrics)])
        text.flush()
    finally:
        text.detach()  # closing the file is its owner's


def _metric_columns(metrics: tuple[MetricSnapshot, ...]) -> Iterator[str]:
    for metric in metrics:
        yield from (f"{metric.name}: verdict", f"{metric.name}: score", f"{metric.name}: reason")


def _cells(row: ReportRow, metrics: tuple[MetricSnapshot, ...]) -> Iterator[Cell]:
    yield from (row.position, row.trial, row.test_id, row.requirement, row.prompt, row.expected, row.output)
    yield from (row.outcome, row.error_code, row.latency_ms, row.tokens_in, row.tokens_out)
    yield json.dumps(dict(row.metadata), ensure_ascii=False) if row.metadata else None
    yield _judging_cost(row)
    yield row.cost
    found = {evaluation.metric: evaluation for evaluation in row.evaluations}
    for metric in metrics:
        evaluation = found.get(metric.name)
        if evaluation is None:
            yield from (None, None, None)
            continue
        verdict = evaluation.verdict if evaluation.applicable else "does not apply"
        yield from (verdict, evaluation.score if evaluation.label is None else evaluation.label, evaluation.reason)


def _judging_cost(row: ReportRow) -> Cell:
    """What the judges of this result cost as far as it is known, exactly."""
    costs = [Decimal(evaluation.cost) for evaluation in row.evaluations if evaluation.cost is not None]
    return f"{sum(costs[1:], start=costs[0]):f}" if costs else None


RESULTS = ExporterSpec(
    key="csv.results",
    title="Results as CSV",
    media_type="text/csv",
    extension="csv",
    write=write,
)
