"""The summary: what others said is quoted, whatever it looks like."""

import io
from dataclasses import replace
from typing import Any

import pytest
from markdown_it import MarkdownIt

import plugins.markdown
from plugins.html.tests.test_printable_page import NASTY, ROW, SUMMARY
from plugins.markdown.exporter import write
from rhesis_app.sdk import ReportEvaluation, ReportRow, RunReport, RunSummary
from rhesis_app.sdk.testing import check_plugin

FAILED = replace(
    ROW,
    position=2,
    outcome="failed",
    output="five",
    evaluations=(ReportEvaluation(metric="Right", verdict="failed", reason="“4” is missing."),),
)
TRICKY = [
    NASTY,
    "```\n# a heading\n<b>bold</b>\n````",
    "| a | b |\n|---|---|",
    "[click](javascript:alert(1))",
    "![x](https://x.example/y.png)",
    "*bold* _it_ ~~no~~ `code` \\",
    "1. one\n- two\n> three",
    "@everyone #12 https://x.example &lt;",
]


def document_of(*rows: ReportRow, summary: RunSummary = SUMMARY, comparison: Any = None) -> str:
    file = io.BytesIO()
    write(RunReport(summary=summary, rows=iter(rows), comparison=comparison), file)
    return file.getvalue().decode()


def html_of(document: str) -> str:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(document)


def test_the_plugin_conforms() -> None:
    assert check_plugin(plugins.markdown).exporters == ("markdown.run",)


def test_it_lists_what_did_not_pass_and_counts_the_rest() -> None:
    document = document_of(ROW, FAILED, replace(ROW, position=3, outcome="error", error_code="timeout", output=None))
    assert "**1 / 2 passed, 50.0\u00a0% [10.0, 90.0], 1 left out**" in document
    assert "◌ undecided" in document
    assert "No usable answer: timeout" in document
    assert "“4” is missing" in document
    assert "2 + 2" in document
    assert document.endswith("1 passed; passed results are not listed here.\n")
    assert "Test 1 " not in document


@pytest.mark.parametrize("said", TRICKY)
def test_whatever_was_said_stays_text(said: str) -> None:
    row = replace(FAILED, prompt=said, output=said, expected=said, error_code=said)
    row = replace(row, evaluations=(ReportEvaluation(metric=said, verdict="failed", reason=said),))
    plain = html_of(
        document_of(
            replace(
                row,
                prompt="x",
                output="x",
                expected="x",
                error_code="x",
                evaluations=(ReportEvaluation(metric="x", verdict="failed", reason="x"),),
            )
        )
    )
    page = html_of(document_of(row, summary=replace(SUMMARY, project=said, endpoint=said, finding=said)))
    for tag in ("<script", "<img", "<b>", "<del", "<em", "<ol", "<blockquote", 'javascript:alert(1)"'):
        assert tag not in page, tag
    for tag in ("<a ", "<table", "<h2", "<h3", "<h4", "<li", "<pre", "<strong"):
        assert page.count(tag) == plain.count(tag), tag


def test_a_link_is_made_only_of_a_plain_address() -> None:
    assert "](" not in document_of(summary=replace(SUMMARY, url="javascript:alert(1)"))
    assert "](" not in document_of(summary=replace(SUMMARY, url="https://x.example/a)b"))
    assert f"]({SUMMARY.url})" in document_of()


def test_a_comparison_names_its_tests() -> None:
    comparison = {
        "baseline": {"number": 6},
        "sentence": "Worse: 1 test broke.",
        "left_out": "1 edited.",
        "comparable": {"ok": True},
        "tests": [{"change": "broken", "prompt": "a | b"}],
    }
    document = document_of(comparison=comparison)
    assert "### Against run 6" in document
    assert "| broken | a \\| b |" in document
