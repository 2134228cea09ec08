"""GHCN-Daily `.dly`: a month a line."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.formats.reading import everything, in_pieces, line_by_line, rejects, rows
from worker.formats.batch import COLUMNS
from worker.formats.elements import ELEMENTS
from worker.formats.ghcn_dly import DlyReader

Group = tuple[int, str]


def dly(days: dict[int, Group], element: str = "TMAX", month: str = "200002", station: str = "USC00110072") -> str:
    """A line with the values and flags of some days, the others missing."""
    groups = "".join(f"{days.get(day, (-9999, '   '))[0]:5d}{days.get(day, (0, '   '))[1]}" for day in range(1, 32))
    return f"{station}{month}{element}{groups}"


def test_a_line() -> None:
    batch = DlyReader().read((dly({1: (-22, "  Z"), 29: (100, "T  ")}) + "\n").encode(), 5)
    found = {row[2]: row[3]["tmax"] for row in rows(batch)}
    assert len(found) == 29
    assert (found["2000-02-01"], found["2000-02-02"], found["2000-02-29"]) == (-22, None, 100)
    assert {row[0] for row in rows(batch)} == {5}
    assert (batch.lines_read, batch.rejected) == (1, [])


def test_a_value_that_failed_a_check_is_left_out_and_counted() -> None:
    batch = DlyReader().read(dly({1: (-22, " X "), 2: (999, " I "), 3: (5, "   ")}).encode(), 1)
    assert [row[3]["tmax"] for row in rows(batch)][:3] == [None, None, 5]
    assert batch.flagged == 2
    assert batch.rejected == []


@pytest.mark.parametrize(("element", "column"), [(name.decode(), column) for name, column in ELEMENTS.items()])
def test_the_elements(element: str, column: str) -> None:
    batch = DlyReader().read(dly({1: (7, "   ")}, element).encode(), 1)
    assert rows(batch)[0][3] == {column: 7}


def test_other_elements_are_read_over() -> None:
    batch = DlyReader().read(dly({1: (7, "   ")}, "WT01").encode(), 1)
    assert (rows(batch), batch.lines_read, batch.rejected) == ([], 1, [])


def test_lines_that_are_cut_short() -> None:
    whole = dly(dict.fromkeys(range(1, 30), (7, "   ")))
    text = "\n".join([whole, whole[:200], whole.rstrip(), whole[: 21 + 30 * 8 + 5], whole + " ", whole + "x"])
    batch = DlyReader().read(text.encode(), 1)
    assert rejects(batch) == [
        (2, "cut off after 200 of 269 characters"),
        (6, "it has 270 characters instead of 269"),
    ]
    assert {row[0] for row in rows(batch)} == {1, 3, 4, 5}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("nonsense", "it does not begin with a station, a year, a month and an element"),
        (dly({}, month="200013"), "the month 200013 does not exist, or not from 1700 to 2200"),
        (dly({}, month="169901"), "the month 169901 does not exist, or not from 1700 to 2200"),
        (dly({1: (7, "   ")}).replace("    7", "  7 7"), "the value '  7 7' of day 1 is not a whole number"),
        (
            dly({30: (7, "   "), 1: (5, "   ")}),
            "it has a value for day 30 of a month that is shorter; its other days were loaded",
        ),
        (
            dly({2: (9999, "   "), 1: (5, "   ")}),
            (
                "day 2: the maximum temperature is 9999 (999.9 degrees C), outside -100.0 to 65.0 degrees C; "
                "the line's other days were loaded"
            ),
        ),
        (
            dly({2: (-1, "   "), 1: (5, "   ")}, "SNWD"),
            "day 2: the snow depth is -1 mm, outside 0 to 20000 mm; the line's other days were loaded",
        ),
    ],
)
def test_the_reason_why_something_cannot_be_read(line: str, reason: str) -> None:
    batch = DlyReader().read(line.encode(), 1)
    assert rejects(batch) == [(1, reason)]
    if "other days" in reason:
        assert 5 in {value for row in rows(batch) for value in row[3].values()}


def test_the_real_files(weather_data: Callable[[str], Path]) -> None:
    for name in ("USC00305816.dly", "CA006105978.dly"):
        content = (weather_data("ghcn_daily") / name).read_bytes()
        batch = DlyReader().read(content, 1)
        assert batch.rejected == []
        plain: dict[tuple[str, str], int] = {}
        for line in content.decode().splitlines():
            if line[17:21].encode() not in ELEMENTS:
                continue
            for day in range(31):
                group = line[21 + 8 * day : 29 + 8 * day]
                if int(group[:5]) != -9999 and group[6] == " ":
                    date = datetime.date(int(line[11:15]), int(line[15:17]), day + 1)
                    plain[(str(date), ELEMENTS[line[17:21].encode()])] = int(group[:5])
        found = {
            (row[2], column): value for row in rows(batch) for column, value in row[3].items() if value is not None
        }
        assert found == plain


groups = st.tuples(st.one_of(st.just(-9999), st.integers(-9998, 99999)), st.sampled_from(["   ", " X ", "T  ", "  7"]))
lines = st.builds(
    dly,
    st.dictionaries(st.integers(1, 31), groups, max_size=5),
    st.sampled_from(["TMAX", "PRCP", "SNWD", "TAVG"]),
    st.sampled_from(["200002", "190002", "201412", "200013"]),
    st.sampled_from(["USC00110072", "ITE00100554"]),
).map(str.encode)
damaged = st.tuples(lines, st.integers(0, 269), st.binary(max_size=2)).map(
    lambda one: (one[0][: one[1]] + one[2] + one[0][one[1] + 1 :]).replace(b"\n", b"").replace(b"\r", b"")
)


@given(st.lists(st.one_of(lines, damaged), max_size=6).map(lambda found: b"\n".join(found) + b"\n"))
def test_all_at_once_and_line_by_line_are_the_same(content: bytes) -> None:
    assert everything([DlyReader().read(content, 1)]) == line_by_line(DlyReader(), content)


@given(st.binary(max_size=300))
def test_no_bytes_at_all_raise_an_error(content: bytes) -> None:
    assert DlyReader().read(content, 1).values.shape[1] == len(COLUMNS)


VALUE = (7, "   ")
WHOLE = dly(dict.fromkeys(range(1, 30), VALUE))


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"  \n", b""])
def test_harmless_differences(mark: bytes, end: bytes) -> None:
    for line in (WHOLE, WHOLE.rstrip()):
        batch = DlyReader().read(mark + line.encode() + end, 1)
        assert (len(batch.day), batch.lines_read, batch.rejected) == (29, 1, [])
    assert len(DlyReader().read(b"\n \r\n" + WHOLE.encode() + end, 1).day) == 29


def test_a_byte_order_mark_is_only_at_the_beginning() -> None:
    batch = DlyReader().read(b"\xef\xbb\xbf" + WHOLE.encode(), 2)
    assert rejects(batch) == [(2, "it does not begin with a station, a year, a month and an element")]


@pytest.mark.parametrize("kept", [21, 22, 100, 200, 264, 265])
@pytest.mark.parametrize("element", ["TMAX", "WT01"])
def test_a_line_that_was_cut_short(kept: int, element: str) -> None:
    line = dly({31: (9, "  7")}, element, "200001")
    batch = DlyReader().read(f"{line}\n{line[:kept]}".encode(), 1)
    assert rejects(batch) == [(2, f"cut off after {kept} of 269 characters")]
    assert batch.lines_read == 2


@pytest.mark.parametrize("flags", ["   ", "T  ", " X "])
def test_a_line_whose_trailing_blanks_were_stripped(flags: str) -> None:
    line = dly({31: (9, flags)}, month="200001").rstrip()
    batch = DlyReader().read(line.encode(), 1)
    assert batch.rejected == []
    assert rows(batch)[-1] == (1, "USC00110072", "2000-01-31", {"tmax": None if "X" in flags else 9})
    assert batch.flagged == ("X" in flags)


@pytest.mark.parametrize(("month", "days"), [("190002", 28), ("200002", 29), ("200102", 28), ("210002", 28)])
@pytest.mark.parametrize("first", [False, True])
def test_the_days_of_february(month: str, days: int, first: bool) -> None:
    past = days + 1
    batch = DlyReader().read(dly({past: (1 if first else -9999, "   "), 1: VALUE}, month=month).encode(), 1)
    assert len(batch.day) == days
    expected = f"it has a value for day {past} of a month that is shorter; its other days were loaded"
    assert rejects(batch) == [(1, expected)] * first


@pytest.mark.parametrize("month", ["170001", "220012"])
def test_the_first_and_last_months(month: str) -> None:
    batch = DlyReader().read(dly({31: VALUE}, month=month).encode(), 1)
    assert rows(batch)[-1][2:] == (f"{month[:4]}-{month[4:]}-31", {"tmax": 7})


@pytest.mark.parametrize("month", ["220101", "200000", "000001"])
def test_months_that_cannot_be(month: str) -> None:
    batch = DlyReader().read(dly({}, month=month).encode(), 1)
    assert rejects(batch) == [(1, f"the month {month} does not exist, or not from 1700 to 2200")]


@pytest.mark.parametrize(
    ("column", "low", "high"),
    [("TMAX", -1000, 650), ("TMIN", -1000, 650), ("PRCP", 0, 20_000), ("SNOW", 0, 5_000), ("SNWD", 0, 20_000)],
)
def test_the_limits_of_values(column: str, low: int, high: int) -> None:
    days = dict(enumerate([(low - 1, "   "), (low, "   "), (high, "   "), (high + 1, "   "), (99_999, "   ")], 1))
    batch = DlyReader().read(dly(days, column).encode(), 1)
    found = {row[2][-2:]: row[3][column.lower()] for row in rows(batch)}
    assert {day: value for day, value in found.items() if value is not None} == {"02": low, "03": high}
    assert not {"01", "04", "05"} & set(found)
    assert [reason.split(":")[0] for _, reason in rejects(batch)] == ["day 1", "day 4", "day 5"]
    assert batch.lines_read == 1


@pytest.mark.parametrize("value", ["     ", "    -", "  --1", " - 12", "12   ", "  1.5", "  +12", "    \xe4"])
def test_values_that_are_no_numbers(value: str) -> None:
    line = WHOLE.encode().replace(b"    7", value.encode("latin-1"), 1)
    [(number, reason)] = rejects(DlyReader().read(line, 4))
    shown = value.replace("\xe4", "\\xe4")
    assert (number, reason) == (4, f"the value '{shown}' of day 1 is not a whole number")


def test_rejected_lines_are_in_the_order_of_the_file() -> None:
    batch = DlyReader().read(f"{dly({1: (9999, '   ')})}\nnonsense\n{dly({31: VALUE})}\n".encode(), 1)
    assert [one.line for one in batch.rejected] == [1, 2, 3]


def test_several_stations_and_new_flags() -> None:
    first, second = dly({1: (1, "P$~")}, "PRCP", station="USC00110072"), dly({1: (2, "~ a")}, station="ASN00008255")
    batch = DlyReader().read(f"{first}\n{second}\n{first}\n".encode(), 1)
    assert batch.stations == ["USC00110072", "ASN00008255"]
    assert [row[1] for row in rows(batch) if row[2] == "2000-02-01"] == ["USC00110072", "ASN00008255", "USC00110072"]
    assert batch.flagged == 2


@given(st.lists(st.one_of(lines, damaged), max_size=4).map(b"\n".join), st.integers(1, 900))
def test_however_it_is_cut(content: bytes, size: int) -> None:
    assert in_pieces(DlyReader(), content, size) == everything([DlyReader().read(content, 1)])
