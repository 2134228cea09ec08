"""The elements of GHCN-Daily that are loaded, and rows with one element each."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from worker.formats.batch import ABSENT, COLUMNS, PHYSICAL_RANGE

# Section III of GHCN-Daily's readme.txt: temperatures in tenths of a degree C, PRCP in tenths of mm, snow in mm. They
# are the units of the table, so that values are taken as they are.
ELEMENTS = {b"TMAX": "tmax", b"TMIN": "tmin", b"PRCP": "prcp", b"SNOW": "snow", b"SNWD": "snwd"}

MISSING_IN_FILE = -9999

STATION_PATTERN = rb"[A-Z]{2}[A-Z0-9_-]{9}"

# The same as a table: whether a byte can be at one of the eleven places; shape (256, 11).
IN_STATIONS = np.zeros((256, 11), bool)
for _byte in range(256):
    IN_STATIONS[_byte] = [
        re.fullmatch(STATION_PATTERN, b"A" * at + bytes([_byte]) + b"A" * (10 - at)) for at in range(11)
    ]

# An element's four characters as one number, as NumPy sees them in place.
_NUMBERS = {int.from_bytes(name, "little"): COLUMNS.index(column) for name, column in ELEMENTS.items()}

LOWEST = np.array([PHYSICAL_RANGE[column][0] for column in COLUMNS], np.int32)
HIGHEST = np.array([PHYSICAL_RANGE[column][1] for column in COLUMNS], np.int32)


def column_numbers(names: NDArray[np.uint8]) -> NDArray[np.int8]:
    """The column of COLUMNS of each element's name, -1 for elements that are not loaded; names of shape (n, 4)."""
    numbers = np.ascontiguousarray(names).view("<u4")[:, 0]
    columns = np.full(len(numbers), -1, np.int8)
    for number, column in _NUMBERS.items():
        columns[numbers == number] = column
    return columns


def one_value_rows(column: NDArray[np.int8], value: NDArray[np.int16]) -> NDArray[np.int16]:
    """Rows of a batch's values in which only the given column has a value."""
    rows = np.full((len(column), len(COLUMNS)), ABSENT, np.int16)
    rows[np.arange(len(column)), column] = value
    return rows
