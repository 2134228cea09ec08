"""What all formats share: dates and numbers from columns of digits, limits, and how they are told to a person."""

from __future__ import annotations

import datetime

import numpy as np
from numpy.typing import NDArray

from runtime.texts import visible
from worker.formats.batch import PHYSICAL_RANGE

# Daily observations begin in 1763 (Milan); a later date than this is a typing error.
FIRST_YEAR, LAST_YEAR = 1700, 2200

TEXT_KEPT = 500
REASON_KEPT = 500

# OWASP's list of what makes a spreadsheet take a cell for a formula (CSV injection), each also in its wide form.
# Tabulators and line ends, the rest of it, are in no code and no name anyhow.
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")

BOM = b"\xef\xbb\xbf"
"""What some programs put before text in UTF-8; it says nothing."""

_NAMES = {
    "tmax": "maximum temperature",
    "tmin": "minimum temperature",
    "prcp": "precipitation",
    "snow": "snowfall",
    "snwd": "snow depth",
}

_DAYS_BEFORE_MONTH = np.array([0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 0, 0, 0], np.int32)
_DAYS_OF_MONTH = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0, 0, 0], np.int32)


def days_since_1970(
    year: NDArray[np.int32], month: NDArray[np.int32], day: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Days since 1970-01-01 in the Gregorian calendar, and which of the dates exist within the years accepted."""
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    # A month of 99 is looked up as 13, which has no days.
    known = np.minimum(month, 13)
    exists = (day >= 1) & (day <= _DAYS_OF_MONTH[known] + (leap & (month == 2)))
    exists &= (year >= FIRST_YEAR) & (year <= LAST_YEAR)
    before = year - 1
    days = year * 365 + before // 4 - before // 100 + before // 400 + _DAYS_BEFORE_MONTH[known]
    return days + (leap & (month > 2)) + day - 719_528, exists


def parse_date(text: str) -> int:
    """The days since 1970-01-01 of a date as YYYYMMDD.

    Raises:
        ValueError: saying what is wrong with it.
    """
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"the date '{text[:40]}' is not a number as YYYYMMDD")
    if len(text) != 8:
        raise ValueError(f"the date {text[:40]} has {len(text)} digits; a date is YYYYMMDD")
    try:
        date = datetime.date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        raise ValueError(f"the date {text} does not exist") from None
    if not FIRST_YEAR <= date.year <= LAST_YEAR:
        raise ValueError(f"the date {text} is outside the years {FIRST_YEAR} to {LAST_YEAR}")
    return (date - datetime.date(1970, 1, 1)).days


def out_of_range(column: str, value: int) -> str:
    """Why a value of a column cannot be, in the units of the column and of people."""
    low, high = PHYSICAL_RANGE[column]
    if column in {"tmax", "tmin"}:
        return (
            f"the {_NAMES[column]} is {value} ({value / 10:.1f} degrees C), "
            f"outside {low / 10:.1f} to {high / 10:.1f} degrees C"
        )
    if column == "prcp":
        return f"the {_NAMES[column]} is {value} ({value / 10:.1f} mm), outside {low / 10:.1f} to {high / 10:.1f} mm"
    return f"the {_NAMES[column]} is {value} mm, outside {low} to {high} mm"


def name_of(column: str) -> str:
    """What a person calls a column."""
    return _NAMES[column]


def shown(line: bytes) -> str:
    """A line as text that can be stored and shown: what is no UTF-8 or cannot be printed is escaped; shortened."""
    text = line.rstrip(b"\r\n")[: TEXT_KEPT * 4].decode("utf-8", "backslashreplace")
    return "\t".join(map(visible, text.split("\t")))[:TEXT_KEPT]


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would calculate this text, or run it, where it stands in a CSV file."""
    return text.startswith(_FORMULA)
