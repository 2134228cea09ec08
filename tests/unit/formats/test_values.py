"""Dates, limits and texts, which all formats share."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.formats.batch import ABSENT, COLUMNS, MISSING, PHYSICAL_RANGE
from worker.formats.elements import ELEMENTS, HIGHEST, LOWEST, MISSING_IN_FILE
from worker.formats.values import TEXT_KEPT, days_since_1970, name_of, out_of_range, parse_date, shown


@given(st.dates(datetime.date(1700, 1, 1), datetime.date(2200, 12, 31)))
def test_days_are_those_of_the_calendar(date: datetime.date) -> None:
    day, exists = days_since_1970(*(np.array([one], np.int32) for one in (date.year, date.month, date.day)))
    assert bool(exists[0])
    assert int(day[0]) == (date - datetime.date(1970, 1, 1)).days == parse_date(f"{date:%Y%m%d}")


@given(st.integers(0, 9999), st.integers(0, 99), st.integers(0, 99))
def test_dates_exist_or_not_in_both_ways(year: int, month: int, day: int) -> None:
    _, exists = days_since_1970(*(np.array([one], np.int32) for one in (year, month, day)))
    try:
        parse_date(f"{year:04d}{month:02d}{day:02d}")
    except ValueError:
        assert not exists[0]
    else:
        assert exists[0]


def test_all_days_of_all_years_are_those_of_the_calendar() -> None:
    first, last = datetime.date(1700, 1, 1), datetime.date(2200, 12, 31)
    dates = [first + datetime.timedelta(number) for number in range((last - first).days + 1)]
    parts = (np.array([getattr(one, part) for one in dates], np.int32) for part in ("year", "month", "day"))
    day, exists = days_since_1970(*parts)
    assert exists.all()
    assert day.dtype == np.int32
    assert np.array_equal(day, np.arange(len(dates)) + (first - datetime.date(1970, 1, 1)).days)


@pytest.mark.parametrize(
    ("year", "days"), [(1700, 28), (1800, 28), (1900, 28), (2000, 29), (2004, 29), (2100, 28), (2200, 28)]
)
def test_leap_years(year: int, days: int) -> None:
    parse_date(f"{year}02{days}")
    with pytest.raises(ValueError, match=f"the date {year}02{days + 1} does not exist"):
        parse_date(f"{year}02{days + 1}")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the date '' is not a number as YYYYMMDD"),
        ("2000-1-1", "the date '2000-1-1' is not a number as YYYYMMDD"),
        ("２０００0101", "the date '２０００0101' is not a number as YYYYMMDD"),  # noqa: RUF001 (digits, but no ASCII)
        ("x" * 100, f"the date '{'x' * 40}' is not a number as YYYYMMDD"),
        ("1" * 100, f"the date {'1' * 40} has 100 digits; a date is YYYYMMDD"),
        ("00000101", "the date 00000101 does not exist"),
        ("20001301", "the date 20001301 does not exist"),
        ("20000431", "the date 20000431 does not exist"),
        ("16991231", "the date 16991231 is outside the years 1700 to 2200"),
        ("22010101", "the date 22010101 is outside the years 1700 to 2200"),
    ],
)
def test_the_reason_why_a_date_is_none(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 (the whole text is compared below)
        parse_date(text)
    assert str(raised.value) == reason


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("tmax", 651, "the maximum temperature is 651 (65.1 degrees C), outside -100.0 to 65.0 degrees C"),
        ("tmin", -1001, "the minimum temperature is -1001 (-100.1 degrees C), outside -100.0 to 65.0 degrees C"),
        ("prcp", 20_001, "the precipitation is 20001 (2000.1 mm), outside 0.0 to 2000.0 mm"),
        ("snow", 5_001, "the snowfall is 5001 mm, outside 0 to 5000 mm"),
        ("snwd", -1, "the snow depth is -1 mm, outside 0 to 20000 mm"),
    ],
)
def test_what_cannot_be_is_told_with_its_limits(column: str, value: int, reason: str) -> None:
    assert out_of_range(column, value) == reason
    assert name_of(column) in reason


def test_no_possible_value_is_taken_for_none() -> None:
    assert set(PHYSICAL_RANGE) == set(COLUMNS) == set(ELEMENTS.values())
    for number, (low, high) in enumerate(PHYSICAL_RANGE[column] for column in COLUMNS):
        assert (low, high) == (LOWEST[number], HIGHEST[number])
        assert high <= np.iinfo(np.int16).max
        assert not {int(MISSING), int(ABSENT), MISSING_IN_FILE} & set(range(low, high + 1))


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"plain\ttext\r\n", "plain\ttext"),
        ("Köln".encode(), "Köln"),
        (b"\xff\xfe", "\\xff\\xfe"),
        (b"a\x00b\x07\r c", "a\\x00b\\x07\\r c"),
        (b"\xef\xbb\xbfa", "\\ufeffa"),
        (b"x" * 1_000_000, "x" * TEXT_KEPT),
    ],
)
def test_a_line_is_shown(line: bytes, text: str) -> None:
    assert shown(line) == text


@given(st.binary(max_size=700))
def test_what_is_shown_can_be_stored(line: bytes) -> None:
    text = shown(line)
    assert len(text) <= TEXT_KEPT
    assert text.replace("\t", "").isprintable()
