"""One HTML file that needs nothing else: no script, no font, no picture from anywhere. Results stream behind the summary."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from plugins.html.markup import OUTCOMES, Markup, bar, document_end, document_start, element, outcome, table, text
from rhesis_app.sdk import ExporterSpec, PartRate, ReportEvaluation, ReportRow, RunReport, RunSummary

_CLIPPED = 160
_CHANGES = {"broken": "failed", "fixed": "passed"}
_DECISIONS = {"passed": "passed", "failed": "failed", "undecided": "unscored"}


def write(report: RunReport, file: BinaryIO) -> None:
    """Stream the page as UTF-8."""
    file.writelines(part.encode("utf-8", "replace") for part in _document(report))


def _document(report: RunReport) -> Iterator[Markup]:
    summary = report.summary
    yield document_start(f"#{summary.number} {summary.test_set} – {summary.project}")
    yield from _head(summary)
    yield from _gates(summary)
    if report.comparison is not None:
        yield from _comparison(report.comparison)
    yield from _rates("By requirement", "Requirement", summary.by_requirement)
    yield from _rates("By metric", "Metric", summary.by_metric)
    yield from _metrics(summary)
    yield from _results(report.rows, summary)
    yield document_end()


def _head(summary: RunSummary) -> Iterator[Markup]:
    rate, totals = summary.pass_rate, summary.tests
    yield element(
        "header", element("p", text(summary.project), cls="eyebrow") + element("h1", _title(summary)) + _meta(summary)
    )
    counts = [
        element("b", f"{rate.passed:,} / {rate.n:,} passed"),
        *(
            outcome(kind, f"{count:,} {word}")
            for kind, count, word in (
                ("error", totals.error, "without a usable answer"),
                ("unscored", totals.unscored, "unscored"),
                ("unscored", totals.pending + totals.cancelled, "not run"),
            )
            if count
        ),
    ]
    figure = element("p", f"{rate.percent} " + element("small", rate.interval), cls="figure")
    yield element("section", figure + bar(rate) + element("p", " · ".join(counts), cls="tally"), cls="verdict")
    for sentence, cls in ((summary.finding, "finding"), (summary.steadiness, ""), (summary.left_out, "muted")):
        if sentence:
            yield element("p", text(sentence), cls=cls)


def _title(summary: RunSummary) -> Markup:
    return text(summary.test_set) + " " + element("span", f"#{summary.number}", cls="muted")


def _meta(summary: RunSummary) -> Markup:
    facts = [
        outcome(summary.outcome),
        text(f"{summary.tests.planned:,} tests of version {summary.test_set_version}"),
        text(summary.endpoint),
    ]
    if summary.finished_at is not None:
        facts.append(text(summary.finished_at.strftime("%Y-%m-%d %H:%M UTC")))
    if summary.duration_s is not None:
        facts.append(text(f"{summary.duration_s:,.1f} s"))
    if summary.url is not None and summary.url.startswith(("https://", "http://")):
        facts.append(element("a", "Open in Rhesis App", href=summary.url))
    return element("p", " · ".join(facts), cls="meta")


def _gates(summary: RunSummary) -> Iterator[Markup]:
    if summary.gates:
        rows = [
            [
                text(gate.name),
                outcome(_DECISIONS.get(gate.decision, "unscored"), gate.decision.title()),
                text(gate.claim),
                text(gate.reason),
            ]
            for gate in summary.gates
        ]
        yield element("h2", "Gates") + table(["Gate", "Decision", "Claim", "Why"], rows)


def _comparison(found: Mapping[str, Any]) -> Iterator[Markup]:
    baseline, comparable = found["baseline"], found["comparable"]
    yield element("h2", f"Against #{baseline['number']}") + element("p", text(found["sentence"]), cls="finding")
    if found["left_out"]:
        yield element("p", text(found["left_out"]), cls="muted")
    if not comparable["ok"]:
        return
    counts = [
        f"{found[name]:,} {name.replace('_', ' ')}" for name in ("broken", "fixed", "still_passed", "still_failed")
    ]
    yield element("p", text(f"{found['matched']:,} tests in both: " + " · ".join(counts)))
    if found["tests"]:
        rows = [
            [
                outcome(_CHANGES.get(one["change"], "unscored"), one["change"].title()),
                text(_clipped(one["prompt"])),
                _said(one["baseline_output"]),
                _said(one["candidate_output"]),
            ]
            for one in found["tests"]
        ]
        yield table(["Change", "Test", "Answer before", "Answer now"], rows)
        if not found["tests_complete"]:
            yield element("p", "Further tests that changed are not listed here.", cls="muted")


def _rates(title: str, label: str, parts: Sequence[PartRate]) -> Iterator[Markup]:
    if parts:
        rows = [[text(one.name), bar(one.rate), text(one.rate.words)] for one in parts]
        yield element("h2", title) + table([label, "Share", "Rate, 95 % interval"], rows)


def _metrics(summary: RunSummary) -> Iterator[Markup]:
    rows = [
        [
            text(one.name),
            text(f"{one.evaluator}, revision {one.revision}"),
            text(one.rule),
            "required" if one.required else "optional",
        ]
        for one in summary.metrics
    ]
    if rows:
        yield element("h2", "Metrics") + table(["Metric", "Evaluator", "Needs", "Decides"], rows)


def _results(rows: Iterable[ReportRow], summary: RunSummary) -> Iterator[Markup]:
    yield element("h2", "Results")
    if summary.totals.answered > summary.totals.passed > 0:
        yield (
            '<p class="choice"><label><input type="radio" name="show" checked> All</label> '
            '<label><input type="radio" name="show" id="only"> Without passed ones</label></p>\n'
        )
    for row in rows:
        yield _result(row)


def _result(row: ReportRow) -> Markup:
    kind = row.outcome if row.outcome in OUTCOMES else "unscored"
    trial = f", trial {row.trial}" if row.trial > 1 else ""
    place = element("span", f"#{row.position}{trial}", cls="muted")
    head = element("h3", f"{outcome(kind)} {place} {text(_clipped(row.prompt))}")
    facts = [
        row.requirement or "",
        f"{row.latency_ms:,.0f} ms" if row.latency_ms is not None else "",
        row.error_code or "",
    ]
    meta = element("p", " · ".join(text(fact) for fact in facts if fact), cls="meta")
    said = [("Prompt", row.prompt), ("Expected", row.expected), ("Answer", row.output)]
    parts = "".join(element("dt", name) + element("dd", element("pre", text(said))) for name, said in said if said)
    found = "".join(_evaluation(one) for one in row.evaluations)
    return element("article", head + meta + element("dl", parts) + element("ul", found), cls=f"is-{kind}")


def _evaluation(found: ReportEvaluation) -> Markup:
    score = found.label if found.label is not None else "" if found.score is None else f"{found.score:g}"
    verdict = outcome(found.verdict if found.applicable else "unscored", "" if found.applicable else "Does not apply")
    words = [element("b", text(found.metric)), text(score), text(found.reason), "" if found.required else "optional"]
    return element("li", " ".join([verdict, *filter(None, words)]))


def _said(answer: str | None) -> Markup:
    return element("pre", text(answer)) if answer else "–"


def _clipped(prompt: str) -> str:
    line = " ".join(prompt.split())
    return line if len(line) <= _CLIPPED else line[: _CLIPPED - 1] + "…"


RUN = ExporterSpec(key="html.run", title="Page to print (HTML)", media_type="text/html", extension="html", write=write)
