"""GHCN-Daily CSV, by year or by station: an observation of one element a line.

`ID,DATE,ELEMENT,DATA_VALUE,M_FLAG,Q_FLAG,S_FLAG,OBS_TIME` (NOAA's readme-by_year.txt), with that line as a header or
without it, perhaps with further columns. What is missing has no line. A value with a quality flag has failed a check:
it is left out and counted. Lines of the usual form, whose first 26 characters are fixed columns, are read all at once
with NumPy, all others one by one.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from worker.formats.batch import COLUMNS, MISSING, PHYSICAL_RANGE, Batch
from worker.formats.elements import (
    ELEMENTS,
    HIGHEST,
    IN_STATIONS,
    LOWEST,
    MISSING_IN_FILE,
    STATION_PATTERN,
    column_numbers,
    one_value_rows,
)
from worker.formats.format import Format, ReadOptions
from worker.formats.rejects import Rejects
from worker.formats.values import BOM, days_since_1970, out_of_range, parse_date

HEADER = ("ID", "DATE", "ELEMENT", "DATA_VALUE", "M_FLAG", "Q_FLAG", "S_FLAG", "OBS_TIME")
_NEEDED = {"ID", "DATE", "ELEMENT", "DATA_VALUE", "Q_FLAG"}
_FIRST = HEADER[:6]  # what the usual form has at its beginning; what follows is not read

_FIXED = 26  # station of 11, date of 8, element of 4, and a comma after each
_SHORTEST_LINE = _FIXED + 4  # a digit, and the commas after it and after two empty flags
_LONGEST_VALUE = 6
_ZERO = ord("0")

_LINE = re.compile(STATION_PATTERN + rb",\d+,[A-Z][A-Z0-9]{3},[+-]?\d+,[^,]*,[^,]*(,.*)?")
_STATION = re.compile(STATION_PATTERN)
_ELEMENT = re.compile(r"[A-Z][A-Z0-9]{3}")
# One of these is in every header, and in next to no other line: what is in neither case is not looked for.
_IN_HEADERS = (b"LEMENT", b"lement")

Indices = NDArray[np.int64]


class CsvReader:
    """Reads element rows, of one station or of many."""

    def __init__(self) -> None:
        self._order = {name: number for number, name in enumerate(HEADER)}
        self._is_usual = True

    def read(self, piece: bytes, first_line: int) -> Batch:
        """The observations in a piece: see `Reader`."""
        data = np.frombuffer(piece, np.uint8)
        ends = np.flatnonzero(data == ord("\n"))
        if len(data) and (not len(ends) or ends[-1] != len(data) - 1):
            ends = np.append(ends, len(data))
        starts = np.append(0, ends + 1)[: len(ends)]
        rows = _Rows(first_line)
        begin = 0
        for number, names in _headers(piece, starts, ends):
            if names != list(self._order):  # lines before it have the order of the header before them
                self._read_lines(piece, data, (starts[begin:number], ends[begin:number]), begin, rows)
                self._take_header(names)
                begin = number
        self._read_lines(piece, data, (starts[begin:], ends[begin:]), begin, rows)
        return rows.batch()

    def _take_header(self, names: list[str]) -> None:
        self._order = {name: number for number, name in enumerate(names)}
        self._is_usual = tuple(names[: len(_FIRST)]) == _FIRST

    def _read_lines(
        self, piece: bytes, data: NDArray[np.uint8], lines: tuple[Indices, Indices], begin: int, rows: _Rows
    ) -> None:
        """Read lines, given by where they start and end, that have the same order of columns; the first is `begin`."""
        starts, ends = lines
        usual = rows.add_usual(data, starts, ends, begin) if self._is_usual else np.zeros(len(starts), bool)
        for number in np.flatnonzero(~usual).tolist():
            self._read_one(piece[starts[number] : ends[number]], number + begin, rows)

    def _read_one(self, line: bytes, number: int, rows: _Rows) -> None:
        if number + rows.first_line == 1:
            line = line.removeprefix(BOM)
        if not line.strip() or _header(line) is not None:
            return
        rows.lines_read += 1
        try:
            rows.add(number, *self._parse(line))
        except ValueError as error:
            rows.reject(number, line, str(error))

    def _parse(self, line: bytes) -> tuple[str, int, int, int, bool]:
        """Station, day, column (-1 for an element that is not loaded), value and whether it is flagged, of a line.

        Raises:
            ValueError: saying what is wrong with it.
        """
        fields = _fields(line)
        element = fields[self._order["ELEMENT"]].strip() if len(fields) > self._order["ELEMENT"] else ""
        if _ELEMENT.fullmatch(element) and element.encode() not in ELEMENTS:
            return "", 0, -1, 0, False
        last = max(self._order[name] for name in _NEEDED)
        if len(fields) <= last:
            names = ",".join(itertools.islice(self._order, len(HEADER)))  # a header may be as long as a line
            raise ValueError(f"{len(fields)} fields instead of at least {last + 1} ({names})")
        code, date, text, quality = (
            fields[self._order[name]].strip() for name in ("ID", "DATE", "DATA_VALUE", "Q_FLAG")
        )
        if not _STATION.fullmatch(code.encode()):
            raise ValueError(f"'{code[:40]}' is no station of GHCN-Daily, which has 11 characters such as USC00110072")
        if not _ELEMENT.fullmatch(element):
            raise ValueError(f"'{element[:40]}' is no element, such as TMAX")
        day = parse_date(date.replace("-", "") if re.fullmatch(r"\d{4}-\d\d-\d\d", date) else date)
        column = ELEMENTS[element.encode()]
        if not re.fullmatch(r"[+-]?[0-9]{1,9}", text):
            raise ValueError(f"the value '{text[:40]}' is not a whole number")
        value, (low, high) = int(text), PHYSICAL_RANGE[column]
        if value != MISSING_IN_FILE and not quality and not low <= value <= high:
            raise ValueError(out_of_range(column, value))
        missing = value == MISSING_IN_FILE or bool(quality)
        return code, day, COLUMNS.index(column), int(MISSING) if missing else value, bool(quality)


class _Rows:
    """Collects the rows of a piece: the usual lines at once, the others one by one."""

    def __init__(self, first_line: int) -> None:
        self.first_line = first_line
        self._codes: dict[bytes, int] = {}
        self._parts: list[
            tuple[Indices, NDArray[np.int32], NDArray[np.int32], NDArray[np.int8], NDArray[np.int16]]
        ] = []
        self._single: list[tuple[int, int, int, int, int]] = []
        self._rejects = Rejects()
        self._flagged = 0
        self.lines_read = 0

    def reject(self, number: int, line: bytes, reason: str) -> None:
        """Note that a line cannot be read."""
        self._rejects.add(number + self.first_line, line, reason)

    def add(self, number: int, code: str, day: int, column: int, value: int, flagged: bool) -> None:
        """Take a single line."""
        if column >= 0:
            self._single.append((number, self._codes.setdefault(code.encode(), len(self._codes)), day, column, value))
            self._flagged += flagged

    def add_usual(self, data: NDArray[np.uint8], starts: Indices, ends: Indices, begin: int) -> NDArray[np.bool_]:
        """Take all lines that are of the usual form and without fault; which of them, the first being line `begin`."""
        done = np.zeros(len(starts), bool)
        plain = ends - starts >= _SHORTEST_LINE
        if not len(plain):
            return done
        # Quotes and what is not ASCII are for the slow way; hardly any file has them.
        text = data[starts[0] : ends[-1]]
        plain[np.searchsorted(ends, starts[0] + np.flatnonzero((text == ord('"')) | (text > 127)))] = False
        line = np.flatnonzero(plain)
        start = starts[line]
        formed = (data[start + 11] == ord(",")) & (data[start + 20] == ord(",")) & (data[start + 25] == ord(","))
        line, start = line[formed], start[formed]
        if not len(line):
            return done
        column = column_numbers(data[start[:, None] + np.arange(21, 25)])
        commas = _three_commas(data, start, ends[line], column >= 0)
        wanted = np.flatnonzero((column >= 0) & (commas[:, 2] < ends[line]))
        skipped = column < 0
        # A line of another element is not read any further; but what is no element at all is for the slow way.
        names = data[start[skipped][:, None] + np.arange(21, 25)]
        letter, digit = (names >= ord("A")) & (names <= ord("Z")), names - _ZERO <= 9
        skipped[skipped] = letter[:, 0] & (letter | digit).all(axis=1)
        done[line[skipped]] = True
        line, start, column, commas = line[wanted], start[wanted], column[wanted], commas[wanted]
        value, good = _values(data, start + _FIXED, commas[:, 0])
        day, exists = _days(data, start + 12)
        missing = value == MISSING_IN_FILE
        flag_width = commas[:, 2] - commas[:, 1] - 1
        flag = data[commas[:, 1] + 1]  # the comma after it where there is none
        flagged = (flag_width == 1) & (flag != ord(" "))
        good &= (flag_width <= 1) & (flag >= ord(" "))
        good &= exists & (missing | flagged | ((value >= LOWEST[column]) & (value <= HIGHEST[column])))
        station, known = self._stations(data[start[:, None] + np.arange(11)])
        good &= known
        stored = np.where(missing | flagged, MISSING, value).astype(np.int16)
        done[line[good]] = True
        self.lines_read += int(np.count_nonzero(done))
        self._flagged += int(np.count_nonzero(flagged & good))
        self._parts.append((line[good] + begin, station[good], day[good], column[good], stored[good]))
        return done

    def _stations(self, characters: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """The number of each line's station, and which of them can be one; lines of a station mostly come together."""
        codes = np.ascontiguousarray(characters).view("S11")[:, 0]
        if not len(codes):
            return np.empty(0, np.int32), np.empty(0, bool)
        first = np.flatnonzero(np.append(True, codes[1:] != codes[:-1]))
        numbers = np.full(len(first), -1, np.int32)
        can_be = IN_STATIONS[characters[first], np.arange(11)].all(axis=1)
        found = codes[first][can_be].tolist()
        for code in dict.fromkeys(found):
            self._codes.setdefault(code, len(self._codes))
        numbers[can_be] = np.fromiter(map(self._codes.__getitem__, found), np.int32, len(found))
        station = np.repeat(numbers, np.diff(np.append(first, len(codes))))
        return station, station >= 0

    def batch(self) -> Batch:
        """All that was taken, in the order of the lines."""
        if self._single:
            number, station, day, column, value = (np.array(one) for one in zip(*self._single, strict=True))
            self._parts.append(
                (number, station.astype(np.int32), day.astype(np.int32), column.astype(np.int8), value.astype(np.int16))
            )
        if not self._parts:
            empty = np.empty(0, np.int32)
            values = np.empty((0, len(COLUMNS)), np.int16)
            nothing = np.empty(0, np.int64)
            rejects = self._rejects
            return Batch(empty, empty, values, nothing, [], self.lines_read, rejects.lines, rejects.count)
        number, station, day, column, value = (np.concatenate(one) for one in zip(*self._parts, strict=True))
        if len(self._parts) > 1:
            order = np.argsort(number, kind="stable")
            number, station, day, column, value = (one[order] for one in (number, station, day, column, value))
        return Batch(
            station=station,
            day=day,
            values=one_value_rows(column, value),
            line=number + self.first_line,
            stations=[code.decode() for code in self._codes],
            lines_read=self.lines_read,
            rejected=self._rejects.lines,
            rejected_count=self._rejects.count,
            flagged=self._flagged,
        )


def _three_commas(data: NDArray[np.uint8], start: Indices, end: Indices, wanted: NDArray[np.bool_]) -> Indices:
    """Where the value, the measurement flag and the quality flag of each line end; `end` where there is no comma."""
    commas = np.flatnonzero(data == ord(","))
    found = np.repeat(end[:, None], 3, axis=1)
    first = np.searchsorted(commas, start[wanted] + _FIXED)
    padded = np.append(commas, [len(data)] * 3)
    found[wanted] = np.minimum(padded[first[:, None] + np.arange(3)], end[wanted][:, None])
    return found


def _values(data: NDArray[np.uint8], start: Indices, end: Indices) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """The whole numbers from `start` to before `end`, and which are numbers of at most six characters."""
    length = end - start
    good = (length >= 1) & (length <= _LONGEST_VALUE)
    value = np.zeros(len(start), np.int32)
    last = np.zeros(len(start), bool)
    negative = data[start] == ord("-")
    for position in range(_LONGEST_VALUE):
        inside = position < length
        digit = data[np.minimum(start + position, len(data) - 1)] - _ZERO
        is_digit = digit <= 9
        good &= is_digit | ~inside | (negative if position == 0 else False)
        value = np.where(inside & is_digit, value * 10 + digit, value)
        last |= inside & is_digit
    return np.where(negative, -value, value), good & last


def _days(data: NDArray[np.uint8], start: Indices) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Days since 1970-01-01 of the dates of eight digits at `start`, and which of them are dates."""
    digits = (data[start[:, None] + np.arange(8)] - _ZERO).astype(np.int32)
    year = digits[:, 0] * 1000 + digits[:, 1] * 100 + digits[:, 2] * 10 + digits[:, 3]
    day, exists = days_since_1970(year, digits[:, 4] * 10 + digits[:, 5], digits[:, 6] * 10 + digits[:, 7])
    return day, exists & (digits <= 9).all(axis=1)


def _fields(line: bytes) -> list[str]:
    try:
        return next(csv.reader([line.decode("utf-8").strip("\r\n")], strict=True))
    except UnicodeDecodeError:
        raise ValueError("it is no UTF-8") from None
    except csv.Error as error:
        raise ValueError(f"it is no line of CSV: {error}") from None


def _header(line: bytes) -> list[str] | None:
    """The names of the columns if the line is a header of this format, STATION counting as ID; else None."""
    if not any(word in line for word in _IN_HEADERS):
        return None
    try:
        names = [name.strip().upper().replace("STATION", "ID") for name in _fields(line.removeprefix(BOM))]
    except ValueError:
        return None
    return names if set(names) >= _NEEDED else None


def _headers(piece: bytes, starts: Indices, ends: Indices) -> Iterator[tuple[int, list[str]]]:
    """The number in the piece, from 0, and the names of columns of each line that is a header."""
    found = {match.start() for word in _IN_HEADERS if word in piece for match in re.finditer(word, piece)}
    for number in sorted(set(np.searchsorted(ends, list(found)).tolist())):
        names = _header(piece[starts[number] : ends[number]])
        if names is not None:
            yield number, names


def _matches(lines: Sequence[bytes]) -> bool:
    plain = [line.replace(b'"', b"").rstrip(b"\r\n") for line in lines]
    return any(_LINE.fullmatch(line) for line in plain) or any(_header(line) is not None for line in plain)


def _open(_file_name: str, _options: ReadOptions) -> CsvReader:
    return CsvReader()


FORMAT = Format(name="ghcn-csv", title="GHCN-Daily CSV", matches=_matches, open_reader=_open)
