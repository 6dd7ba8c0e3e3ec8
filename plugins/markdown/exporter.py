"""The summary and every result that did not pass. Texts of others are quoted so that no Markdown and no HTML in them works."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from rhesis_app.sdk import ExporterSpec, PartRate, ReportRow, RunReport, RunSummary

_SIGNS = {
    "passed": "✅ passed",
    "failed": "❌ failed",
    "error": "⚠️ error",
    "unscored": "◌ unscored",
    "none": "◌ undecided",
}
_DECISIONS = {"passed": "✅ passed", "failed": "❌ failed", "undecided": "◌ undecided"}
_CLIPPED = 160
_STRAY = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_MARKUP = re.compile(r"([\\`*_\[\]|~])")
_LINKED = re.compile(r"\b(https?|ftp|mailto)(?=:)|\b(www)(?=\.)", re.IGNORECASE)
_CALLED = re.compile(r"([@#])(?=\w)")
_BLOCK = re.compile(r"(?:\d{1,9}(?=[.)])|(?=[#>+=-]))")


def write(report: RunReport, file: BinaryIO) -> None:
    """Stream the document as UTF-8."""
    file.writelines(part.encode("utf-8", "replace") for part in _document(report))


def _document(report: RunReport) -> Iterator[str]:
    summary = report.summary
    yield from _head(summary)
    if summary.gates:
        rows = (
            [_line(one.name), _DECISIONS.get(one.decision, one.decision), _line(one.claim), _line(one.reason)]
            for one in summary.gates
        )
        yield from _table("Gates", ("Gate", "Decision", "Claim", "Why"), rows)
    if report.comparison is not None:
        yield from _comparison(report.comparison)
    yield from _rates("By requirement", "Requirement", summary.by_requirement)
    yield from _rates("By metric", "Metric", summary.by_metric)
    yield from _results(report.rows, summary)


def _head(summary: RunSummary) -> Iterator[str]:
    title = f"{_line(summary.test_set)}, run {summary.number}"
    linked = f"[{title}]({summary.url})" if summary.url and re.fullmatch(r"https?://[^\s()<>]+", summary.url) else title
    yield f"## {linked}: {_SIGNS.get(summary.outcome, summary.outcome)}\n\n"
    yield f"**{summary.pass_rate.words}**\n\n"
    for sentence in (summary.finding, summary.left_out):
        if sentence:
            yield f"{_paragraph(sentence)}\n\n"
    facts = [
        f"project {_line(summary.project)}",
        f"version {summary.test_set_version}",
        f"endpoint {_line(summary.endpoint)}",
    ]
    if summary.finished_at is not None:
        facts.append(summary.finished_at.strftime("%Y-%m-%d %H:%M UTC"))
    yield " · ".join(facts) + "\n"


def _comparison(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n### Against run {found['baseline']['number']}\n\n**{_line(found['sentence'])}**\n"
    if found["left_out"]:
        yield f"\n{_paragraph(found['left_out'])}\n"
    if found["comparable"]["ok"] and found["tests"]:
        yield from _table("", ("Change", "Test"), ([one["change"], _line(one["prompt"])] for one in found["tests"]))


def _rates(title: str, label: str, parts: Sequence[PartRate]) -> Iterator[str]:
    if parts:
        rows = (
            [
                _line(one.name),
                one.rate.percent,
                one.rate.interval or "–",
                f"{one.rate.passed:,} / {one.rate.n:,}",
                f"{one.rate.excluded:,}",
            ]
            for one in parts
        )
        yield from _table(title, (label, "Rate", "95 % interval", "Passed", "Left out"), rows)


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"\n### {title}\n\n" if title else "\n"
    yield f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}\n"
    for row in rows:
        yield f"| {' | '.join(row)} |\n"


def _results(rows: Iterable[ReportRow], summary: RunSummary) -> Iterator[str]:
    yield "\n### Results that did not pass\n"
    passed = 0
    for row in rows:
        if row.outcome == "passed":
            passed += 1
        else:
            yield from _result(row)
    if passed:
        left_out = "All of them passed" if passed == summary.totals.answered else f"{passed:,} passed"
        yield f"\n{left_out}; passed results are not listed here.\n"


def _result(row: ReportRow) -> Iterator[str]:
    trial = f", trial {row.trial}" if row.trial > 1 else ""
    yield f"\n#### Test {row.position}{trial} {_SIGNS.get(row.outcome, row.outcome)}: {_line(row.prompt)}\n\n"
    if row.error_code:
        yield f"No usable answer: {_line(row.error_code)}\n\n"
    for found in row.evaluations:
        if found.applicable and found.verdict != "passed":
            reason = f": {_line(found.reason)}" if found.reason else ""
            yield f"- {_SIGNS.get(found.verdict, found.verdict)} {_line(found.metric)}{reason}\n"
    for name, said in (("Expected", row.expected), ("Answer", row.output)):
        if said:
            yield f"\n{name}\n\n{_fenced(said)}\n"


def _line(said: str) -> str:
    """Text of others on one line: no Markdown, no HTML, no address, mention or number in it comes to life."""
    line = " ".join(_STRAY.sub("\ufffd", said).split())
    clipped = line if len(line) <= _CLIPPED else line[: _CLIPPED - 1] + "…"
    escaped = _MARKUP.sub(r"\\\1", clipped.replace("&", "&amp;").replace("<", "&lt;"))
    # forges link these after Markdown is done, so that only a character in between keeps them from it
    return _CALLED.sub("\\1\u200b", _LINKED.sub("\\g<0>\u200b", escaped))


def _paragraph(said: str) -> str:
    """The same where a line begins: neither a list nor a heading nor a quotation."""
    line = _line(said)
    found = _BLOCK.match(line)
    return f"{line[: found.end()]}\\{line[found.end() :]}" if found else line


def _fenced(said: str) -> str:
    """Text of others as a block of code, behind a fence that is longer than any in it."""
    clean = _STRAY.sub("\ufffd", said).replace("\r\n", "\n").replace("\r", "\n")
    longest = max((len(run) for run in re.findall("`+", clean)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{clean}\n{fence}"


RUN = ExporterSpec(
    key="markdown.run", title="Summary as Markdown", media_type="text/markdown", extension="md", write=write
)
