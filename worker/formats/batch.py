"""What a reader makes of a piece of a file: arrays of observations, and the lines that could not be read.

Readers are pure: bytes in, a `Batch` out. They know nothing of files, databases or other pieces of the same file.
"""

from __future__ import annotations

import dataclasses
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

COLUMNS = ("tmax", "tmin", "prcp", "snow", "snwd")
"""The columns of a batch's values, in the units and with the names of the table `observation`."""

MISSING = np.int16(-32768)
"""A value that the line gives as missing: it becomes NULL, also where the database has an older value."""

ABSENT = np.int16(-32767)
"""A value that the line says nothing about, such as the precipitation on a line of the element TMAX."""

# What can be: the records of the World Meteorological Organization (https://wmo.asu.edu) are 56.7 and -89.2 degrees C,
# 1,825 mm of rain in a day, about 2.6 m of snow in a day and 11.8 m lying, with room above them for a new record.
PHYSICAL_RANGE = {
    "tmax": (-1000, 650),  # tenths of a degree C
    "tmin": (-1000, 650),
    "prcp": (0, 20_000),  # tenths of a mm
    "snow": (0, 5_000),  # mm
    "snwd": (0, 20_000),  # mm
}


REJECTED_LINES_KEPT = 1_000
"""Of the lines of a file that are rejected so many are kept; all are counted."""


@dataclasses.dataclass(frozen=True, slots=True)
class RejectedLine:
    """A line that could not be loaded: its number in the file from 1, its text, and why, in words for a person."""

    line: int
    text: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Batch:
    """The observations of one piece of a file, one row for each line (for each day of a line in `.dly`), in file order.

    Each row gives at least one value, if only to say that it is missing.

    station: index into `stations` of each row, int32, shape (n,)
    day: days since 1970-01-01 (as in datetime64[D]), int32, shape (n,)
    values: int16, shape (n, 5), columns as in COLUMNS; MISSING and ABSENT are not values
    line: the line's number in the file, counted from 1, int64, shape (n,)
    stations: the distinct codes of the stations in this piece
    lines_read: lines with data in the piece, those rejected included, blank lines and headers not
    rejected: the first REJECTED_LINES_KEPT of the lines that could not be read
    rejected_count: how many could not be read
    flagged: values left out because the source marked them as having failed a check
    """

    station: NDArray[np.int32]
    day: NDArray[np.int32]
    values: NDArray[np.int16]
    line: NDArray[np.int64]
    stations: list[str]
    lines_read: int
    rejected: list[RejectedLine]
    rejected_count: int = 0
    flagged: int = 0


class Reader(Protocol):
    """Reads one file, piece by piece."""

    def read(self, piece: bytes, first_line: int) -> Batch:
        """The observations in `piece`, which is made of whole lines, the last of the file perhaps without a line end.

        `first_line` is the number of the piece's first line in the file, counted from 1.
        """
        ...
