"""Words and numbers on a page."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from rhesis_app.web import filters

NOW = datetime(2026, 6, 18, 11, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Ends:
    low: float | None
    high: float | None


def plain(text: str) -> str:
    """Typographic spaces as plain ones, so that the expectations can be read."""
    return text.replace(filters.NBSP, " ").replace(filters.THIN, " ")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (4.9, "just now"),
        (12, "12 s ago"),
        (59.9, "59 s ago"),
        (60, "1 min ago"),
        (7_199, "1 h ago"),
        (86_399, "23 h ago"),
        (86_400, "yesterday"),
        (2 * 86_400, "2 d ago"),
        (13 * 86_400, "13 d ago"),
        (14 * 86_400, "2 w ago"),
        (63 * 86_400, "16 Apr 2026"),
        (-3, "now"),
        (-90, "in 1 min"),
        (-6 * 86_400 - 1, "in 6 d"),
        (-90 * 86_400, "16 Sep 2026"),
    ],
)
def test_a_moment_is_told_by_its_distance(seconds: float, words: str) -> None:
    assert plain(filters.relative_time(NOW - timedelta(seconds=seconds), NOW)) == words


def test_a_moment_by_the_clocks_of_a_zone_has_its_weekday_and_day_there() -> None:
    late = datetime(2026, 6, 18, 22, 30, tzinfo=UTC)
    assert plain(filters.zone_time(late, "Europe/Berlin")) == "Fri 19 Jun, 00:30"
    assert plain(filters.zone_time(late, "America/New_York")) == "Thu 18 Jun, 18:30"
    assert filters.zone_time(None, "UTC") == filters.NONE


def test_a_moment_without_a_zone_is_utc() -> None:
    naive = datetime(2026, 6, 18, 10, 12, 0)  # noqa: DTZ001 - what a driver may hand over
    assert plain(filters.relative_time(naive, NOW)) == "1 h ago"
    assert filters.absolute_time(naive) == "2026-06-18 10:12:00 UTC"


def test_other_zones_are_shown_in_utc() -> None:
    east = NOW.astimezone(datetime.strptime("+0200", "%z").tzinfo)
    assert filters.absolute_time(east) == "2026-06-18 11:12:00 UTC"
    assert filters.machine_time(east) == "2026-06-18T11:12:00Z"


def test_nothing_is_a_dash() -> None:
    assert filters.relative_time(None) == filters.absolute_time(None) == filters.day(None) == "–"
    assert filters.duration_ms(None) == filters.percent(None) == filters.integer(None) == filters.number(None) == "–"
    assert filters.machine_time(None) == filters.interval(None) == ""


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (0, "0 ms"),
        (180.4, "180 ms"),
        (999.4, "999 ms"),
        (999.6, "1.0 s"),
        (2_099, "2.1 s"),
        (9_951, "10 s"),
        (59_600, "1 min"),
        (401_000, "6 min 41 s"),
        (3_600_000, "1 h"),
        (4_320_000, "1 h 12 min"),
        (86_400_000, "1 d"),
        (93_600_000, "1 d 2 h"),
    ],
)
def test_a_duration_has_two_units_at_most(milliseconds: float, words: str) -> None:
    assert plain(filters.duration_ms(milliseconds)) == words


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.8828, "88.3 %"), (1, "100.0 %"), (0, "0.0 %"), (0.99999, "99.9 %"), (0.00001, "0.1 %"), (0.5, "50.0 %")],
)
def test_a_rate_never_rounds_to_all_or_nothing(share: float, words: str) -> None:
    assert plain(filters.percent(share)) == words


def test_the_percent_sign_does_not_break_off() -> None:
    assert filters.percent(0.883) == "88.3\u00a0%"


def test_an_interval_stands_in_percent() -> None:
    assert filters.interval(Ends(0.8203, 0.925)) == "[82.0, 92.5]"
    assert filters.interval(Ends(None, None)) == ""


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.42, "0.42"),
        (4.0, "4"),
        (-2.1, "\u22122.10"),
        (-3, "\u22123"),
        (12_480, "12\u202f480"),
        (1_234.5, "1\u202f234.50"),
    ],
)
def test_numbers_are_grouped_thinly_with_a_real_minus(value: float, words: str) -> None:
    assert filters.number(value) == words


def test_counts_carry_their_word() -> None:
    assert filters.counted(1, "error") == "1 error"
    assert filters.counted(3, "error") == "3 errors"
    assert plain(filters.counted(1_388, "entry", "entries")) == "1 388 entries"


def test_what_a_person_typed_stays_in_the_field() -> None:
    assert filters.field_text("{not json", "json") == "{not json"
    assert filters.field_text(["a", "b"], "list") == "a\nb"
    assert filters.field_text({"ä": 1}, "json") == '{\n  "ä": 1\n}'
    assert filters.field_text(None, "text") == ""
    assert filters.field_text(3, "integer") == "3"


def test_an_optional_choice_may_stay_empty() -> None:
    assert filters.as_options(["any", "all"]) == [("any", "any"), ("all", "all")]
    assert filters.as_options([("a", "A")], is_required=False) == [("", "–"), ("a", "A")]
    assert filters.as_options([("", "Default"), ("a", "A")], is_required=False) == [("", "Default"), ("a", "A")]


def test_field_names_become_ids() -> None:
    assert filters.dom_id("f-params.words[0]") == "f-params-words-0-"
