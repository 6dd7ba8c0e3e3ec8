"""The workbook: read back by a stock reader, cell by cell."""

import io
from dataclasses import replace
from typing import Any

import pytest
from openpyxl import load_workbook

import plugins.xlsx
from plugins.html.tests.test_printable_page import ROW, SUMMARY
from plugins.xlsx import exporter
from plugins.xlsx.exporter import COLUMNS, LONGEST, write
from rhesis_app.sdk import ReportEvaluation, ReportRow, RunReport
from rhesis_app.sdk.testing import check_plugin


def book_of(*rows: ReportRow) -> Any:
    file = io.BytesIO()
    write(RunReport(summary=SUMMARY, rows=iter(rows)), file)
    return load_workbook(io.BytesIO(file.getvalue()))


def results_of(*rows: ReportRow) -> list[dict[str, Any]]:
    lines = list(book_of(*rows)["Results"].iter_rows())
    heads = [cell.value for cell in lines[0]]
    return [dict(zip(heads, line, strict=True)) for line in lines[1:]]


def test_the_plugin_conforms() -> None:
    assert check_plugin(plugins.xlsx).exporters == ("xlsx.results",)


def test_a_result_is_a_row_with_three_columns_per_metric() -> None:
    (line,) = results_of(ROW)
    assert len(line) == len(COLUMNS) + 3
    assert line["Prompt"].value == "2 + 2?"
    assert (line["Latency (ms)"].value, line["Latency (ms)"].data_type) == (12.4, "n")
    assert (line["Right: verdict"].value, line["Right: score"].value) == ("passed", 1)
    assert line["Error"].value is None


@pytest.mark.parametrize(
    "said",
    ["=1+1", "{=1+1}", "+1", "-1", "@SUM(A1)", "\t=1", "12", "1e9", "https://x.example", "internal:Run!A1", "TRUE"],
)
def test_a_text_is_a_text_whatever_it_looks_like(said: str) -> None:
    found = ReportEvaluation(metric="Right", verdict="passed", label=said, reason=said)
    (line,) = results_of(replace(ROW, prompt=said, output=said, expected=said, requirement=said, evaluations=(found,)))
    for name in ("Prompt", "Expected", "Answer", "Requirement", "Right: score", "Right: reason"):
        assert line[name].data_type == "s", name
        assert line[name].value == said
        assert line[name].hyperlink is None


def test_what_a_cell_cannot_hold_is_cut_or_replaced() -> None:
    (line,) = results_of(replace(ROW, output="x" * 40_000, prompt="a\0b\ud83d\uffff", latency_ms=float("inf")))
    assert len(line["Answer"].value) == LONGEST
    assert line["Answer"].value.endswith("(cut: a cell holds no more)")
    assert line["Prompt"].value == "a\ufffdb\ufffd\ufffd"
    assert line["Latency (ms)"].value == "inf"


def test_the_first_sheet_is_the_run() -> None:
    facts = {row[0].value: row[1].value for row in book_of(ROW)["Run"].iter_rows()}
    assert facts["Run"] == 7
    assert facts["Pass rate"] == "1 / 2 passed, 50.0\u00a0% [10.0, 90.0], 1 left out"
    assert facts["Gate: Ship"] == "undecided. Needs about 14 more."


def test_an_empty_run_has_its_heads() -> None:
    assert [cell.value for cell in next(book_of()["Results"].iter_rows())][: len(COLUMNS)] == list(COLUMNS)


def test_more_rows_than_a_sheet_holds_go_on_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "ROWS_A_SHEET", 2)
    book = book_of(*(replace(ROW, position=number) for number in range(1, 6)))
    assert book.sheetnames == ["Run", "Results", "Results 2", "Results 3"]
    assert [row[0].value for name in book.sheetnames[1:] for row in book[name].iter_rows(min_row=2)] == [1, 2, 3, 4, 5]
