"""A range of dates as whole years and what is to be counted besides."""

from __future__ import annotations

import datetime as dt

from hypothesis import example, given
from hypothesis import strategies as st

from app.series import whole_years

dates = st.dates(dt.date(1996, 1, 1), dt.date(2001, 12, 31))


@given(dates, dates)
@example(dt.date(1996, 1, 1), dt.date(2001, 12, 31))
@example(dt.date(1996, 1, 1), dt.date(1996, 12, 31))
@example(dt.date(1996, 6, 30), dt.date(1999, 7, 1))
@example(dt.date(1996, 7, 1), dt.date(1997, 6, 30))
def test_each_day_of_the_range_is_counted_once(one: dt.date, other: dt.date) -> None:
    low, high = min(one, other), max(one, other)
    (first, last), parts = whole_years(low, high)
    counted: dict[dt.date, int] = {}
    for year in range(first, last + 1):
        add(counted, dt.date(year, 1, 1), dt.date(year, 12, 31), 1)
    for year, from_day, to_day, sign in parts:
        assert from_day.year == to_day.year == year
        assert low.year == high.year or (to_day - from_day).days < 184
        add(counted, from_day, to_day, sign)
    assert {day for day, count in counted.items() if count} == set(days(low, high))
    assert set(counted.values()) <= {0, 1}


def days(low: dt.date, high: dt.date) -> list[dt.date]:
    return [low + dt.timedelta(days=n) for n in range((high - low).days + 1)]


def add(counted: dict[dt.date, int], low: dt.date, high: dt.date, sign: int) -> None:
    for day in days(low, high):
        counted[day] = counted.get(day, 0) + sign


def test_all_of_time_is_whole_years() -> None:
    assert whole_years(dt.date.min, dt.date.max) == ((1, 9999), [])
