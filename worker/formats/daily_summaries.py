"""NCEI "daily summaries" CSV: a station-day a line, in the units that were chosen on export and are not in the file.

The header is quoted and begins with "STATION". Because the same file may be in degrees F and inches or in degrees C and
millimetres, it is refused until the units are configured. Attributes columns, which only some exports have, hold the
flags "measurement,quality,source" of the column before them.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

import numpy as np

from worker.formats.batch import ABSENT, COLUMNS, MISSING, PHYSICAL_RANGE, Batch
from worker.formats.format import Format, ReadOptions, UnrecognisedFileError
from worker.formats.rejects import Rejects
from worker.formats.values import BOM, is_formula, name_of, out_of_range, parse_date

_MM_PER_INCH = Decimal("25.4")
_NUMBER = re.compile(r"-?[0-9]{1,5}(\.[0-9]{1,4})?")


class DailySummariesReader:
    """Reads daily summaries in `metric` (degrees C, mm) or `standard` (degrees F, inches) units."""

    def __init__(self, units: str) -> None:
        self._standard = units == "standard"
        self._order: dict[str, int] = {}
        self._columns = 0

    def read(self, piece: bytes, first_line: int) -> Batch:
        """The observations in a piece: see `Reader`."""
        codes: dict[str, int] = {}
        rows: list[tuple[int, int, int, list[int]]] = []
        rejects = Rejects()
        lines_read = flagged = 0
        for number, line in enumerate(piece.split(b"\n"), first_line):
            if not line.strip():
                continue
            names = _header(line.removeprefix(BOM))
            if names is not None:
                self._order = {name: position for position, name in enumerate(names)}
                self._columns = len(names)
                continue
            lines_read += 1
            try:
                code, day, values, left_out = self._parse(line)
            except ValueError as error:
                rejects.add(number, line, str(error))
                continue
            flagged += left_out
            if set(values) != {int(ABSENT)}:  # a file of other elements says nothing of these days
                rows.append((codes.setdefault(code, len(codes)), day, number, values))
        return Batch(
            station=np.array([row[0] for row in rows], np.int32),
            day=np.array([row[1] for row in rows], np.int32),
            values=np.array([row[3] for row in rows], np.int16).reshape(-1, len(COLUMNS)),
            line=np.array([row[2] for row in rows], np.int64),
            stations=list(codes),
            lines_read=lines_read,
            rejected=rejects.lines,
            rejected_count=rejects.count,
            flagged=flagged,
        )

    def _parse(self, line: bytes) -> tuple[str, int, list[int], int]:
        try:
            fields = next(csv.reader([line.decode("utf-8").strip("\r\n")], strict=True))
        except UnicodeDecodeError:
            raise ValueError("it is no UTF-8") from None
        except csv.Error as error:
            raise ValueError(f"it is no line of CSV: {error}") from None
        if len(fields) != self._columns:
            raise ValueError(f"{len(fields)} fields instead of the {self._columns} of the header")
        code = fields[self._order["STATION"]].strip()
        if not code or len(code) > 64 or not code.isprintable() or is_formula(code):
            raise ValueError(f"'{code[:40]}' is no code of a station")
        day = parse_date(fields[self._order["DATE"]].strip().replace("-", ""))
        values, flagged = [int(ABSENT)] * len(COLUMNS), 0
        for number, column in enumerate(COLUMNS):
            position = self._order.get(column.upper())
            if position is None:
                continue
            text, flags = fields[position].strip(), self._order.get(f"{column.upper()}_ATTRIBUTES")
            values[number] = int(MISSING)
            if flags is not None and text and fields[flags].split(",")[1:2] not in ([], [""], [" "]):
                flagged += 1
            elif text:
                values[number] = self._converted(column, text)
        return code, day, values, flagged

    def _converted(self, column: str, text: str) -> int:
        """The value in the units of the table, rounded to the nearest."""
        if not _NUMBER.fullmatch(text):
            raise ValueError(f"the {name_of(column)} '{text[:40]}' is not a number")
        value = Decimal(text)
        if column in {"tmax", "tmin"}:
            exact = (value - 32) / Decimal("1.8") * 10 if self._standard else value * 10
        else:
            in_mm = value * _MM_PER_INCH if self._standard else value
            exact = in_mm * 10 if column == "prcp" else in_mm
        converted = int(exact.to_integral_value(ROUND_HALF_UP))
        low, high = PHYSICAL_RANGE[column]
        if not low <= converted <= high:
            raise ValueError(out_of_range(column, converted))
        return converted


def _header(line: bytes) -> list[str] | None:
    text = line.decode("latin-1").strip().upper()
    if not text.startswith(('"STATION"', "STATION,")):
        return None
    try:
        names = [name.strip() for name in next(csv.reader([text]))]
    except csv.Error:
        return None
    return names if {"STATION", "DATE"} <= {*names} and "ELEMENT" not in names else None


def _matches(lines: Sequence[bytes]) -> bool:
    return bool(lines) and _header(lines[0]) is not None


def _open(_file_name: str, options: ReadOptions) -> DailySummariesReader:
    if options.daily_summaries_units is None:
        raise UnrecognisedFileError(
            "it is an NCEI daily summaries file, which does not say whether its values are in degrees F and inches "
            "or in degrees C and millimetres: set WINDSOCK_DAILY_SUMMARIES_UNITS to standard or metric, then run the "
            "worker with --retry-failed"
        )
    return DailySummariesReader(options.daily_summaries_units)


FORMAT = Format(name="daily-summaries", title="NCEI daily summaries", matches=_matches, open_reader=_open)
