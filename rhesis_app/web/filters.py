"""Words and numbers as they stand on a page: pure functions, registered as Jinja filters by `templating`."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from rhesis_app.kernel.times import utc_now
from rhesis_app.scoring.words import MINUS, p_digits, signed_points

NONE = "–"
NBSP = "\u00a0"
THIN = "\u202f"

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
LONG_AGO = 9 * WEEK
SPANS = ((DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "min"), (MINUTE, "min", 1, "s"))


class Interval(Protocol):
    """Shares of 1 with the ends of their interval; all None where nothing was decided."""

    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _utc_second(moment: datetime, between: str) -> str:
    return _aware(moment).astimezone(UTC).replace(tzinfo=None).isoformat(between, "seconds")


def _span(seconds: float) -> str:
    """A distance in its largest unit: `12 s`, `2 min`, `3 h`, `4 d`, `5 w`."""
    for size, unit in ((WEEK, "w"), (DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= size * (2 if size == WEEK else 1):
            return f"{int(seconds // size)}{NBSP}{unit}"
    return f"{int(seconds)}{NBSP}s"


def relative_time(moment: datetime | None, now: datetime | None = None) -> str:
    """`2 min ago`, `yesterday`, `in 6 d`; past nine weeks the day itself. None is a dash."""
    if moment is None:
        return NONE
    ahead = (_aware(moment) - _aware(now or utc_now())).total_seconds()
    distance = abs(ahead)
    if distance >= LONG_AGO:
        return day(moment)
    if distance < 5:
        return "now" if ahead > 0 else "just now"
    if ahead > 0:
        return f"in {_span(distance)}"
    if DAY <= distance < 2 * DAY:
        return "yesterday"
    return f"{_span(distance)} ago"


def day(moment: datetime | None) -> str:
    """`18 Jun 2026` in UTC."""
    if moment is None:
        return NONE
    utc = _aware(moment).astimezone(UTC)
    return f"{utc.day}{NBSP}{utc:%b}{NBSP}{utc.year}"


def zone_time(moment: datetime | None, zone: str) -> str:
    """`Thu 18 Jun, 11:12` by the clocks of a zone, whose name stands beside it; so does how far off it is, or its year."""
    if moment is None:
        return NONE
    local = _aware(moment).astimezone(ZoneInfo(zone))
    return f"{local:%a}{NBSP}{local.day}{NBSP}{local:%b},{NBSP}{local:%H:%M}"


def absolute_time(moment: datetime | None) -> str:
    """`2026-06-18 09:12:04 UTC`, for titles."""
    if moment is None:
        return NONE
    return f"{_utc_second(moment, ' ')} UTC"


def machine_time(moment: datetime | None) -> str:
    """`2026-06-18T09:12:04Z`, for the `datetime` attribute."""
    if moment is None:
        return ""
    return f"{_utc_second(moment, 'T')}Z"


def duration_ms(milliseconds: float | None) -> str:
    """`180 ms`, `2.1 s`, `41 s`, `6 min 41 s`, `1 h 12 min`: two units at most."""
    if milliseconds is None:
        return NONE
    if milliseconds < 999.5:
        return f"{milliseconds:.0f}{NBSP}ms"
    if milliseconds < 9_950:
        return f"{milliseconds / 1000:.1f}{NBSP}s"
    seconds = round(milliseconds / 1000)
    if seconds < MINUTE:
        return f"{seconds}{NBSP}s"
    large, unit, small, small_unit = next(row for row in SPANS if seconds >= row[0])
    many, rest = divmod(seconds, large)
    first = f"{many}{NBSP}{unit}"
    return f"{first} {rest // small}{NBSP}{small_unit}" if rest >= small else first


def number(value: float | None, digits: int = 2) -> str:
    """A score: whole numbers without a point, others with `digits`, minus as U+2212."""
    if value is None:
        return NONE
    whole = float(value).is_integer()
    text = f"{abs(value):,.{0 if whole else digits}f}".replace(",", THIN)
    return f"{MINUS}{text}" if value < 0 else text


def integer(value: int | None) -> str:
    """`12 480` with a narrow no-break space between thousands."""
    return NONE if value is None else number(int(value))


def file_size(count: int | None) -> str:
    """`312 B`, `4.2 kB`, `83.9 MB`, in powers of a thousand as file managers count; None is a dash."""
    if count is None:
        return NONE
    size, unit = float(count), "B"
    for larger in ("kB", "MB", "GB"):
        if size < 999.95:
            break
        size, unit = size / 1000, larger
    return f"{count:,}{NBSP}B" if unit == "B" else f"{size:.1f}{NBSP}{unit}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 error`, `3 errors`; give `many` where an s is not enough."""
    word = one if count == 1 else (many or f"{one}s")
    return f"{integer(count)} {word}"


def counted_to(count: int, most: int, one: str) -> str:
    """As `counted`, and `more than 10,000 errors` where counting ended at `most`."""
    return f"more than {counted(most, one)}" if count > most else counted(count, one)


def percent(share: float | None, digits: int = 1) -> str:
    """`88.3 %` of a share of 1. A rate that is not quite all or nothing never rounds to 100 or 0."""
    if share is None:
        return NONE
    smallest = 10.0**-digits
    shown = round(share * 100, digits)
    if 0 < share < 1:
        shown = min(max(shown, smallest), 100 - smallest)
    return f"{shown:.{digits}f}{NBSP}%"


def interval(rate: Interval | None, digits: int = 1) -> str:
    """`[82.0, 92.5]` in percent from anything with `low` and `high` as shares of 1; empty where nothing was decided."""
    if rate is None or rate.low is None or rate.high is None:
        return ""
    return f"[{rate.low * 100:.{digits}f}, {rate.high * 100:.{digits}f}]"


def pretty_json(value: Any) -> str:
    """Indented JSON for a text area or a block of code: characters as they are, keys in their order."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def short_json(value: Any) -> str:
    """JSON on one line."""
    return json.dumps(value, ensure_ascii=False)


def field_text(value: Any, kind: str) -> str:
    """What a form field of a parameter shows: lists one a line, JSON indented, None empty, 5.0 as 5; text stays."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if kind == "list":
        return "\n".join(str(item) for item in value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return pretty_json(value) if kind == "json" else str(value)


def as_options(choices: Iterable[Any], *, is_required: bool = True) -> list[tuple[Any, Any]]:
    """(value, label) pairs of plain choices or of pairs; a choice that may stay empty begins with an empty one."""
    pairs = [(choice, choice) if isinstance(choice, str) else tuple(choice) for choice in choices]
    return pairs if is_required or any(value == "" for value, _ in pairs) else [("", NONE), *pairs]


def dom_id(name: str) -> str:
    """A field's name as an element id: `params.words` becomes `params-words`."""
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "-" for letter in name)


def p_value(found: float | None, flips: int) -> str:
    """A p-value, or why there is none: with fewer than six flips the test cannot tell."""
    if found is not None:
        return p_digits(found)
    return "too few flips" if flips else "no flips"


FILTERS = {
    "relative_time": relative_time,
    "day": day,
    "absolute_time": absolute_time,
    "zone_time": zone_time,
    "machine_time": machine_time,
    "duration_ms": duration_ms,
    "number": number,
    "integer": integer,
    "counted": counted,
    "counted_to": counted_to,
    "file_size": file_size,
    "percent": percent,
    "interval": interval,
    "points": signed_points,
    "p_value": p_value,
    "pretty_json": pretty_json,
    "short_json": short_json,
    "field_text": field_text,
    "as_options": as_options,
    "dom_id": dom_id,
}
