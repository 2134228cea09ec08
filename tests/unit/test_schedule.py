"""Cron lines and time zones read as crontab(5) says."""

from __future__ import annotations

import datetime
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.cron import cron, next_run, time_zone
from worker.schedule import run_schedule

MONDAY = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)


def runs(text: str, count: int, zone: str = "UTC", after: datetime.datetime = MONDAY) -> list[datetime.datetime]:
    found: list[datetime.datetime] = []
    for _ in range(count):
        found.append(next_run(text, zone, found[-1] if found else after))
    return found


def days(text: str, count: int) -> list[str]:
    return [f"{run:%a %d %b}" for run in runs(text, count)]


@pytest.mark.parametrize("text", ["0 0 * * {}"])
@pytest.mark.parametrize(
    ("weekday", "expected"),
    [
        ("0", ["Sun"]),
        ("7", ["Sun"]),
        ("1", ["Mon"]),
        ("6", ["Sat"]),
        ("SUN", ["Sun"]),
        ("mon", ["Mon"]),
        ("1-5", ["Tue", "Wed", "Thu", "Fri", "Mon"]),
        ("mon-fri", ["Tue", "Wed", "Thu", "Fri", "Mon"]),
        ("fri-sun", ["Fri", "Sat", "Sun", "Fri"]),
        ("5-7", ["Fri", "Sat", "Sun", "Fri"]),
        ("0-1", ["Sun", "Mon", "Sun"]),
        ("sun-tue", ["Tue", "Sun", "Mon", "Tue"]),
        ("0,7", ["Sun", "Sun"]),
        ("*/2", ["Tue", "Thu", "Sat", "Sun", "Tue"]),
        ("1-5/2", ["Wed", "Fri", "Mon"]),
        ("tue,4", ["Tue", "Thu", "Tue"]),
    ],
)
def test_weekdays_are_crons_not_apschedulers(text: str, weekday: str, expected: list[str]) -> None:
    assert [day.split()[0] for day in days(text.format(weekday), len(expected))] == expected


def test_a_day_of_the_month_with_a_weekday_means_either() -> None:
    assert days("0 0 13 * fri", 4) == ["Fri 05 Jan", "Fri 12 Jan", "Sat 13 Jan", "Fri 19 Jan"]
    assert days("0 0 31 2 mon", 2) == ["Mon 05 Feb", "Mon 12 Feb"]


def test_the_other_fields() -> None:
    assert [f"{run:%H:%M}" for run in runs("*/20 6,18-19 * * *", 7)] == [
        "06:00",
        "06:20",
        "06:40",
        "18:00",
        "18:20",
        "18:40",
        "19:00",
    ]
    assert days("0 0 1 jan,6 *", 3) == ["Sat 01 Jun", "Wed 01 Jan", "Sun 01 Jun"]
    assert days("0 0 29 2 *", 1) == ["Thu 29 Feb"]
    assert days("0 0 1-31/15 * *", 4) == ["Tue 16 Jan", "Wed 31 Jan", "Thu 01 Feb", "Fri 16 Feb"]


def test_the_next_run_is_after_the_time_given() -> None:
    six = MONDAY.replace(hour=6)
    assert next_run("0 6 * * *", "UTC", six - datetime.timedelta(seconds=1)) == six
    assert next_run("0 6 * * *", "UTC", six) == six + datetime.timedelta(days=1)
    with pytest.raises(ValueError, match="no time zone"):
        next_run("0 6 * * *", "UTC", six.replace(tzinfo=None))


def test_the_time_zone_is_that_of_the_schedule() -> None:
    found = next_run("0 6 * * *", "America/Chicago", MONDAY)
    assert found.isoformat() == "2024-01-01T06:00:00-06:00"


def test_a_day_is_run_once_when_the_clock_leaves_its_hour_out() -> None:
    before = datetime.datetime(2024, 3, 9, 12, tzinfo=datetime.UTC)
    found = runs("30 2 * * *", 2, "America/New_York", before)
    assert [run.isoformat() for run in found] == ["2024-03-10T03:30:00-04:00", "2024-03-11T02:30:00-04:00"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "0 fields instead of 5"),
        ("@daily", "1 fields instead of 5"),
        ("0 6 * * ? *", "6 fields instead of 5"),
        ("60 6 * * *", "minute: 60 is not between 0 and 59"),
        ("0 24 * * *", "hour: 24 is not between 0 and 23"),
        ("0 0 0 * *", "day of the month: 0 is not between 1 and 31"),
        ("0 0 * 13 *", "month: 13 is not between 1 and 12"),
        ("0 0 * * 8", "day of the week: 8 is not between 0 and 7"),
        ("0 0 * * monday", "day of the week: 'monday' is not a number or a name"),
        ("0 0 ? * *", "day of the month: '\\?' is not a number"),
        ("0 six * * *", "hour: 'six' is not a number"),
        ("0 -1 * * *", "hour: '' is not a number"),
        ("0 1,,2 * * *", "hour: '' is not a number"),
        ("٣ 0 * * *", "minute: '٣' is not a number"),
        ("0 0 * * fri-mon", "fri-mon runs backwards"),
        ("0 22-2 * * *", "hour: 22-2 runs backwards"),
        ("*/0 * * * *", "minute: the step '0' is not between 1 and 60"),
        ("*/90 * * * *", "minute: the step '90' is not between 1 and 60"),
        ("*/x * * * *", "minute: the step 'x' is not"),
        ("5/15 * * * *", "minute: 5/15: a step needs a range or \\*, such as 5-59/15"),
        ("0 0 31 2 *", "no month of 2 has a day 31"),
        ("0 0 31 4,jun *", "no month of 4,jun has a day 31"),
        ("0 0 */2 * 1", "some crons take days that are both, others days that are either"),
        ("0 0 1 * */2", "some crons"),
    ],
)
def test_what_is_no_schedule_is_refused_with_its_reason(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        cron(text)


def test_a_schedule_is_itself() -> None:
    assert cron(" 0 6 * * * ") == "0 6 * * *"


@given(
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    day=st.integers(1, 28),
    month=st.integers(1, 12),
    after=st.integers(631_152_000, 4_102_444_800),  # seconds: 1990 to 2100
)
def test_a_date_and_time_of_the_year_is_met(minute: int, hour: int, day: int, month: int, after: int) -> None:
    start = datetime.datetime.fromtimestamp(after, datetime.UTC)
    found = next_run(f"{minute} {hour} {day} {month} *", "UTC", start)
    assert (found.minute, found.hour, found.day, found.month) == (minute, hour, day, month)
    assert datetime.timedelta(0) < found - start <= datetime.timedelta(days=366)


@given(
    st.text(max_size=30)
    | st.lists(st.sampled_from(["*", "*/2", "0", "1-5", "31", "2"]), min_size=5, max_size=5).map(" ".join)
)
def test_any_text_is_a_schedule_or_a_value_error(text: str) -> None:
    try:
        accepted = cron(text)
    except ValueError:
        return
    assert next_run(accepted, "UTC", MONDAY) > MONDAY


def test_time_zones() -> None:
    assert time_zone("Europe/Paris ") == "Europe/Paris"
    assert time_zone("UTC") == "UTC"
    for text in ("", "Mars/Olympus", "America", "../UTC", "/etc/localtime", "\0", "x" * 5000, "UTC+2"):
        with pytest.raises(ValueError, match="no time zone of the IANA database"):
            time_zone(text)


def test_every_zone_of_the_database_is_accepted() -> None:
    assert all(time_zone(name) == name for name in zoneinfo.available_timezones())


def test_a_malformed_schedule_is_refused_before_anything_starts() -> None:
    with pytest.raises(ValueError, match="2 fields instead of 5"):
        run_schedule(lambda *_: None, cron="0 6", timezone="UTC", run_at_start=True)
    with pytest.raises(ValueError, match="no time zone"):
        run_schedule(lambda *_: None, cron="0 6 * * *", timezone="Nowhere", run_at_start=True)
