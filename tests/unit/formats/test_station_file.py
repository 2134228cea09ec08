"""Station files: padded lines are read all at once, others one by one, and both say the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.formats.reading import everything, in_pieces, line_by_line, rejects, rows
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
        ("my USC00110072 (copy).txt", "USC00110072"),
        ("USC00110072_USC00110072.txt", "USC00110072"),
        ("Aledo  3 N.dat", "Aledo  3 N"),
        ("札幌.txt", "札幌"),
        ("São Paulo.v2.TXT.GZ", "São Paulo.v2"),
        ("x" * 64 + ".txt", "x" * 64),
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


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("form", ["{}\t{:5d}\t{:5d}\t{:5d}", "{}\t{}\t{}\t{}", "{} \t{:7d}\t{:<7d}\t{:+d}"])
def test_every_form_says_the_same(end: bytes, mark: bytes, form: str) -> None:
    days = [("20000228", 44, -50, 0), ("20000229", -9999, 650, 20_000), ("20000301", -1000, -9999, 1)]
    content = mark + b"".join(form.format(*one).encode() + end for one in days)
    for whole in (content, content + end, content.removesuffix(end)):
        assert read(whole) == (
            [
                (1, "USC00110072", "2000-02-28", {"tmax": 44, "tmin": -50, "prcp": 0}),
                (2, "USC00110072", "2000-02-29", {"tmax": None, "tmin": 650, "prcp": 20_000}),
                (3, "USC00110072", "2000-03-01", {"tmax": -1000, "tmin": None, "prcp": 1}),
            ],
            [],
        )


@pytest.mark.parametrize("date", ["17000101", "19000228", "20000229", "21000228", "22001231"])
@pytest.mark.parametrize("form", ["{}\t    1\t    0\t    0", "{}\t1\t0\t0"])
def test_the_first_and_last_dates(date: str, form: str) -> None:
    found, rejected = read(form.format(date).encode() + b"\n")
    assert [row[2].replace("-", "") for row in found] == [date]  # type: ignore[index]
    assert rejected == []


@pytest.mark.parametrize("date", ["16991231", "19000229", "21000229", "20010229", "22010101", "20000431", "00000000"])
@pytest.mark.parametrize("form", ["{}\t    1\t    0\t    0", "{}\t1\t0\t0"])
def test_dates_that_cannot_be(date: str, form: str) -> None:
    found, [(line, reason)] = read(form.format(date).encode() + b"\n")
    assert (found, line) == ([], 1)
    assert reason.startswith(f"the date {date} ")


@pytest.mark.parametrize(
    ("column", "position", "low", "high"), [("tmax", 1, -1000, 650), ("tmin", 2, -1000, 650), ("prcp", 3, 0, 20_000)]
)
@pytest.mark.parametrize("form", ["{}\t{:5d}\t{:5d}\t{:5d}", "{}\t{}\t{}\t{}"])
def test_the_limits_of_values(column: str, position: int, low: int, high: int, form: str) -> None:
    for value, can_be in ((low - 1, False), (low, True), (high, True), (high + 1, False), (32_768, False)):
        fields: list[object] = ["20000101", 1, 0, 0]
        fields[position] = value
        found, rejected = read(form.format(*fields).encode() + b"\n")
        assert [row[3][column] for row in found] == [value] * can_be  # type: ignore[index]
        assert len(rejected) == 1 - can_be


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            "19850101\t1\t2\t3\t4",
            "5 fields instead of 4 (date, maximum, minimum and precipitation, with tabulators between)",
        ),
        (
            "19850101,1,2,3",
            "1 field instead of 4 (date, maximum, minimum and precipitation, with tabulators between)",
        ),
        ("19850101\t1\t２\t3", "the minimum temperature '２' is not a whole number"),  # noqa: RUF001 (no ASCII)
        ("19850101\t1\t2\t" + "x" * 100, f"the precipitation '{'x' * 40}' is not a whole number"),
        ("\t1\t2\t3", "the date '' is not a number as YYYYMMDD"),
        # Nothing is wrong with it but a blank before the date.
        (
            " 19850101\t1\t2\t3",
            "it is not a line of a station file (date, maximum, minimum and precipitation, with tabulators between)",
        ),
    ],
)
def test_other_reasons(line: str, reason: str) -> None:
    assert read((line + "\r\n").encode(), 7) == ([], [(7, reason)])


def test_a_byte_order_mark_is_only_at_the_beginning() -> None:
    found, [(line, reason)] = read(b"\xef\xbb\xbf19850101\t1\t2\t3\n", 2)
    assert (found, line) == ([], 2)
    assert reason == "the date '\\ufeff19850101' is not a number as YYYYMMDD"


def test_the_damaged_files(weather_data: Callable[[str], Path]) -> None:
    found: dict[str, list[str]] = {}
    for path in weather_data("defects").glob("*.txt"):
        batch = StationFileReader(path.name).read(path.read_bytes(), 1)
        lines = [line for line in path.read_bytes().splitlines() if line.strip()]
        assert batch.lines_read == len(lines) == len(batch.day) + len(batch.rejected)
        assert batch.stations == [ghcn_id(path.name)]
        found[path.name] = [reason for _, reason in rejects(batch)]
    assert len(found) == 5
    assert {name: reasons for name, reasons in found.items() if reasons} == {
        "bad_date.USC00110072.txt": ["the date 1985010134 has 10 digits; a date is YYYYMMDD"],
        "bad_date.USC00111280.txt": ["the date 19850100 does not exist"],
    }


@given(files, st.integers(1, 200))
def test_however_it_is_cut(content: bytes, size: int) -> None:
    whole = everything([StationFileReader(NAME).read(content, 1)])
    assert in_pieces(StationFileReader(NAME), content, size) == whole


@given(files)
def test_lines_that_end_as_in_dos_are_the_same(content: bytes) -> None:
    content = content.replace(b"\r", b"")
    dos = everything([StationFileReader(NAME).read(content.replace(b"\n", b"\r\n"), 1)])
    assert dos == everything([StationFileReader(NAME).read(content, 1)])
