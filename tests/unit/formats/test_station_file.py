"""Station files: padded lines are read all at once, others one by one, and both say the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.formats.reading import everything, line_by_line, rejects, rows
from worker.formats import UnrecognisedFileError
from worker.formats.batch import COLUMNS, MISSING
from worker.formats.station_file import StationFileReader, ghcn_id, station_code

NAME = "USC00110072.txt"


def read(content: bytes, first_line: int = 1) -> tuple[list[object], list[tuple[int, str]]]:
    batch = StationFileReader(NAME).read(content, first_line)
    return rows(batch), rejects(batch)  # type: ignore[return-value]


def test_a_padded_line() -> None:
    found, rejected = read(b"19850101\t  -22\t -128\t   94\n19850102\t-9999\t   -9\t    0\n", 7)
    assert found == [
        (7, "USC00110072", "1985-01-01", {"tmax": -22, "tmin": -128, "prcp": 94}),
        (8, "USC00110072", "1985-01-02", {"tmax": None, "tmin": -9, "prcp": 0}),
    ]
    assert rejected == []


@pytest.mark.parametrize(
    "line",
    [
        b"19850101\t-22\t-128\t94\n",
        b"19850101\t  -22\t -128\t   94\r\n",
        b"19850101\t  -22\t -128\t   94",
        b"\xef\xbb\xbf19850101\t  -22\t -128\t   94\n",
        b"19850101 \t -22 \t -128 \t +94 \n",
        b"\n19850101\t  -22\t -128\t   94\n\n \n\x1a",
    ],
)
def test_harmless_differences(line: bytes) -> None:
    found, rejected = read(line)
    assert [row[1:] for row in found] == [("USC00110072", "1985-01-01", {"tmax": -22, "tmin": -128, "prcp": 94})]  # type: ignore[index]
    assert rejected == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1985010134\t  -22\t -128\t   94", "the date 1985010134 has 10 digits; a date is YYYYMMDD"),
        ("19850100\t   44\t  -50\t  295", "the date 19850100 does not exist"),
        ("19850229\t   44\t  -50\t  295", "the date 19850229 does not exist"),
        ("16991231\t   44\t  -50\t  295", "the date 16991231 is outside the years 1700 to 2200"),
        ("22010101\t   44\t  -50\t  295", "the date 22010101 is outside the years 1700 to 2200"),
        ("tomorrow\t   44\t  -50\t  295", "the date 'tomorrow' is not a number as YYYYMMDD"),
        ("１９８５0101\t   44\t  -50\t  295", "the date '１９８５0101' is not a number as YYYYMMDD"),  # noqa: RUF001
        (
            "19850101\t 9999\t  -50\t  295",
            "the maximum temperature is 9999 (999.9 degrees C), outside -100.0 to 65.0 degrees C",
        ),
        (
            "19850101\t   44\t-1001\t  295",
            "the minimum temperature is -1001 (-100.1 degrees C), outside -100.0 to 65.0 degrees C",
        ),
        ("19850101\t   44\t  -50\t   -1", "the precipitation is -1 (-0.1 mm), outside 0.0 to 2000.0 mm"),
        ("19850101\t   44\t  -50\t99999", "the precipitation is 99999 (9999.9 mm), outside 0.0 to 2000.0 mm"),
        ("19850101\t   44\t  -50\t" + "9" * 300, "the precipitation has 300 digits"),
        ("19850101\t  4.4\t  -50\t  295", "the maximum temperature '4.4' is not a whole number"),
        ("19850101\t     \t  -50\t  295", "the maximum temperature '' is not a whole number"),
        ("19850101\t  4 4\t  -50\t  295", "the maximum temperature '4 4' is not a whole number"),
        ("19850101\t    -\t  -50\t  295", "the maximum temperature '-' is not a whole number"),
        (
            "19850101\t   44\t  -50",
            "3 fields instead of 4 (date, maximum, minimum and precipitation, with tabulators between)",
        ),
        (
            "nothing",
            "1 field instead of 4 (date, maximum, minimum and precipitation, with tabulators between)",
        ),
    ],
)
def test_the_reason_why_a_line_cannot_be_read(line: str, reason: str) -> None:
    good = "20000101\t    1\t    0\t    0\n"
    found, rejected = read((good + line + "\n" + good).encode())
    assert rejected == [(2, reason)]
    assert [row[0] for row in found] == [1, 3]  # type: ignore[index]


def test_what_cannot_be_shown_is_escaped_and_shortened() -> None:
    batch = StationFileReader(NAME).read(b"\xff\x00" + b"x" * 1000 + b"\n", 1)
    [rejected] = batch.rejected
    assert rejected.text.startswith("\\xff\\x00xxx")
    assert len(rejected.text) == 500


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("USC00110072.txt", "USC00110072"),
        ("bad_date.USC00110072.txt", "USC00110072"),
        ("USR0000AALC.csv.gz", "USR0000AALC"),
        ("Köln Süd.txt", "Köln Süd"),
        ("Ko\u0308ln.TXT", "Köln"),
        ("WEATHERDATA.txt", "WEATHERDATA"),
        ("USC00110072-USC00110073.txt", "USC00110072-USC00110073"),
        ("XUSC00110072.dat", "XUSC00110072"),
        ("station", "station"),
    ],
)
def test_the_station_in_a_name(name: str, code: str) -> None:
    assert station_code(name) == code


def test_a_name_with_two_ids_is_no_stations() -> None:
    assert ghcn_id("USC00110072-USC00110073.txt") is None


@pytest.mark.parametrize("name", [".txt", " .txt", "x" * 65 + ".txt", "a\x07b.txt"])
def test_names_that_are_no_code(name: str) -> None:
    with pytest.raises(UnrecognisedFileError, match="its name is no code of a station: it should be 1 to 64 printable"):
        StationFileReader(name)


def test_the_real_files(weather_data: Callable[[str], Path]) -> None:
    counted, sums = 0, dict.fromkeys(COLUMNS[:3], 0)
    plain = dict.fromkeys(COLUMNS[:3], 0)
    for path in sorted(weather_data("wx_data").iterdir()):
        content = path.read_bytes()
        batch = StationFileReader(path.name).read(content, 1)
        assert batch.rejected == []
        assert np.all(np.diff(batch.day) > 0)
        counted += batch.lines_read
        for number, column in enumerate(sums):
            values = batch.values[:, number]
            sums[column] += int(values[values != MISSING].sum(dtype=np.int64))
            plain[column] += sum(
                int(value)
                for value in (line.split(b"\t")[number + 1] for line in content.splitlines())
                if int(value) != -9999
            )
    assert counted == 1_729_957
    assert sums == plain


days = st.dates().map(lambda date: f"{date:%Y%m%d}".rjust(8, "0"))
numbers = st.one_of(st.just(-9999), st.integers(-1100, 1100), st.integers(-99999, 99999))
lines = st.tuples(days, numbers, numbers, numbers, st.booleans()).map(
    lambda one: (
        f"{one[0]}\t{one[1]:5d}\t{one[2]:5d}\t{one[3]:5d}" if one[4] else f"{one[0]}\t{one[1]}\t{one[2]}\t{one[3]}"
    ).encode()
)
damaged = st.tuples(lines, st.integers(0, 30), st.binary(max_size=2)).map(
    lambda one: (one[0][: one[1]] + one[2] + one[0][one[1] + 1 :]).replace(b"\n", b"")
)
files = st.lists(st.one_of(lines, damaged, st.just(b"")), max_size=12).map(lambda found: b"\n".join(found) + b"\n")


@given(files)
@example(b"19850101\t- -22\t -128\t   94\n19850101\t  2-2\t -128\t   94\n19850101\t  -2-\t -128\t   94\n")
def test_all_at_once_and_line_by_line_are_the_same(content: bytes) -> None:
    assert everything([StationFileReader(NAME).read(content, 1)]) == line_by_line(StationFileReader(NAME), content)


@given(st.binary(max_size=200))
def test_no_bytes_at_all_raise_an_error(content: bytes) -> None:
    batch = StationFileReader(NAME).read(content, 1)
    assert batch.lines_read == len(batch.day) + len(batch.rejected)


@given(lines)
def test_what_is_read_is_what_the_line_says(line: bytes) -> None:
    found, rejected = read(line + b"\n")
    assert len(found) + len(rejected) == 1
    if found:
        [(_, _, date, values)] = found  # type: ignore[misc]
        fields = [field.strip() for field in line.decode().split("\t")]
        assert date == re.sub(r"(....)(..)(..)", r"\1-\2-\3", fields[0])
        assert [-9999 if value is None else value for value in values.values()] == [int(field) for field in fields[1:]]
