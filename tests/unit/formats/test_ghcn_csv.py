"""GHCN-Daily CSV: usual lines are read all at once, others one by one, and both say the same."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.formats.reading import everything, in_pieces, line_by_line, rejects, rows
from worker.formats.batch import COLUMNS
from worker.formats.elements import ELEMENTS
from worker.formats.ghcn_csv import CsvReader

USUAL = b"USC00110072,20000101,TMAX,-22,,,7,0700\n"
ROW = (1, "USC00110072", "2000-01-01", {"tmax": -22})


@pytest.mark.parametrize(
    "content",
    [
        USUAL,
        USUAL.rstrip(),
        USUAL.replace(b"\n", b"\r\n"),
        b"USC00110072,20000101,TMAX,-22,,\n",
        b"USC00110072,20000101,TMAX,-22,T,,\n",
        b"\xef\xbb\xbf" + USUAL,
        b'"USC00110072","20000101","TMAX","-22","","","7",""\n',
        b"USC00110072,2000-01-01,TMAX,-22,,,7,0700\n",
        b"USC00110072,20000101,TMAX,-22,,,7,0700,and,more\n",
        b" USC00110072 , 20000101 , TMAX , -22 , , , 7 , \n",
    ],
)
def test_harmless_differences(content: bytes) -> None:
    batch = CsvReader().read(content, 1)
    assert rows(batch) == [ROW]
    assert (batch.lines_read, batch.rejected, batch.flagged) == (1, [], 0)


@pytest.mark.parametrize(
    ("header", "line"),
    [
        (b"ID,DATE,ELEMENT,DATA_VALUE,M_FLAG,Q_FLAG,S_FLAG,OBS_TIME", USUAL),
        (b'"ID","DATE","ELEMENT","DATA_VALUE","M_FLAG","Q_FLAG","S_FLAG","OBS_TIME"', USUAL),
        (b"station,date,element,data_value,m_flag,q_flag", b"USC00110072,20000101,TMAX,-22,,\n"),
        (b"DATE,ID,NAME,Q_FLAG,ELEMENT,DATA_VALUE", b'20000101,USC00110072,"Aledo, IL",,TMAX,-22\n'),
    ],
)
def test_headers(header: bytes, line: bytes) -> None:
    batch = CsvReader().read(header + b"\n" + line + b"\n" + header + b"\n" + line, 1)
    assert [row[1:] for row in rows(batch)] == [ROW[1:], ROW[1:]]
    assert (batch.lines_read, batch.rejected) == (2, [])


def test_the_header_of_the_first_piece_holds_for_the_next() -> None:
    reader = CsvReader()
    reader.read(b"DATE,ID,Q_FLAG,ELEMENT,DATA_VALUE\n", 1)
    assert rows(reader.read(b"20000101,USC00110072,,TMAX,-22\n", 2)) == [(2, *ROW[1:])]


def test_quality_flags_missing_values_and_other_elements() -> None:
    content = (
        b"USC00110072,20000101,TMAX,-22,,I,7,\n"
        b"USC00110072,20000101,TMIN,-9999,,,7,\n"
        b"USC00110072,20000101,PRCP,99999,,X,7,\n"
        b"USC00110072,20000101,WT01,1,,,7,\n"
        b"USC00110072,20000101,SNOW,3,,,7,\n"
    )
    batch = CsvReader().read(content, 1)
    assert [row[3] for row in rows(batch)] == [{"tmax": None}, {"tmin": None}, {"prcp": None}, {"snow": 3}]
    assert (batch.lines_read, batch.flagged, batch.rejected) == (5, 2, [])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("USC00110072,20000230,TMAX,1,,,7,", "the date 20000230 does not exist"),
        ("USC00110072,20000101,TMAX,1.5,,,7,", "the value '1.5' is not a whole number"),
        ("USC00110072,20000101,TMAX,,,,7,0700", "the value '' is not a whole number"),
        ("USC00110072,20000101,TMAX,1-5,,,7,", "the value '1-5' is not a whole number"),
        (
            "USC00110072,20000101,TMAX,9999,,,7,",
            "the maximum temperature is 9999 (999.9 degrees C), outside -100.0 to 65.0 degrees C",
        ),
        (
            "ALEDO,20000101,TMAX,1,,,7,",
            "'ALEDO' is no station of GHCN-Daily, which has 11 characters such as USC00110072",
        ),
        (
            "usc00110072,20000101,TMAX,1,,,7,",
            "'usc00110072' is no station of GHCN-Daily, which has 11 characters such as USC00110072",
        ),
        ("USC00110072,20000101,tmax,1,,,7,", "'tmax' is no element, such as TMAX"),
        (
            "USC00110072,20000101,TMAX,1",
            "4 fields instead of at least 6 (ID,DATE,ELEMENT,DATA_VALUE,M_FLAG,Q_FLAG,S_FLAG,OBS_TIME)",
        ),
        ('USC00110072,20000101,"TMAX,1,,,7,', "it is no line of CSV: unexpected end of data"),
    ],
)
def test_the_reason_why_a_line_cannot_be_read(line: str, reason: str) -> None:
    batch = CsvReader().read(USUAL + line.encode() + b"\n" + USUAL, 1)
    assert rejects(batch) == [(2, reason)]
    assert [row[0] for row in rows(batch)] == [1, 3]
    assert batch.lines_read == 3


def test_bytes_that_are_no_text() -> None:
    batch = CsvReader().read(b"USC00110072,20000101,TMAX,1,\xff\n", 1)
    assert rejects(batch) == [(1, "it is no UTF-8")]


def test_the_real_file(weather_data: Callable[[str], Path]) -> None:
    path = weather_data("ghcn_daily") / "1800.csv"
    batch = CsvReader().read(path.read_bytes(), 1)
    with path.open(newline="") as file:
        plain = [
            (number, line[0], f"{line[1][:4]}-{line[1][4:6]}-{line[1][6:]}", {ELEMENTS[line[2].encode()]: int(line[3])})
            for number, line in enumerate(csv.reader(file), 1)
            if line[2].encode() in ELEMENTS and not line[5]
        ]
    assert [row for row in rows(batch) if None not in row[3].values()] == plain
    assert batch.rejected == []


values = st.one_of(
    st.just("-9999"), st.integers(-1200, 1200).map(str), st.sampled_from(["", "-", "1000000", "12-3", "+5"])
)
lines = st.builds(
    lambda *fields: ",".join(fields).encode(),
    st.sampled_from(["USC00110072", "ITE00100554", "XX"]),
    st.one_of(st.dates().map(lambda date: f"{date:%Y%m%d}".rjust(8, "0")), st.just("2000010")),
    st.sampled_from(["TMAX", "TMIN", "PRCP", "SNOW", "SNWD", "WT01", "tmax"]),
    values,
    st.sampled_from(["", "T", "B"]),
    st.sampled_from(["", "", "", "X"]),
    st.sampled_from(["7", ""]),
    st.sampled_from(["", "0700", "0700,extra"]),
)
damaged = st.tuples(lines, st.integers(0, 45), st.binary(max_size=2)).map(
    lambda one: (one[0][: one[1]] + one[2] + one[0][one[1] + 1 :]).replace(b"\n", b"").replace(b"\r", b"")
)
files = st.lists(st.one_of(lines, damaged, st.just(b"")), max_size=10).map(lambda found: b"\n".join(found) + b"\n")


class OneByOne(CsvReader):
    """Reads no line in the usual way."""

    def __init__(self) -> None:
        super().__init__()
        self._is_usual = False

    def _take_header(self, names: list[str]) -> None:
        super()._take_header(names)
        self._is_usual = False


@given(files)
def test_the_usual_way_and_the_other_are_the_same(content: bytes) -> None:
    assert everything([CsvReader().read(content, 1)]) == everything([OneByOne().read(content, 1)])


@given(files)
def test_all_at_once_and_line_by_line_are_the_same(content: bytes) -> None:
    assert everything([CsvReader().read(content, 1)]) == line_by_line(CsvReader(), content)


@given(st.binary(max_size=200))
def test_no_bytes_at_all_raise_an_error(content: bytes) -> None:
    assert CsvReader().read(content, 1).values.shape[1] == len(COLUMNS)


OTHER_ORDER = b"DATE,ID,Q_FLAG,ELEMENT,DATA_VALUE\n"
IN_OTHER_ORDER = b"20000101,USC00110072,,TMAX,-22\n"


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\n\r\n", b"damaged\n"])
def test_a_header_need_not_be_the_first_line(before: bytes) -> None:
    batch = CsvReader().read(before + OTHER_ORDER + IN_OTHER_ORDER, 1)
    assert [row[1:] for row in rows(batch)] == [ROW[1:]]
    assert [line for line, _ in rejects(batch)] == [1] * (before == b"damaged\n")


def test_a_header_holds_until_the_next() -> None:
    content = (
        b"ID,DATE,ELEMENT,DATA_VALUE,M_FLAG,Q_FLAG\n"
        b"USC00110072,20000101,TMAX,1,X,\n"
        b"ID,DATE,ELEMENT,DATA_VALUE,Q_FLAG,M_FLAG\n"
        b"USC00110072,20000102,TMAX,2,X,\n"
        b"USC00110072,20000103,TMAX,3,,X\n" + OTHER_ORDER + b"20000104,USC00110072,,TMAX,4\n"
        b"Id,Date,Element,Data_Value,M_Flag,Q_Flag\n"
        b"USC00110072,20000105,TMAX,5,,X\n"
        b"USC00110072,20000106,TMAX,6,X,\n"
    )
    batch = CsvReader().read(content, 1)
    assert [(row[0], row[3]["tmax"]) for row in rows(batch)] == [(2, 1), (4, None), (5, 3), (7, 4), (9, None), (10, 6)]
    assert (batch.lines_read, batch.rejected, batch.flagged) == (6, [], 2)


def test_a_name_in_a_further_column_is_no_header() -> None:
    batch = CsvReader().read(USUAL.rstrip() + b',"ELEMENTARY SCHOOL"\n' + USUAL.rstrip() + b",element\n", 1)
    assert [row[1:] for row in rows(batch)] == [ROW[1:], ROW[1:]]


@pytest.mark.parametrize("header", [b'"ID,ELEMENT\n', b"ELEMENT\xff,ID,DATE,DATA_VALUE,Q_FLAG\n"])
def test_a_damaged_header_is_a_line_that_cannot_be_read(header: bytes) -> None:
    batch = CsvReader().read(header + USUAL, 1)
    assert [line for line, _ in rejects(batch)] == [1]
    assert [row[1:] for row in rows(batch)] == [ROW[1:]]


@pytest.mark.parametrize(
    ("column", "low", "high"),
    [("TMAX", -1000, 650), ("TMIN", -1000, 650), ("PRCP", 0, 20_000), ("SNOW", 0, 5_000), ("SNWD", 0, 20_000)],
)
@pytest.mark.parametrize("form", ["USC00110072,20000101,{},{},,,7,\n", '"USC00110072",20000101,{},{},,,7,\n'])
def test_the_limits_of_values(form: str, column: str, low: int, high: int) -> None:
    content = "".join(form.format(column, value) for value in (low - 1, low, high, high + 1, 99_999))
    batch = CsvReader().read(content.encode(), 1)
    assert [row[3] for row in rows(batch)] == [{column.lower(): low}, {column.lower(): high}]
    assert [line for line, _ in rejects(batch)] == [1, 4, 5]


@pytest.mark.parametrize("date", ["17000101", "20000229", "19000228", "22001231"])
@pytest.mark.parametrize("form", ["USC00110072,{},TMAX,1,,,7,\n", '"USC00110072",{},TMAX,1,,,7,\n'])
def test_the_first_and_last_dates(form: str, date: str) -> None:
    assert rows(CsvReader().read(form.format(date).encode(), 1))[0][2].replace("-", "") == date


@pytest.mark.parametrize(
    ("date", "reason"),
    [
        ("16991231", "the date 16991231 is outside the years 1700 to 2200"),
        ("22010101", "the date 22010101 is outside the years 1700 to 2200"),
        ("19000229", "the date 19000229 does not exist"),
        ("20009999", "the date 20009999 does not exist"),
        ("2000-1-1", "the date '2000-1-1' is not a number as YYYYMMDD"),
        ("2000010", "the date 2000010 has 7 digits; a date is YYYYMMDD"),
    ],
)
@pytest.mark.parametrize("form", ["USC00110072,{},TMAX,1,,,7,\r\n", '"USC00110072",{},TMAX,1,,,7,\n'])
def test_dates_that_cannot_be(form: str, date: str, reason: str) -> None:
    assert rejects(CsvReader().read(form.format(date).encode(), 1)) == [(1, reason)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("USC00110072,20000101,TMAX,２,,,7,", "the value '２' is not a whole number"),  # noqa: RUF001 (no ASCII)
        ("USC00110072,20000101,TMAX," + "1" * 50 + ",,,", f"the value '{'1' * 40}' is not a whole number"),
        ("USC00110072,20000101,,1,,,7,", "'' is no element, such as TMAX"),
        ("USC00110072,20000101,T AX,1,,,7,", "'T AX' is no element, such as TMAX"),
        (
            "nothing",
            "1 fields instead of at least 6 (ID,DATE,ELEMENT,DATA_VALUE,M_FLAG,Q_FLAG,S_FLAG,OBS_TIME)",
        ),
    ],
)
def test_other_reasons(line: str, reason: str) -> None:
    batch = CsvReader().read(f"{line}\n".encode(), 9)
    assert rejects(batch) == [(9, reason)]
    assert batch.rejected[0].text == line


@pytest.mark.parametrize(("flag", "left_out"), [("", False), (" ", False), ("\t", False), ("X", True), ("~", True)])
@pytest.mark.parametrize("form", ["USC00110072,20000101,TMAX,5,,{},7,\n", '"USC00110072",20000101,TMAX,5,,{},7,\n'])
def test_what_is_a_quality_flag(form: str, flag: str, left_out: bool) -> None:
    batch = CsvReader().read(form.format(flag).encode(), 1)
    assert rows(batch)[0][3] == {"tmax": None if left_out else 5}
    assert batch.flagged == left_out


def test_lines_of_both_kinds_stay_in_order_with_their_stations() -> None:
    content = USUAL + b'"ITE00100554",20000102,TMIN,1,,,,\n' + USUAL.replace(b"USC", b"ASN") + b"\n" + USUAL
    assert [row[:2] for row in rows(CsvReader().read(content, 10))] == [
        (10, "USC00110072"),
        (11, "ITE00100554"),
        (12, "ASN00110072"),
        (14, "USC00110072"),
    ]


headers = st.sampled_from(
    [
        b"ID,DATE,ELEMENT,DATA_VALUE,M_FLAG,Q_FLAG,S_FLAG,OBS_TIME",
        b"ID,DATE,ELEMENT,DATA_VALUE,Q_FLAG,M_FLAG",
        b'"STATION","DATE","Q_FLAG","ELEMENT","DATA_VALUE"',
        b"\xef\xbb\xbfDATE,ID,Q_FLAG,ELEMENT,DATA_VALUE",
        OTHER_ORDER.rstrip(),
        IN_OTHER_ORDER.rstrip(),
    ]
)
with_headers = st.lists(st.one_of(lines, headers, damaged, st.just(b"")), max_size=10).map(b"\n".join)


@given(with_headers, st.integers(1, 150))
def test_however_it_is_cut(content: bytes, size: int) -> None:
    whole = everything([CsvReader().read(content, 1)])
    assert line_by_line(CsvReader(), content) == whole
    assert in_pieces(CsvReader(), content, size) == whole
    assert everything([OneByOne().read(content, 1)]) == whole


@given(with_headers)
def test_lines_that_end_as_in_dos_are_the_same(content: bytes) -> None:
    dos = everything([CsvReader().read(content.replace(b"\r", b"").replace(b"\n", b"\r\n"), 1)])
    assert dos == everything([CsvReader().read(content.replace(b"\r", b""), 1)])
