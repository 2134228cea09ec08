"""Station files: one station a file, one day a line.

A line is a date as YYYYMMDD, a tabulator, the maximum temperature, a tabulator, the minimum temperature (both in tenths
of a degree C), a tabulator, the precipitation (tenths of a mm); -9999 is missing. The station is in the file's name.
Real files pad each number to five characters, which makes lines of exactly 27 bytes: those are read all at once with
NumPy, all others one by one, with the reason where one cannot be read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from worker.formats.batch import ABSENT, COLUMNS, MISSING, PHYSICAL_RANGE, Batch
from worker.formats.format import Format, ReadOptions, UnrecognisedFileError
from worker.formats.rejects import Rejects
from worker.formats.values import BOM, days_since_1970, is_formula, name_of, out_of_range, parse_date, shown

FIELDS = ("tmax", "tmin", "prcp")
MISSING_IN_FILE = -9999
LONGEST_CODE = 64

_WIDTH = 27  # with the line end
_FIELD_STARTS = (9, 15, 21)
_SHORT = 20 * _WIDTH  # so few lines, such as the new ones of a day, are read faster one by one

_LINE = re.compile(rb"(\d+)[ ]*\t[ ]*([+-]?\d+)[ ]*\t[ ]*([+-]?\d+)[ ]*\t[ ]*([+-]?\d+)[ ]*")

# A GHCN-Daily station: country (2 letters), network (1), number (8); see section III of NOAA's readme.txt.
_GHCN_ID = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}[A-Z0-9]{9}(?![A-Za-z0-9])")
_DIGITS_OF_AN_ID = 4  # at least: WEATHERDATA has none
_EXTENSIONS = re.compile(r"(\.(txt|csv|tsv|dat|dly|gz))+$", re.IGNORECASE)


def station_code(file_name: str) -> str:
    """The code of the station in a file's name: the GHCN id in it, else the name without its extensions.

    Raises:
        UnrecognisedFileError: nothing is left of the name, or it is too long or cannot be printed.
    """
    found = ghcn_id(file_name)
    if found is not None:
        return found
    stem = unicodedata.normalize("NFC", _EXTENSIONS.sub("", file_name)).strip()
    if not stem or len(stem) > LONGEST_CODE or not stem.isprintable() or is_formula(stem):
        raise UnrecognisedFileError(
            f"its name is no code of a station: it should be 1 to {LONGEST_CODE} printable characters, not beginning "
            "with one of = + - @, and an extension such as USC00110072.txt"
        )
    return stem


def ghcn_id(file_name: str) -> str | None:
    """The one GHCN id in a file's name; None where there is none, or more than one."""
    ids = {found for found in _GHCN_ID.findall(file_name) if sum(map(str.isdigit, found)) >= _DIGITS_OF_AN_ID}
    return ids.pop() if len(ids) == 1 else None


class StationFileReader:
    """Reads the file of one station."""

    def __init__(self, file_name: str) -> None:
        self._code = station_code(file_name)

    def read(self, piece: bytes, first_line: int) -> Batch:
        """The observations in a piece: see `Reader`."""
        data = np.frombuffer(piece, np.uint8)
        is_short = 0 < len(data) < _SHORT
        if len(data) % _WIDTH == 0 and not is_short:
            # The usual case: every line is padded, and then no line ends need be looked for.
            day, values, good = _padded_lines(data.reshape(-1, _WIDTH))
            if good.all():
                return self._batch(
                    day, values, np.arange(first_line, first_line + len(day), dtype=np.int64), len(day), Rejects()
                )
        ends = np.flatnonzero(data == ord("\n")) + 1
        if not len(ends) or ends[-1] != len(data):
            ends = np.append(ends, len(data))
        starts = np.concatenate(([0], ends[:-1]))
        padded = np.flatnonzero((ends - starts == _WIDTH) & (data[ends - 1] == ord("\n")) & (not is_short))
        day, values, good = _padded_lines(data[starts[padded][:, None] + np.arange(_WIDTH)])
        other = (ends - starts > 1) | (data[starts] != ord("\n"))  # not an empty line
        other[padded[good]] = False
        others = np.flatnonzero(other)
        return self._with_others(piece, first_line, (padded[good], day[good], values[good]), starts, ends, others)

    def _with_others(
        self,
        piece: bytes,
        first_line: int,
        padded: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int16]],
        starts: NDArray[np.int64],
        ends: NDArray[np.int64],
        others: NDArray[np.int64],
    ) -> Batch:
        index, day, values = padded
        rejects = Rejects()
        read: list[tuple[int, int, list[int]]] = []
        for number in others.tolist():
            line = piece[starts[number] : ends[number]].rstrip(b"\r\n")
            if first_line + number == 1:
                line = line.removeprefix(BOM)
            if not line.strip(b" \t\r\x1a"):  # 0x1A ends the text files of DOS
                continue
            try:
                read.append((number, *_parse(line)))
            except ValueError as error:
                rejects.add(first_line + number, line, str(error))
        if read:
            index = np.concatenate((index, [number for number, _, _ in read]))
            day = np.concatenate((day, np.array([one for _, one, _ in read], np.int32)))
            values = np.concatenate((values, np.array([one for _, _, one in read], np.int16)))
            order = np.argsort(index)
            index, day, values = index[order], day[order], values[order]
        return self._batch(day, values, index + first_line, len(day) + rejects.count, rejects)

    def _batch(
        self,
        day: NDArray[np.int32],
        values: NDArray[np.int16],
        line: NDArray[np.int64],
        lines_read: int,
        rejects: Rejects,
    ) -> Batch:
        station = np.zeros(len(day), np.int32)
        return Batch(station, day, values, line, [self._code], lines_read, rejects.lines, rejects.count)


def _padded_lines(lines: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.int16], NDArray[np.bool_]]:
    """Days, values and which lines could be read, of lines of 27 bytes; shape (n, 27)."""
    if not len(lines):
        return np.empty(0, np.int32), np.empty((0, len(COLUMNS)), np.int16), np.empty(0, bool)
    columns = np.ascontiguousarray(lines.T)  # a column is read a dozen times: side by side that is much faster
    good = (columns[26] == ord("\n")) & (columns[8] == ord("\t"))
    good &= (columns[14] == ord("\t")) & (columns[20] == ord("\t"))
    digits = columns[:8] - ord("0")
    good &= (digits <= 9).all(axis=0)
    date = digits.astype(np.int16)
    century, year = date[0] * 10 + date[1], date[2] * 10 + date[3]
    month, dom = date[4] * 10 + date[5], date[6] * 10 + date[7]
    day, exists = days_since_1970(century.astype(np.int32) * 100 + year, month.astype(np.int32), dom.astype(np.int32))
    good &= exists
    values = np.full((len(lines), len(COLUMNS)), ABSENT, np.int16)
    for column, start in zip(FIELDS, _FIELD_STARTS, strict=True):
        value, is_number = _padded_number(columns[start : start + 5])
        missing = value == MISSING_IN_FILE
        low, high = PHYSICAL_RANGE[column]
        good &= is_number & (missing | ((value >= low) & (value <= high)))
        values[:, COLUMNS.index(column)] = np.where(missing, MISSING, value)
    return day, values, good


def _padded_number(characters: NDArray[np.uint8]) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """The numbers in columns of five characters, padded with blanks on the left, and which of them are numbers."""
    # A sum over the columns, in which every character but a digit counts as 0. The pattern is: blanks, a minus or none,
    # digits; so no blank or minus after a digit, no blank after a minus, and a digit at the end.
    value = np.zeros(characters.shape[1], np.int32)
    begun = np.zeros(characters.shape[1], bool)
    negative = np.zeros(characters.shape[1], bool)
    good = np.ones(characters.shape[1], bool)
    for character in characters:
        digit = character - ord("0")
        is_digit = digit <= 9
        minus = character == ord("-")
        good &= is_digit | (~begun & ((character == ord(" ")) | minus))
        negative |= minus
        begun |= is_digit | minus
        value = value * 10 + np.where(is_digit, digit, 0)
    good &= characters[-1] - ord("0") <= 9
    good &= value <= np.iinfo(np.int16).max
    return np.where(negative, -value, value).astype(np.int16), good


def _parse(line: bytes) -> tuple[int, list[int]]:
    """The day and the five values of a line.

    Raises:
        ValueError: saying what is wrong with it.
    """
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError(_what_is_wrong(line))
    values = [int(ABSENT)] * len(COLUMNS)
    day = parse_date(match[1].decode())
    for column, text in zip(FIELDS, match.groups()[1:], strict=True):
        if len(text) > 9:  # a number that long is no measurement, and may be as long as the line
            raise ValueError(f"the {name_of(column)} has {len(text)} digits")
        value = int(text)
        low, high = PHYSICAL_RANGE[column]
        if value == MISSING_IN_FILE:
            value = int(MISSING)
        elif not low <= value <= high:
            raise ValueError(out_of_range(column, value))
        values[COLUMNS.index(column)] = value
    return day, values


def _what_is_wrong(line: bytes) -> str:
    fields = line.split(b"\t")
    wanted = "date, maximum, minimum and precipitation, with tabulators between"
    if len(fields) != 4:
        return f"{len(fields)} field{'s' if len(fields) != 1 else ''} instead of 4 ({wanted})"
    date, *numbers = (shown(field.strip(b" "))[:40] for field in fields)
    parse_date(date)
    for column, text in zip(FIELDS, numbers, strict=True):
        if not re.fullmatch(r"[+-]?[0-9]+", text):
            return f"the {name_of(column)} '{text}' is not a whole number"
    return f"it is not a line of a station file ({wanted})"


def _matches(lines: Sequence[bytes]) -> bool:
    return any(_LINE.fullmatch(line.rstrip(b"\r\n")) for line in lines)


def _open(file_name: str, _options: ReadOptions) -> StationFileReader:
    return StationFileReader(file_name)


FORMAT = Format(
    name="station-file",
    title="station file",
    matches=_matches,
    open_reader=_open,
    appendable=True,
)
