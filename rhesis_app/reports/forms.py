"""What the pages of reports are sent."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from rhesis_app.reports.queries import ReportView


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportForm:
    """The form of a report: runs by their numbers, 0 for none."""

    exporter: str = ""
    run: int = 0
    against: int = 0


def report_form(sent: MultiDict[str, str], *, run: int = 0) -> ReportForm:
    """What was chosen; a number that is none counts as not given."""
    return ReportForm(
        exporter=sent.get("exporter", ""),
        run=run or sent.get("run", 0, type=int),
        against=sent.get("against", 0, type=int),
    )


def seen(reports: Iterable[ReportView]) -> str:
    """A short hash of what a poll may find changed."""
    state = [(str(one.id), one.status, one.progress) for one in reports]
    return hashlib.sha256(repr(state).encode()).hexdigest()[:16]
