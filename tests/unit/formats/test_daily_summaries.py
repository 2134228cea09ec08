"""NCEI daily summaries: their units are configured, their columns are named by a header."""

from __future__ import annotations

import csv
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.formats.reading import everything, in_pieces, line_by_line, rejects, rows
from worker.formats import ReadOptions, UnrecognisedFileError, recognise
from worker.formats.batch import COLUMNS
from worker.formats.daily_summaries import DailySummariesReader

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


def test_the_real_summaries_are_converted_as_by_hand(weather_data: Callable[[str], Path]) -> None:
    path = weather_data("ghcn_daily") / "ncei_daily_summaries_sitka_2018.csv"
    found = {row[2]: row[3] for row in rows(DailySummariesReader("standard").read(path.read_bytes(), 1))}
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(found) == len(lines) == 405
    for line in lines:
        for column, fahrenheit in (("tmax", line["TMAX"]), ("tmin", line["TMIN"])):
            exact = (Decimal(fahrenheit) - 32) * 50 / 9 if fahrenheit else None
            assert found[line["DATE"]][column] == (exact and int(exact.to_integral_value(ROUND_HALF_UP)))
        exact = Decimal(line["PRCP"]) * 254 if line["PRCP"] else None
        assert found[line["DATE"]]["prcp"] == (exact if exact is None else int(exact.to_integral_value(ROUND_HALF_UP)))


USUAL = b'"USW00025333","SITKA AIRPORT, AK US","2018-01-01","0.5",,,"4.8","-3.8",",,W"\n'
VALUES = {"tmax": 48, "tmin": -38, "prcp": 5, "snow": None, "snwd": None}


@pytest.mark.parametrize(
    "content",
    [
        HEADER + USUAL,
        (HEADER + USUAL).replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + HEADER + USUAL.rstrip(),
        HEADER.replace(b'"', b"") + b"USW00025333,SITKA,20180101,0.5,,,4.8,-3.8,\n",
        HEADER.lower() + b"\n \n" + USUAL,
        HEADER + b'"USW00025333","S","2018-01-01"," 0.5 ",,," 4.8","-3.8",",, W"\n',
        b"STATION,DATE,TMIN,TMAX,AWND,PRCP,SNOW,SNWD\nUSW00025333,2018-01-01,-3.8,4.8,9.9,0.5,,\n",
    ],
)
def test_harmless_differences(content: bytes) -> None:
    batch = DailySummariesReader("metric").read(content, 1)
    assert [row[1:] for row in rows(batch)] == [("USW00025333", "2018-01-01", VALUES)]
    assert (batch.lines_read, batch.rejected, batch.flagged) == (1, [], 0)


def test_a_second_header_holds_from_there_on() -> None:
    content = b"STATION,DATE,TMAX\nA B,2018-01-01,1\nSTATION,TMIN,DATE\nKoln,2,2018-01-02\n"
    assert rows(DailySummariesReader("metric").read(content, 1)) == [
        (2, "A B", "2018-01-01", {"tmax": 10}),
        (4, "Koln", "2018-01-02", {"tmin": 20}),
    ]


def test_a_file_of_other_elements_says_nothing() -> None:
    batch = DailySummariesReader("metric").read(b"STATION,DATE,AWND\nUSW00025333,2018-01-01,3.2\n", 1)
    assert (rows(batch), batch.lines_read, batch.rejected, batch.stations) == ([], 1, [], [])


@pytest.mark.parametrize(
    ("units", "column", "text", "value"),
    [
        ("standard", "TMAX", "32", 0),
        ("standard", "TMAX", "-40", -400),
        ("standard", "TMAX", "33", 6),  # 0.5556 degrees C
        ("standard", "PRCP", "0.01", 3),  # 2.54 tenths of a mm
        ("standard", "SNWD", "0.1", 3),  # 2.54 mm
        ("metric", "TMAX", "-0.05", -1),  # a half is rounded away from 0
        ("metric", "PRCP", "0.25", 3),
        ("metric", "SNOW", "12.5", 13),
        ("metric", "PRCP", "2000", 20_000),
    ],
)
def test_units(units: str, column: str, text: str, value: int) -> None:
    content = f"STATION,DATE,{column}\nUSW00025333,2018-01-01,{text}\n".encode()
    [row] = rows(DailySummariesReader(units).read(content, 1))
    assert row[3] == {column.lower(): value}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("U,2018-01-01,２", "the maximum temperature '２' is not a number"),  # noqa: RUF001 (a digit, but no ASCII)
        ("U,2018-01-01,1e1", "the maximum temperature '1e1' is not a number"),
        ("U,1699-12-31,1", "the date 16991231 is outside the years 1700 to 2200"),
        ("U,2018-01,1", "the date 201801 has 6 digits; a date is YYYYMMDD"),
        ("x" * 65 + ",2018-01-01,1", f"'{'x' * 40}' is no code of a station"),
        ("a\x07b,2018-01-01,1", r"'a\x07b' is no code of a station"),
        ("U,2018-01-01,65.1", "the maximum temperature is 651 (65.1 degrees C), outside -100.0 to 65.0 degrees C"),
    ],
)
def test_the_reason_why_a_metric_summary_cannot_be_read(line: str, reason: str) -> None:
    batch = DailySummariesReader("metric").read(f"STATION,DATE,TMAX\n{line}\nU,2018-01-02,1\n".encode(), 1)
    assert rejects(batch) == [(2, reason)]
    assert [row[0] for row in rows(batch)] == [3]


def test_a_column_that_the_header_has_twice_counts_as_two() -> None:
    content = b"STATION,TMAX,TMAX,DATE\nU,1,2,2018-01-01\nU,1,2018-01-01\n"
    batch = DailySummariesReader("metric").read(content, 1)
    assert [row[3] for row in rows(batch)] == [{"tmax": 20}]
    assert rejects(batch) == [(3, "3 fields instead of the 4 of the header")]


def test_what_follows_a_carriage_return_within_a_line_is_not_lost() -> None:
    content = b"STATION,DATE,TMAX\nU,2018-01-01,1\rU,2018-01-02,2\n"
    [(line, reason)] = rejects(DailySummariesReader("metric").read(content, 1))
    assert (line, reason.startswith("it is no line of CSV")) == (2, True)


def test_without_units_it_is_refused() -> None:
    with pytest.raises(UnrecognisedFileError) as raised:
        recognise(HEADER + USUAL, "sitka.csv", ReadOptions())
    assert str(raised.value) == (
        "it is an NCEI daily summaries file, which does not say whether its values are in degrees F and inches or in "
        "degrees C and millimetres: set WINDSOCK_DAILY_SUMMARIES_UNITS to standard or metric, then run the worker with "
        "--retry-failed"
    )
    assert recognise(HEADER, "sitka.csv", ReadOptions("metric")).name == "daily-summaries"


lines = st.sampled_from(
    [
        HEADER.rstrip(),
        b"STATION,DATE,TMAX",
        USUAL.rstrip(),
        USUAL.rstrip() + b"\r",
        b"USW00025333,2018-01-01,4.8",
        b"USC00110072,2018-01-01,99",
        b'"USW00025333","S","2018-01-01","0.45",,,"4","3",",X,W"',
        b"",
        b"junk",
    ]
)


@given(st.lists(lines, max_size=8).map(b"\n".join), st.integers(1, 200))
def test_however_it_is_cut(content: bytes, size: int) -> None:
    whole = everything([DailySummariesReader("metric").read(content, 1)])
    assert whole == line_by_line(DailySummariesReader("metric"), content)
    assert whole == in_pieces(DailySummariesReader("metric"), content, size)


@given(st.binary(max_size=200).map(lambda content: content.replace(b"\x00", b"\nSTATION,DATE,TMAX")))
@example(b"STATION,a\rb,DATE\nU,2018-01-01,1\n")
@example(b'"STATION"S,DATE\nU,2018-01-01\n')
@example(b"STATION,TMAX,TMAX,DATE\nU,1,2018-01-01\n")
@example(b'STATION,"' + b"a" * 200_000 + b'",DATE\n')
def test_no_bytes_at_all_raise_an_error(content: bytes) -> None:
    assert DailySummariesReader("standard").read(content, 1).values.shape[1] == len(COLUMNS)
