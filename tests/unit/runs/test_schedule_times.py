"""When schedules fire: cron expressions by the clocks of a zone, through the days on which clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhesis_app.kernel.errors import Invalid
from rhesis_app.runs.rules.schedules import MIN_GAP_MINUTES, check_cron, check_zone, next_fires, time_zones

BERLIN = "Europe/Berlin"


def fires(cron: str, zone: str, after: str, count: int = 3) -> list[str]:
    """The next times, as the zone's clocks show them."""
    found = next_fires(check_cron(cron), check_zone(zone), datetime.fromisoformat(after).astimezone(UTC), count)
    return [moment.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes") for moment in found]


def test_times_are_those_of_the_zones_clocks_summer_and_winter() -> None:
    assert fires("30 6 * * 1-5", BERLIN, "2026-03-26T12:00+00:00") == [
        "2026-03-27T06:30+01:00",
        "2026-03-30T06:30+02:00",
        "2026-03-31T06:30+02:00",
    ]


def test_a_time_that_does_not_exist_comes_at_the_next_instant_that_does() -> None:
    assert fires("30 2 * * *", BERLIN, "2026-03-28T12:00+00:00", 2) == [
        "2026-03-29T03:00+02:00",
        "2026-03-30T02:30+02:00",
    ]


def test_several_times_that_do_not_exist_come_once() -> None:
    assert fires("*/15 2,3 * * *", BERLIN, "2026-03-29T00:30+00:00", 3) == [
        "2026-03-29T03:00+02:00",
        "2026-03-29T03:15+02:00",
        "2026-03-29T03:30+02:00",
    ]


@pytest.mark.parametrize("after", ["2026-10-24T12:00+00:00", "2026-10-25T00:29:59+00:00", "2026-10-25T02:29+02:00"])
def test_a_time_that_exists_twice_comes_the_first_time_only(after: str) -> None:
    assert fires("30 2 * * *", BERLIN, after, 2) == ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]


def test_after_the_first_of_two_the_second_does_not_come() -> None:
    for after in ("2026-10-25T02:30+02:00", "2026-10-25T02:10+01:00", "2026-10-25T02:45+01:00"):
        assert fires("30 2 * * *", BERLIN, after, 1) == ["2026-10-26T02:30+01:00"]


def test_a_day_that_a_zone_left_out_comes_when_it_is_over() -> None:
    """Samoa had no 30 December 2011."""
    assert fires("0 12 30 12 *", "Pacific/Apia", "2011-12-29T12:00+00:00", 1) == ["2011-12-31T00:00+14:00"]


def test_half_hours_of_difference_are_right_too() -> None:
    assert fires("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00+00:00", 1) == ["2026-10-04T02:30+11:00"]


@given(
    minute=st.integers(0, 59),
    hour=st.one_of(st.just("*"), st.integers(0, 23).map(str), st.just("1-4"), st.just("*/7")),
    day=st.sampled_from(["*", "1", "29", "L", "*/10"]),
    weekday=st.sampled_from(["*", "1-5", "SUN", "5L", "1#2"]),
    zone=st.sampled_from(
        [BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC", "Africa/Casablanca"]
    ),
    after=st.integers(0, 90 * 366 * 86_400).map(
        lambda seconds: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    ),
)
def test_the_next_time_is_always_later_and_the_same_whoever_asks_in_between(
    minute: int, hour: str, day: str, weekday: str, zone: str, after: datetime
) -> None:
    cron = check_cron(f"{minute} {hour} {day} * {weekday}")
    times = next_fires(cron, zone, after, 4)
    assert [after, *times] == sorted({after, *times})
    assert next_fires(cron, zone, times[0] - timedelta(seconds=1)) == times[:1]
    assert next_fires(cron, zone, times[0], 3) == times[1:]


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("", "Give five fields: minute, hour, day of the month, month, weekday."),
        ("* * * *", "Give five fields"),
        ("0 0 6 * * *", "Give five fields"),
        ("@daily", "Give five fields"),
        ("60 6 * * *", "The minute does not fit."),
        ("0 24 * * *", "The hour does not fit."),
        ("0 6 32 * *", "The day of the month does not fit."),
        ("0 6 30 2 *", "The day of the month does not fit."),
        ("0 6 * 13 *", "The month does not fit."),
        ("0 6 * * MON-XYZ", "The weekday does not fit."),
        ("0 6 * * 1;2", "The weekday does not fit."),
        ("0/0 6 * * *", "The minute does not fit."),
        ("0 6 */30 2 1L", "No day fits this."),
        (f"{'9' * 100} 6 * * *", "The minute does not fit."),
        (f"{','.join('1' * 80)} 6 * * *", "Give five fields"),
    ],
)
def test_what_cannot_be_read_says_what_is_right_with_an_example(cron: str, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_cron(cron)
    (message,) = caught.value.errors["cron"]
    assert message.startswith(said)
    assert "“0 6 * * 1-5”: at 06:00 from Monday to Friday" in message


@pytest.mark.parametrize("cron", ["* * * * *", "*/4 6 * * *", "0,3 6 1 1 *", "58,2 * * * *", "2,58 0,23 * * *"])
def test_more_often_than_every_five_minutes_is_refused(cron: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_cron(cron)
    assert caught.value.errors["cron"][0].startswith(f"Leave at least {MIN_GAP_MINUTES} minutes")


@pytest.mark.parametrize(
    ("cron", "kept"),
    [("*/5 * * * *", "*/5 * * * *"), (" 0  6\t* * mon ", "0 6 * * mon"), ("58,2 6 * * *", "58,2 6 * * *")],
)
def test_what_is_right_is_kept_with_single_spaces(cron: str, kept: str) -> None:
    assert check_cron(cron) == kept


@pytest.mark.parametrize(
    "name", ["", "Berlin", "europe/berlin", "Europe/Berlin\0", "../../etc/passwd", "+02:00", "Europe"]
)
def test_a_zone_that_there_is_not_is_refused_with_an_example(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_zone(name)
    assert caught.value.errors["time_zone"] == ["Give a time zone by its IANA name, such as Europe/Berlin or UTC."]


def test_every_zone_that_is_offered_can_be_used() -> None:
    noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
    assert len(time_zones()) > 400
    assert all(next_fires("0 6 * * *", zone, noon)[0] > noon for zone in time_zones())
