"""The list of stations, NCEI daily summaries, and what all formats share."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.formats.reading import rejects, rows
from worker.formats import ghcn_stations
from worker.formats.daily_summaries import DailySummariesReader
from worker.formats.ghcn_stations import StationDescription
from worker.formats.values import days_since_1970, parse_date

LINE = f"USC00110072  41.1947  -90.7442  224.6 IL {'ALEDO':<30}     HCN 72528"


def test_a_station() -> None:
    batch = ghcn_stations.read(f"{LINE}\n\n{LINE[:31]}-999.9\r\n".encode(), 1)
    assert batch.stations == [
        StationDescription("USC00110072", "ALEDO", 41.1947, -90.7442, 224.6, "IL", "72528"),
        StationDescription("USC00110072", None, 41.1947, -90.7442, None, None, None),
    ]
    assert (batch.lines_read, batch.rejected) == (2, [])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"ALEDO", "'ALEDO' in columns 1 to 11 is no station of GHCN-Daily"),
        (
            LINE.replace("41.1947", "91.1947").encode(),
            "the latitude '91.1947' in columns 13 to 20 is no number from -90 to 90",
        ),
        (
            LINE.replace("-90.7442", "        ").encode(),
            "the longitude '' in columns 22 to 30 is no number from -180 to 180",
        ),
        (LINE.encode() + b"\xff", "it is no UTF-8"),
    ],
)
def test_the_reason_why_a_station_cannot_be_read(line: bytes, reason: str) -> None:
    batch = ghcn_stations.read(line, 3)
    assert [(one.line, one.reason) for one in batch.rejected] == [(3, reason)]
    assert batch.stations == []


HEADER = b'"STATION","NAME","DATE","PRCP","SNOW","SNWD","TMAX","TMIN","TMAX_ATTRIBUTES"\n'


@pytest.mark.parametrize(
    ("units", "values"),
    [
        ("standard", {"tmax": 89, "tmin": 33, "prcp": 114, "snow": 51, "snwd": None}),
        ("metric", {"tmax": 480, "tmin": 380, "prcp": 5, "snow": 2, "snwd": None}),
    ],
)
def test_daily_summaries(units: str, values: dict[str, int | None]) -> None:
    line = b'"USW00025333","SITKA AIRPORT, AK US","2018-01-01","0.45","2.0",,"48","38",",,W"\n'
    batch = DailySummariesReader(units).read(HEADER + line, 1)
    assert rows(batch) == [(2, "USW00025333", "2018-01-01", values)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'"USW00025333","S","2018-01-01"\n', "3 fields instead of the 9 of the header"),
        (b'"","S","2018-01-01",,,,,,\n', "'' is no code of a station"),
        (b'"USW00025333","S","2018-02-30",,,,,,\n', "the date 20180230 does not exist"),
        (b'"USW00025333","S","2018-01-01",wet,,,,,\n', "the precipitation 'wet' is not a number"),
        (
            b'"USW00025333","S","2018-01-01",,,,999,,\n',
            "the maximum temperature is 5372 (537.2 degrees C), outside -100.0 to 65.0 degrees C",
        ),
        (b'"USW00025333","S\xff","2018-01-01",,,,1,,\n', "it is no UTF-8"),
        (b'"USW00025333","S,"2018-01-01",,,,1,,\n', "it is no line of CSV: ',' expected after '\"'"),
    ],
)
def test_the_reason_why_a_summary_cannot_be_read(line: bytes, reason: str) -> None:
    batch = DailySummariesReader("standard").read(HEADER + b"\n" + line, 1)
    assert rejects(batch) == [(3, reason)]
    assert (batch.lines_read, len(batch.day)) == (1, 0)


def test_a_summary_that_failed_a_check_is_left_out() -> None:
    line = b'"USW00025333","S","2018-01-01","0.45",,,"48","38",",X,W"\n'
    batch = DailySummariesReader("standard").read(HEADER + line, 1)
    assert rows(batch)[0][3]["tmax"] is None
    assert batch.flagged == 1


def test_the_real_summaries(weather_data: Callable[[str], Path]) -> None:
    content = (weather_data("ghcn_daily") / "ncei_daily_summaries_sitka_2018.csv").read_bytes()
    batch = DailySummariesReader("standard").read(content, 1)
    assert (batch.lines_read, len(batch.rejected)) == (len(content.splitlines()) - 1, 0)


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
