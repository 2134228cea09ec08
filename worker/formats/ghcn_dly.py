"""GHCN-Daily `.dly`: a station, a month and an element a line of 269 columns (section III of NOAA's readme.txt).

Station 1-11, year 12-15, month 16-17, element 18-21; then for each of 31 days a value of five columns and three flags:
measurement, quality, source. -9999 is missing, and is what stands for days past the end of the month. A value with a
quality flag has failed a check: it is left out and counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from worker.formats.batch import COLUMNS, MISSING, REJECTED_LINES_KEPT, Batch
from worker.formats.elements import (
    ELEMENTS,
    HIGHEST,
    LOWEST,
    MISSING_IN_FILE,
    STATION_PATTERN,
    column_numbers,
    one_value_rows,
)
from worker.formats.format import Format, ReadOptions
from worker.formats.rejects import Rejects
from worker.formats.values import BOM, FIRST_YEAR, LAST_YEAR, days_since_1970, out_of_range, shown

WIDTH = 269
_DAYS = 31
_DAY_WIDTH = 8

_HEAD = re.compile(STATION_PATTERN + rb"\d{6}[A-Z][A-Z0-9]{3}")
_LINE = re.compile(_HEAD.pattern + rb"(?:[ \d-]{5}...)+")
_GROUP = re.compile(rb" *-?\d+")


class DlyReader:
    """Reads lines of `.dly`, of one station or of many."""

    def read(self, piece: bytes, first_line: int) -> Batch:
        """The observations in a piece: see `Reader`."""
        good: list[bytes] = []
        numbers: list[int] = []
        rejects = Rejects()
        lines_read = 0
        for number, line in enumerate(piece.split(b"\n"), first_line):
            text = (line.removeprefix(BOM) if number == 1 else line).removesuffix(b"\r")
            if not text.strip():
                continue
            lines_read += 1
            try:
                padded = _checked(text)
            except ValueError as error:
                rejects.add(number, line, str(error))
                continue
            if padded is not None:
                good.append(padded)
                numbers.append(number)
        lines = np.frombuffer(b"".join(good), np.uint8).reshape(-1, WIDTH)
        return _batch(lines, np.array(numbers, np.int64), lines_read, rejects)


def _checked(line: bytes) -> bytes | None:
    """The line in full width if it is of an element that is loaded, None if it is of another.

    Raises:
        ValueError: saying what is wrong with it.
    """
    if not _HEAD.match(line):
        raise ValueError("it does not begin with a station, a year, a month and an element")
    year, month = int(line[11:15]), int(line[15:17])
    if not 1 <= month <= 12 or not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(f"the month {line[11:17].decode()} does not exist, or not from {FIRST_YEAR} to {LAST_YEAR}")
    if len(line) > WIDTH and line[WIDTH:].strip():
        raise ValueError(f"it has {len(line)} characters instead of {WIDTH}")
    line = line[:WIDTH]
    if len(line) < WIDTH:
        # Some programs strip the blanks of the last day's flags: nothing is lost then.
        if len(line) < WIDTH - 3:
            raise ValueError(f"cut off after {len(line)} of {WIDTH} characters")
        line = line.ljust(WIDTH)
    if line[17:21] not in ELEMENTS:
        return None
    for day in range(_DAYS):
        start = 21 + day * _DAY_WIDTH
        if not _GROUP.fullmatch(line, start, start + 5):
            raise ValueError(f"the value '{shown(line[start : start + 5])}' of day {day + 1} is not a whole number")
    return line


def _batch(lines: NDArray[np.uint8], number: NDArray[np.int64], lines_read: int, rejects: Rejects) -> Batch:
    codes: dict[bytes, int] = {}
    station_of_line = np.array([codes.setdefault(line[:11].tobytes(), len(codes)) for line in lines], np.int32)
    column_of_line = column_numbers(lines[:, 17:21])
    groups = lines[:, 21:].reshape(len(lines), _DAYS, _DAY_WIDTH)
    value = _values(groups)
    digits = (lines[:, 11:17] - ord("0")).astype(np.int32)
    year = digits[:, 0] * 1000 + digits[:, 1] * 100 + digits[:, 2] * 10 + digits[:, 3]
    month = digits[:, 4] * 10 + digits[:, 5]
    shape = value.shape
    day, exists = days_since_1970(
        np.broadcast_to(year[:, None], shape),
        np.broadcast_to(month[:, None], shape),
        np.broadcast_to(np.arange(1, _DAYS + 1, dtype=np.int32), shape),
    )
    missing = value == MISSING_IN_FILE
    flagged = ~missing & exists & (groups[:, :, 6] != ord(" "))
    column = np.broadcast_to(column_of_line[:, None], shape)
    impossible = ~missing & exists & ~flagged & ((value < LOWEST[column]) | (value > HIGHEST[column]))
    past_the_end = ~missing & ~exists
    days_rejected = Rejects()
    rejected = impossible | past_the_end
    for row, at in np.argwhere(rejected)[:REJECTED_LINES_KEPT]:
        name = COLUMNS[column_of_line[row]]
        reason = (
            f"day {at + 1}: {out_of_range(name, int(value[row, at]))}; the line's other days were loaded"
            if impossible[row, at]
            else f"it has a value for day {at + 1} of a month that is shorter; its other days were loaded"
        )
        days_rejected.add(int(number[row]), lines[row].tobytes(), reason)
    kept = exists & ~impossible
    stored = np.where(missing | flagged, MISSING, value.astype(np.int16))
    return Batch(
        station=np.broadcast_to(station_of_line[:, None], shape)[kept],
        day=day[kept],
        values=one_value_rows(column[kept], stored[kept]),
        line=np.broadcast_to(number[:, None], shape)[kept],
        stations=[code.decode() for code in codes],
        lines_read=lines_read,
        rejected=sorted(rejects.lines + days_rejected.lines, key=lambda one: one.line)[:REJECTED_LINES_KEPT],
        rejected_count=rejects.count + int(np.count_nonzero(rejected)),
        flagged=int(np.count_nonzero(flagged)),
    )


def _values(groups: NDArray[np.uint8]) -> NDArray[np.int32]:
    """The values of the groups, whose five characters are known to be blanks, a minus and digits."""
    value = np.zeros(groups.shape[:2], np.int32)
    for position in range(5):
        digit = groups[:, :, position] - ord("0")
        value = np.where(digit <= 9, value * 10 + digit, value)
    negative = (groups[:, :, :5] == ord("-")).any(axis=2)
    return np.where(negative, -value, value)


def _matches(lines: Sequence[bytes]) -> bool:
    return any(_LINE.match(line) and len(line) > 21 + _DAY_WIDTH for line in lines)


def _open(_file_name: str, _options: ReadOptions) -> DlyReader:
    return DlyReader()


FORMAT = Format(name="ghcn-dly", title="GHCN-Daily .dly", matches=_matches, open_reader=_open)
