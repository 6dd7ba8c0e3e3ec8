"""The run document: everything, in JSON that any reader takes."""

import io
import json
from datetime import UTC, datetime
from typing import Any

import plugins.json
from plugins.json.exporter import write
from rhesis_app.sdk import Rate, ReportEvaluation, ReportRow, RunReport, RunSummary, Totals
from rhesis_app.sdk.testing import check_plugin

SUMMARY = RunSummary(
    run_id="r",
    number=1,
    project="p",
    endpoint="e",
    test_set="s",
    test_set_version=1,
    status="partial",
    outcome="none",
    totals=Totals(planned=2, error=2),
    pass_rate=Rate(value=None, low=None, high=None, passed=0, n=0, excluded=2),
    started_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
)
ROW = ReportRow(
    test_id="t",
    position=1,
    trial=1,
    prompt="Grüße 👋 \ud83d \0",
    output=None,
    outcome="error",
    error_code="timeout",
    metadata={"level": ("easy", 1)},
    evaluations=(ReportEvaluation(metric="Right", verdict="error"),),
)


def document_of(*rows: ReportRow) -> Any:
    file = io.BytesIO()
    write(RunReport(summary=SUMMARY, rows=iter(rows)), file)
    return json.loads(file.getvalue().decode())


def test_the_plugin_conforms() -> None:
    assert check_plugin(plugins.json).exporters == ("json.run",)


def test_the_summary_comes_with_its_rate_and_what_was_left_out() -> None:
    run = document_of()["run"]
    assert run["pass_rate"] == {"value": None, "low": None, "high": None, "passed": 0, "n": 0, "excluded": 2}
    assert run["totals"]["planned"] == 2
    assert run["started_at"] == "2026-01-02T03:04:05+00:00"


def test_results_stand_in_order_with_their_evaluations() -> None:
    results = document_of(ROW, ROW)["results"]
    assert len(results) == 2
    assert results[0]["metadata"] == {"level": ["easy", 1]}
    assert results[0]["evaluations"][0]["verdict"] == "error"


def test_texts_survive_but_for_what_utf_8_cannot_hold() -> None:
    assert document_of(ROW)["results"][0]["prompt"] == "Grüße 👋 ? \0"


def test_an_empty_run_is_a_document_too() -> None:
    assert document_of()["results"] == []
    assert document_of()["format"] == "rhesis-run/1"
