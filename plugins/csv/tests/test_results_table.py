"""The results table: complete, readable, and harmless in a spreadsheet."""

import csv
import io
from dataclasses import replace
from typing import Any

import pytest

import plugins.csv
from plugins.csv.exporter import COLUMNS, guard, write
from rhesis_app.sdk import MetricSnapshot, Rate, ReportEvaluation, ReportRow, RunReport, RunSummary, Totals
from rhesis_app.sdk.testing import check_plugin

METRICS = (
    MetricSnapshot(name="Right", evaluator="text.equals", revision=1, rule="yes"),
    MetricSnapshot(name="=Fast", evaluator="timing.latency", revision=1, rule="at most 5,000 ms"),
)
SUMMARY = RunSummary(
    run_id="r",
    number=1,
    project="p",
    endpoint="e",
    test_set="s",
    test_set_version=1,
    status="completed",
    outcome="passed",
    totals=Totals(planned=1, passed=1),
    pass_rate=Rate(value=1.0, low=0.2, high=1.0, passed=1, n=1, excluded=0),
    metrics=METRICS,
)
ROW = ReportRow(
    test_id="t",
    position=1,
    trial=1,
    prompt="2 + 2?",
    output="4",
    outcome="passed",
    expected="4",
    latency_ms=-1.5,
    metadata={"level": "easy"},
    evaluations=(
        ReportEvaluation(metric="=Fast", verdict="passed", score=12.5),
        ReportEvaluation(metric="Right", verdict="unscored", applicable=False, reason="Does not apply."),
    ),
)


def table_of(*rows: ReportRow) -> list[list[str]]:
    file = io.BytesIO()
    write(RunReport(summary=SUMMARY, rows=iter(rows)), file)
    return list(csv.reader(io.StringIO(file.getvalue().decode(), newline="")))


def test_the_plugin_conforms() -> None:
    assert check_plugin(plugins.csv).exporters == ("csv.results",)


def test_a_result_is_one_line_with_three_columns_per_metric() -> None:
    header, line = table_of(ROW)
    cells = dict(zip(header, line, strict=True))
    assert cells["prompt"] == "2 + 2?"
    assert cells["metadata"] == '{"level": "easy"}'
    assert (cells["Right: verdict"], cells["Right: score"]) == ("does not apply", "")
    assert (cells["'=Fast: verdict"], cells["'=Fast: score"]) == ("passed", "12.5")
    assert len(header) == len(COLUMNS) + 6


def test_a_metric_that_left_nothing_has_empty_cells() -> None:
    _, line = table_of(replace(ROW, evaluations=(), outcome="error", error_code="timeout"))
    assert line[len(COLUMNS) :] == [""] * 6


def test_a_label_stands_where_a_score_would() -> None:
    found = ReportEvaluation(metric="Right", verdict="passed", score=0.3, label="agrees")
    _, line = table_of(replace(ROW, evaluations=(found,)))
    assert line[len(COLUMNS) + 1] == "agrees"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠"])
def test_a_text_that_a_spreadsheet_would_compute_is_quoted(start: str) -> None:
    _, line = table_of(replace(ROW, output=f"{start}1+1"))
    assert line[COLUMNS.index("output")] == f"'{start}1+1"


@pytest.mark.parametrize("cell", [-5, -0.5, 0, None, "", "a=b", "1-2", "'quoted'"])
def test_numbers_and_ordinary_texts_stay_as_they_are(cell: Any) -> None:
    assert guard(cell) == cell


def test_a_negative_number_stays_a_number() -> None:
    _, line = table_of(ROW)
    assert line[COLUMNS.index("latency_ms")] == "-1.5"


def test_any_text_comes_back_as_it_was() -> None:
    nasty = 'two\r\nlines, a "quote"; ünïcödé 👋 \u202e'
    _, line = table_of(replace(ROW, output=nasty))
    assert line[COLUMNS.index("output")] == nasty


def test_what_judging_cost_is_summed_exactly() -> None:
    judged = [ReportEvaluation(metric=name, verdict="passed", cost=cost) for name, cost in (("A", "0.1"), ("B", "0.2"))]
    header, line, free = table_of(replace(ROW, evaluations=(*judged, *ROW.evaluations)), ROW)
    assert dict(zip(header, line, strict=True))["judging_cost_usd"] == "0.3"
    assert dict(zip(header, free, strict=True))["judging_cost_usd"] == ""
