"""The JUnit report, as a stock reader sees it."""

import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

import plugins.junit
from plugins.junit.exporter import write
from rhesis_app.sdk import Rate, ReportEvaluation, ReportRow, RunReport, RunSummary, Totals
from rhesis_app.sdk.testing import check_plugin

TestCase.__test__ = TestSuite.__test__ = False  # type: ignore[attr-defined]  # the reader's classes, not ours to collect

SUMMARY = RunSummary(
    run_id="r",
    number=7,
    project="Support & <bot>",
    endpoint="chat",
    test_set="Smoke",
    test_set_version=2,
    status="partial",
    outcome="failed",
    totals=Totals(planned=6, passed=1, failed=1, error=1, unscored=1, pending=0, cancelled=2),
    pass_rate=Rate(value=0.5, low=0.0945, high=0.9055, passed=1, n=2, excluded=4),
    started_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    finished_at=datetime(2026, 1, 2, 3, 4, 15, tzinfo=UTC),
    url="https://example.com/p/support/runs/7?a=1&b=2",
)


def found(verdict: str, reason: str = "", *, required: bool = True) -> ReportEvaluation:
    return ReportEvaluation(metric="Right", verdict=verdict, reason=reason, required=required)


PASSED = ReportRow(
    test_id="1", position=1, trial=1, prompt="2 + 2?", output="4", outcome="passed", latency_ms=250, requirement="Sums"
)
FAILED = replace(
    PASSED,
    position=2,
    outcome="failed",
    output="5",
    expected="4",
    evaluations=(found("failed", "It is 5."), found("failed", "Too slow.", required=False)),
)
ERROR = replace(PASSED, position=3, outcome="error", output=None, error_code="timeout", requirement=None, trial=2)
UNSCORED = replace(PASSED, position=4, outcome="unscored", evaluations=(found("error", "The judge did not answer."),))


def written(*rows: ReportRow) -> bytes:
    file = io.BytesIO()
    write(RunReport(summary=SUMMARY, rows=iter(rows)), file)
    return file.getvalue()


def suite_of(*rows: ReportRow) -> TestSuite:
    report = JUnitXml.fromstring(written(*rows))
    (suite,) = list(report)
    return suite


def test_the_plugin_conforms() -> None:
    assert check_plugin(plugins.junit).exporters == ("junit.xml",)


def test_each_outcome_has_its_element() -> None:
    passed, failed, error, unscored = list(suite_of(PASSED, FAILED, ERROR, UNSCORED))
    assert passed.is_passed
    assert [type(finding) for case in (failed, error, unscored) for finding in case.result] == [Failure, Error, Skipped]
    assert failed.result[0].message == "Right: It is 5."
    assert "Expected\n4" in failed.result[0].text
    assert (error.result[0].type, error.system_out) == ("timeout", None)
    assert unscored.result[0].message == "Right: The judge did not answer."


def test_the_counts_are_those_of_the_results() -> None:
    suite = suite_of(PASSED, FAILED, ERROR, UNSCORED)
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (4, 1, 1, 1)
    assert len(list(suite)) == suite.tests
    assert (suite.name, suite.time, suite.timestamp) == ("Smoke v2", 10, "2026-01-02T03:04:05")


def test_the_rate_travels_with_its_numbers_and_what_was_not_run() -> None:
    properties = {one.name: one.value for one in suite_of().properties()}
    assert properties["pass rate"] == "0.5000 [0.0945, 0.9055], 1 of 2 decided, 4 left out"
    assert properties["not run"] == "2"
    assert properties["url"] == SUMMARY.url


def test_cases_are_grouped_by_requirement_and_told_apart_by_position_and_trial() -> None:
    passed, error = list(suite_of(PASSED, ERROR))
    assert (passed.classname, passed.name, passed.time) == ("Sums", "#1 2 + 2?", 0.25)
    assert (error.classname, error.name) == ("Smoke", "#3 2 + 2? (trial 2)")


def test_a_long_prompt_is_cut_in_the_name() -> None:
    (case,) = list(suite_of(replace(PASSED, prompt="word\n" * 100)))
    assert len(case.name) < 130
    assert "\n" not in case.name


@pytest.mark.parametrize(
    "nasty", ["]]>", "<a>&amp;", "\"'", "a\0b\x0b\x1b", "half \ud83d", "\ufffe\uffff", "👋\u202e", "a\r\nb\tc"]
)
def test_any_text_makes_valid_xml(nasty: str) -> None:
    row = replace(FAILED, prompt=nasty, output=nasty, expected=nasty, evaluations=(found("failed", nasty),))
    (case,) = list(suite_of(row))
    kept = "".join(letter for letter in nasty if letter not in "\0\x0b\x1b\ud83d\ufffe\uffff")
    assert (case.system_out or "") == kept
    assert case.result[0].message == f"Right: {kept}"


def test_an_empty_run_is_a_report_too() -> None:
    assert list(suite_of()) == []
