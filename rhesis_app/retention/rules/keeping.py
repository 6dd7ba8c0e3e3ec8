"""How long an organization keeps what it found."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rhesis_app.kernel.errors import Invalid

DAYS: Final = (7, 3650)
CHOICES: Final = (30, 90, 180, 365, 730)
"""What the page offers; over the API any number of days may be set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """For how many days results, and entries of the audit log, are kept; None keeps them for good."""

    result_days: int | None = None
    audit_days: int | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Keeping":
        """As an organization's settings say it; what is no number of days there keeps for good."""
        return cls(result_days=_days(settings, "result_days"), audit_days=_days(settings, "audit_days"))


def check_keeping(keeping: Keeping) -> None:
    """Raise Invalid at the fields whose number of days cannot be taken."""
    least, most = DAYS
    wrong = {
        name: [f"Give {least:,} to {most:,} days, or nothing to keep them for good."]
        for name in ("result_days", "audit_days")
        if (days := getattr(keeping, name)) is not None and not least <= days <= most
    }
    if wrong:
        raise Invalid("Some fields need another look.", errors=wrong)


def _days(settings: Mapping[str, Any], name: str) -> int | None:
    days = settings.get(name)
    return days if isinstance(days, int) and not isinstance(days, bool) else None
