"""What the pages of retention take."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from rhesis_app.kernel.errors import Invalid
from rhesis_app.retention.queries.archives import ArchiveView
from rhesis_app.retention.queries.recycle import RecycleFilter
from rhesis_app.retention.rules.assets import KINDS
from rhesis_app.retention.rules.keeping import CHOICES, Keeping


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepingForm:
    """Days as they were typed, and whether somebody has read what they erase."""

    result_days: str
    audit_days: str
    is_confirmed: bool


def recycle_filter(sent: Mapping[str, str], projects: Collection[UUID]) -> RecycleFilter:
    """The filter in an address; what is not known there is left out."""
    kind = next((key for key in KINDS if key == sent.get("kind")), None)
    project_id = next((one for one in projects if str(one) == sent.get("project")), None)
    return RecycleFilter(kind=kind, project_id=project_id)


def keeping_form(sent: Mapping[str, str]) -> KeepingForm:
    """The form as it was sent."""
    return KeepingForm(
        result_days=sent.get("result_days", "").strip(),
        audit_days=sent.get("audit_days", "").strip(),
        is_confirmed=sent.get("confirmed") == "true",
    )


def keeping_of_form(form: KeepingForm) -> Keeping:
    """What the form says; Invalid at a field that holds no number."""
    return Keeping(result_days=_days("result_days", form.result_days), audit_days=_days("audit_days", form.audit_days))


def day_options(current: int | None) -> list[tuple[str, str]]:
    """The choices, and the one that is set."""
    days = sorted({*CHOICES, *([current] if current is not None else [])})
    return [("", "For good"), *((str(one), f"{one:,} days") for one in days)]


def seen(archives: Iterable[ArchiveView]) -> str:
    """A digest of what the list shows, by which a page that watches knows whether anything has changed."""
    state = [(str(one.id), one.status, one.progress) for one in archives]
    return hashlib.sha256(repr(state).encode()).hexdigest()[:16]


def _days(name: str, typed: str) -> int | None:
    if not typed:
        return None
    if not (typed.isascii() and typed.isdigit() and len(typed) < 10):
        raise Invalid.field(name, "Give a whole number of days.")
    return int(typed)
