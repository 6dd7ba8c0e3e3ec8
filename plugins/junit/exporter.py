"""JUnit XML: failed is a failure, no usable answer an error, undecided is skipped; never the one for the other."""

import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO
from xml.sax.saxutils import escape, quoteattr

from rhesis_app.sdk import ExporterSpec, ReportEvaluation, ReportRow, RunReport, RunSummary

# XML 1.0 has no way to write these, not even as references
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME_LENGTH = 120


def write(report: RunReport, file: BinaryIO) -> None:
    """Stream one test suite with one test case per result."""
    file.writelines(part.encode() for part in _document(report))


def _document(report: RunReport) -> Iterator[str]:
    summary = report.summary
    counts = _counts(summary)
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f"<testsuites{_attributes({'name': summary.project, **counts})}>\n"
    suite = {"name": f"{summary.test_set} v{summary.test_set_version}", **counts}
    if summary.started_at is not None:
        suite["timestamp"] = summary.started_at.replace(tzinfo=None).isoformat(timespec="seconds")
    yield f"<testsuite{_attributes(suite)}>\n<properties>\n"
    for name, value in _properties(summary).items():
        yield f"<property{_attributes({'name': name, 'value': value})}/>\n"
    yield "</properties>\n"
    for row in report.rows:
        yield from _case(row, summary)
    yield "</testsuite>\n</testsuites>\n"


def _counts(summary: RunSummary) -> dict[str, str]:
    totals = summary.totals
    counts = {
        "tests": totals.answered,
        "failures": totals.failed,
        "errors": totals.error,
        "skipped": totals.unscored,
    }
    written = {name: str(count) for name, count in counts.items()}
    return written if summary.duration_s is None else {**written, "time": f"{summary.duration_s:.3f}"}


def _properties(summary: RunSummary) -> dict[str, str]:
    totals, rate = summary.totals, summary.pass_rate
    interval = "" if rate.low is None or rate.high is None else f" [{rate.low:.4f}, {rate.high:.4f}]"
    share = "none decided" if rate.value is None else f"{rate.value:.4f}{interval}"
    return {
        "run": f"{summary.number} ({summary.run_id})",
        "endpoint": summary.endpoint,
        "status": summary.status,
        "outcome": summary.outcome,
        "pass rate": f"{share}, {rate.passed} of {rate.n} decided, {rate.excluded} left out",
        "not run": str(totals.pending + totals.cancelled),
        **({"trials": summary.steadiness} if summary.steadiness else {}),
        **({"url": summary.url} if summary.url else {}),
    }


def _case(row: ReportRow, summary: RunSummary) -> Iterator[str]:
    attributes = {"classname": row.requirement or summary.test_set, "name": _name(row)}
    if row.latency_ms is not None:
        attributes["time"] = f"{row.latency_ms / 1000:.3f}"
    yield f"<testcase{_attributes(attributes)}>\n"
    yield from _finding(row)
    if row.output is not None:
        yield f"<system-out>{_text(row.output)}</system-out>\n"
    yield "</testcase>\n"


def _name(row: ReportRow) -> str:
    """Unique within the suite, as CI servers follow a test by its name."""
    prompt = " ".join(row.prompt.split())
    clipped = prompt if len(prompt) <= _NAME_LENGTH else prompt[: _NAME_LENGTH - 1] + "…"
    trial = f" (trial {row.trial})" if row.trial > 1 else ""
    return f"#{row.position} {clipped}{trial}"


def _finding(row: ReportRow) -> Iterator[str]:
    if row.outcome == "failed":
        attributes = {"message": _reasons(row, {"failed"}), "type": "failed"}
        yield f"<failure{_attributes(attributes)}>{_text(_details(row))}</failure>\n"
    elif row.outcome == "error":
        code = row.error_code or "error"
        attributes = {"message": f"The endpoint gave no usable answer: {code}.", "type": code}
        yield f"<error{_attributes(attributes)}>{_text(_details(row))}</error>\n"
    elif row.outcome != "passed":
        message = _reasons(row, {"unscored", "error"}) or "Nothing could be decided."
        yield f"<skipped{_attributes({'message': message})}/>\n"


def _reasons(row: ReportRow, verdicts: set[str]) -> str:
    return " · ".join(_sentence(found) for found in row.evaluations if found.required and found.verdict in verdicts)


def _sentence(found: ReportEvaluation) -> str:
    return f"{found.metric}: {found.reason}" if found.reason else f"{found.metric}: {found.verdict}"


def _details(row: ReportRow) -> str:
    expected = f"\n\nExpected\n{row.expected}" if row.expected else ""
    found = "".join(f"\n{evaluation.verdict}  {_sentence(evaluation)}" for evaluation in row.evaluations)
    return f"Prompt\n{row.prompt}{expected}" + (f"\n\nMetrics{found}" if found else "")


def _attributes(attributes: Mapping[str, str]) -> str:
    return "".join(f" {name}={quoteattr(_ILLEGAL.sub('', value))}" for name, value in attributes.items())


def _text(text: str) -> str:
    return escape(_ILLEGAL.sub("", text), {"\r": "&#13;"})


XML = ExporterSpec(
    key="junit.xml",
    title="JUnit XML",
    media_type="application/xml",
    extension="xml",
    write=write,
)
