"""The page: whole, harmless wherever it is opened, and in need of nothing else."""

import base64
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

import plugins.html
from plugins.html.exporter import write
from rhesis_app.sdk import (
    GateFinding,
    MetricSnapshot,
    PartRate,
    Rate,
    ReportEvaluation,
    ReportRow,
    RunReport,
    RunSummary,
    Totals,
)
from rhesis_app.sdk.testing import check_plugin

NASTY = "<script>alert(1)</script><img src=//x onerror=alert(2)>\"'&\0\u202e"
RATE = Rate(value=0.5, low=0.1, high=0.9, passed=1, n=2, excluded=1)
SUMMARY = RunSummary(
    run_id="r",
    number=7,
    project="Support",
    endpoint="bot",
    test_set="Release",
    test_set_version=2,
    status="partial",
    outcome="failed",
    totals=Totals(planned=3, passed=1, failed=1, error=1),
    pass_rate=RATE,
    metrics=(MetricSnapshot(name="Right", evaluator="text.contains", revision=1, rule="yes"),),
    url="https://rhesis.example.org/p/support/runs/7",
    finding="1 of 2 tests with a verdict failed.",
    left_out="Left out: 1 error.",
    by_requirement=(PartRate(name="Tone", rate=RATE),),
    gates=(GateFinding(name="Ship", claim="≥ 90 %", decision="undecided", reason="Needs about 14 more."),),
)
ROW = ReportRow(
    test_id="t",
    position=1,
    trial=1,
    prompt="2 + 2?",
    output="4",
    outcome="passed",
    expected="four",
    latency_ms=12.4,
    requirement="Tone",
    evaluations=(ReportEvaluation(metric="Right", verdict="passed", score=1.0, reason="It is there."),),
)
VOID = {"meta", "input", "rect", "line"}


def page_of(*rows: ReportRow, summary: RunSummary = SUMMARY, comparison: Any = None) -> str:
    file = io.BytesIO()
    write(RunReport(summary=summary, rows=iter(rows), comparison=comparison), file)
    return file.getvalue().decode()


class Elements(HTMLParser):
    """Every element with its attributes; complains when one is left open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def attributes(page: str) -> Iterator[tuple[str, str, str]]:
    for tag, found in Elements(page).found:
        yield from ((tag, name, value or "") for name, value in found.items())


def test_the_plugin_conforms() -> None:
    assert check_plugin(plugins.html).exporters == ("html.run",)


def test_it_says_what_the_run_says() -> None:
    page = page_of(ROW)
    for words in (
        "1 / 2 passed",
        "50.0\u00a0%",
        "[10.0, 90.0]",
        "1 left out",
        "1 without a usable answer",
        "1 of 2 tests with a verdict failed.",
        "Needs about 14 more.",
        "2 + 2?",
        "four",
        "It is there.",
        "12 ms",
    ):
        assert words in page, words


def test_whatever_was_said_stays_text() -> None:
    found = ReportEvaluation(metric=NASTY, verdict="failed", label=NASTY, reason=NASTY)
    row = replace(
        ROW,
        prompt=NASTY,
        output=NASTY,
        expected=NASTY,
        requirement=NASTY,
        outcome="failed",
        error_code=NASTY,
        evaluations=(found,),
    )
    summary = replace(
        SUMMARY,
        project=NASTY,
        endpoint=NASTY,
        test_set=NASTY,
        finding=NASTY,
        left_out=NASTY,
        url=f"javascript:{NASTY}",
        metrics=(MetricSnapshot(name=NASTY, evaluator=NASTY, revision=1, rule=NASTY),),
        by_requirement=(PartRate(name=NASTY, rate=RATE),),
        gates=(GateFinding(name=NASTY, claim=NASTY, decision=NASTY, reason=NASTY),),
    )
    page = page_of(row, summary=summary)
    tags = {tag for tag, _ in Elements(page).found}
    assert not tags & {"script", "img", "iframe", "object", "link", "form", "base"}
    assert not any(name.startswith("on") or name in {"style", "src"} for _, name, _ in attributes(page))
    assert "href" not in {name for _, name, _ in attributes(page)}
    assert "\0" not in page
    assert "\u202e" not in page


def test_it_needs_nothing_from_anywhere() -> None:
    page = page_of(ROW)
    addresses = [value for _, name, value in attributes(page) if name in {"src", "href", "action", "srcset", "data"}]
    assert addresses == [SUMMARY.url]
    style = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)[0]
    assert "url(" not in style
    assert "@import" not in style


def test_its_own_policy_lets_only_its_own_style_work() -> None:
    page = page_of(ROW)
    style = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = next(value for tag, name, value in attributes(page) if tag == "meta" and name == "content")
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_a_comparison_stands_before_the_rates() -> None:
    comparison = {
        "baseline": {"number": 6},
        "sentence": "Worse: 1 test broke.",
        "left_out": "",
        "comparable": {"ok": True},
        "matched": 2,
        "broken": 1,
        "fixed": 0,
        "still_passed": 1,
        "still_failed": 0,
        "tests": [{"change": "broken", "prompt": "2 + 2?", "baseline_output": "4", "candidate_output": None}],
        "tests_complete": False,
    }
    page = page_of(ROW, comparison=comparison)
    assert page.index("Against #6") < page.index("Worse: 1 test broke.") < page.index("By requirement")
    assert "1 broken · 0 fixed · 1 still passed · 0 still failed" in page
    assert "not listed here" in page


@pytest.mark.parametrize("outcome", ["passed", "failed", "error", "unscored", "something new"])
def test_every_outcome_has_its_word(outcome: str) -> None:
    page = page_of(replace(ROW, outcome=outcome, evaluations=()))
    kind = outcome if outcome != "something new" else "unscored"
    assert f'<article class="is-{kind}">' in page
    assert f'<span class="o {kind}">{kind.title()}</span>' in page


def test_a_run_in_which_nothing_was_decided_shows_no_rate() -> None:
    rate = Rate(value=None, low=None, high=None, passed=0, n=0, excluded=3)
    page = page_of(summary=replace(SUMMARY, pass_rate=rate, by_requirement=(), outcome="none"))
    assert "0 / 0 passed" in page
    assert "<svg" not in page
