"""Pure decisions about reports: what a file is called, how it is cut, how large it may be, what is said of it."""

from collections.abc import Iterator
from io import RawIOBase
from typing import Any, BinaryIO, Final

from rhesis_app.notifications.rules.events import Message
from rhesis_app.sdk import RunSummary

MEBIBYTE: Final = 1024 * 1024
CHUNK: Final = 256 * 1024
MAX_BYTES: Final = 512 * MEBIBYTE
MOST_OPEN: Final = 50
"""How many reports of an organization may wait at once."""
_ENDED: Final = {"passed": "passed", "failed": "failed", "none": "ended undecided"}


class TooLarge(Exception):
    """A file grew past what is kept."""


class Bounded(RawIOBase):
    """A writable view of a file that refuses to grow past `limit` bytes. Closing it leaves the file open."""

    def __init__(self, file: BinaryIO, limit: int = MAX_BYTES) -> None:
        self._file = file
        self._limit = limit
        self._position = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is: formats with a table of contents go back to write it."""
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """As the file does."""
        self._position = self._file.seek(offset, whence)
        return self._position

    def tell(self) -> int:
        """Where the next byte goes."""
        return self._position

    def write(self, chunk: Any, /) -> int:
        """Write all of it, or raise TooLarge."""
        self._position += memoryview(chunk).nbytes
        if self._position > self._limit:
            raise TooLarge
        return self._file.write(chunk)


def pieces(file: BinaryIO, size: int = CHUNK) -> Iterator[bytes]:
    """The file from its beginning in pieces of `size` bytes."""
    file.seek(0)
    while piece := file.read(size):
        yield piece


def file_name(project: str, number: int, extension: str, baseline: int | None = None) -> str:
    """Such as `support-run-12.html`; of a comparison `support-run-12-against-9.html`."""
    against = f"-against-{baseline}" if baseline is not None else ""
    return f"{project}-run-{number}{against}.{extension.lstrip('.')}"


def run_message(summary: RunSummary, project_slug: str) -> Message:
    """What is said of an ended run: the same summary that its page, its exports and its reports are made of."""
    rate = summary.pass_rate
    facts = [("Pass rate", rate.words), ("Test set", f"{summary.test_set}, version {summary.test_set_version}")]
    facts += [("Endpoint", summary.endpoint), ("Project", summary.project)]
    facts += [(f"Gate {gate.name}", f"{gate.decision}: {gate.reason}") for gate in summary.gates]
    return Message(
        subject=f"{summary.test_set} #{summary.number} {_ENDED.get(summary.outcome, summary.outcome)}{_gates_failed(summary)}",
        sentences=tuple(sentence for sentence in (summary.finding, summary.left_out) if sentence),
        facts=tuple(facts),
        path=f"/p/{project_slug}/runs/{summary.number}",
        link="Open the run",
    )


def report_message(title: str, project_slug: str, number: int, baseline: int | None) -> Message:
    """What is said of a report that is ready."""
    against = f" against #{baseline}" if baseline is not None else ""
    return Message(
        subject=f"Report of run #{number}{against} is ready",
        sentences=(f"{title}. Whoever may read the run may download it.",),
        path=f"/p/{project_slug}/reports?run={number}",
        link="Open the reports",
    )


def _gates_failed(summary: RunSummary) -> str:
    failed = [gate.name for gate in summary.gates if gate.decision == "failed"]
    if not failed:
        return ""
    return f": gate {failed[0]} failed" if len(failed) == 1 else f": {len(failed)} gates failed"
