"""Events: what people may be told of, what is said, and who is told."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid5

_EVENTS: Final = UUID("3f1a6c52-7c0e-5d2b-9f0e-6a1f4c8b7d90")


class EventKind(StrEnum):
    """What people may be told of; each may be switched off by whoever would hear of it."""

    RUN_FINISHED = "run.finished"
    GATE_FAILED = "gate.failed"
    REPORT_READY = "report.ready"
    SCHEDULE_FAILED = "schedule.failed"


# What somebody asked to be sent, or must be: no preference switches it off.
INVITED: Final = "invitation.sent"
RESET: Final = "password.reset"
ADDRESS: Final = "address.proof"
ADDRESS_CHANGED: Final = "address.changed"

EVENT_WORDS: Final = {
    EventKind.RUN_FINISHED: "A run that you started or scheduled has ended",
    EventKind.GATE_FAILED: "A gate failed on a run that you started or scheduled",
    EventKind.REPORT_READY: "A report that you asked for is ready",
    EventKind.SCHEDULE_FAILED: "A schedule of yours could not start its run",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Somebody to tell; without a user id somebody who is not registered yet and has no preferences."""

    address: str
    user_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is said of an event, in parts that page, text and HTML each arrange in their way. `path` begins with a slash.

    `why` says under a letter why it came, where that is not something the reader did and may switch off.
    """

    subject: str
    sentences: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    path: str = "/"
    link: str = "Open"
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that has happened to a subject, once. Who wants to hear of any of its `kinds` is told.

    `is_private` means that its link is a key: it goes by letter alone, and never onto a page.
    """

    kinds: tuple[str, ...]
    subject_id: UUID
    message: Message
    recipients: tuple[Recipient, ...]
    project_id: UUID | None = None
    is_private: bool = False
    id: UUID = field(init=False)

    def __post_init__(self) -> None:
        """The same event has the same id, however often it is told."""
        object.__setattr__(self, "id", event_id(self.kinds[0], self.subject_id))


def event_id(kind: str, subject_id: UUID) -> UUID:
    """The id that an event of this kind about this subject always has."""
    return uuid5(_EVENTS, f"{kind}:{subject_id}")
