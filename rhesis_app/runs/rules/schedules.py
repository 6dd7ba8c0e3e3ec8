"""When a schedule fires: cron expressions read by the clocks of a time zone.

Times are computed as a clock on the wall shows them and then placed on the time line: one that the zone leaves out comes
at the first instant after the gap, one that it has twice comes the first time only.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from rhesis_app.kernel.errors import Invalid

MIN_GAP_MINUTES: Final = 5
MAX_CRON: Final = 120
PREVIEWED: Final = 5
_FIELDS = ("minute", "hour", "day of the month", "month", "weekday")
_EXAMPLE = "Such as “0 6 * * 1-5”: at 06:00 from Monday to Friday."
_ANY_DAY = datetime(2000, 1, 1)  # noqa: DTZ001 a clock on the wall has no zone
_MINUTE = timedelta(minutes=1)
_SOME_FIRES = 400


def check_times(cron: str, time_zone: str) -> tuple[str, str]:
    """Both as they are kept. Raises Invalid at each of the two that is wrong."""
    wrong: dict[str, list[str]] = {}
    checked = []
    for check, text in ((check_cron, cron), (check_zone, time_zone)):
        try:
            checked.append(check(text))
        except Invalid as error:
            wrong |= error.errors
    if wrong:
        raise Invalid(" ".join(said for texts in wrong.values() for said in texts), errors=wrong)
    return checked[0], checked[1]


def check_cron(text: str) -> str:
    """The expression with single spaces. Raises Invalid at `cron`, saying what is right."""
    words = text.split()
    if len(words) != len(_FIELDS) or len(text) > MAX_CRON:
        raise Invalid.field("cron", f"Give five fields: {', '.join(_FIELDS)}. {_EXAMPLE}")
    cron = " ".join(words)
    if next(_wall_clock(cron, _ANY_DAY), None) is None:
        raise Invalid.field("cron", f"No day fits this. {_EXAMPLE}")
    if _comes_too_often(cron):
        raise Invalid.field(
            "cron",
            f"Leave at least {MIN_GAP_MINUTES} minutes between two runs. Such as “*/15 * * * *”: every 15 minutes.",
        )
    return cron


def check_zone(name: str) -> str:
    """The zone's name as the tz database has it. Raises Invalid at `time_zone`."""
    trimmed = name.strip()
    if trimmed not in time_zones():
        raise Invalid.field("time_zone", "Give a time zone by its IANA name, such as Europe/Berlin or UTC.")
    return trimmed


@lru_cache(maxsize=1)
def time_zones() -> tuple[str, ...]:
    """Every zone there is, by name."""
    return tuple(sorted(available_timezones()))


def next_fires(cron: str, time_zone: str, after: datetime, count: int = 1) -> tuple[datetime, ...]:
    """The next times after an instant, in UTC and strictly ascending; `cron` and `time_zone` as the checks gave them."""
    return tuple(islice(_instants(cron, ZoneInfo(time_zone), after), count))


def _instants(cron: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    last = after.astimezone(UTC)
    for shown in _wall_clock(cron, last.astimezone(zone).replace(tzinfo=None, fold=0)):
        instant = _instant(shown, zone)
        if instant > last:
            yield instant
            last = instant


def _instant(shown: datetime, zone: ZoneInfo) -> datetime:
    """The first instant at which the zone's clocks show this time or, when they leave it out, a later one."""
    early, late = sorted(shown.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    while early < late and early.astimezone(zone).replace(tzinfo=None) < shown:
        early += _MINUTE
    return early


def _wall_clock(cron: str, after: datetime) -> Iterator[datetime]:
    """The times after `after` that fit. Raises Invalid when the expression cannot be read."""
    try:
        return CronSim(cron, after)
    except (CronSimError, ValueError, AssertionError) as error:
        said = str(error).removeprefix("Bad ").replace("-", " ").replace("day of month", "day of the month")
        name = said.replace("day of week", "weekday")
        what = f"The {name} does not fit." if name in _FIELDS else "This cannot be read."
        raise Invalid.field("cron", f"{what} {_EXAMPLE}") from error


def _comes_too_often(cron: str) -> bool:
    times = islice(_wall_clock(cron, _ANY_DAY), _SOME_FIRES)
    return any(later - earlier < MIN_GAP_MINUTES * _MINUTE for earlier, later in pairwise(times))
