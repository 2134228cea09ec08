"""The observations of one file put together: a row a station-day; of two lines for the same value the later wins."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from worker.formats.batch import ABSENT, COLUMNS, MISSING, REJECTED_LINES_KEPT, Batch, RejectedLine

# The code of a station takes as much memory as so many rows.
ROWS_OF_A_STATION = 3

_UNITS = {"tmax": "tenths of a degree C", "tmin": "tenths of a degree C", "prcp": "tenths of a mm"}
_UNITS |= {"snow": "mm", "snwd": "mm"}


@dataclasses.dataclass(frozen=True)
class Rows:
    """Station-days in the order of station and day, each once.

    station: index into `stations`, int32, shape (n,)
    day: days since 1970-01-01, int32, shape (n,)
    values: int16, shape (n, 5), columns as in COLUMNS, MISSING where there is none
    columns: those of COLUMNS that the file says anything about; the others are none of its business
    duplicates: lines that repeat what the file says elsewhere
    contradicted: lines that a later line of the file contradicts
    superseded: the first REJECTED_LINES_KEPT of those
    """

    stations: list[str]
    station: NDArray[np.int32]
    day: NDArray[np.int32]
    values: NDArray[np.int16]
    columns: tuple[str, ...]
    duplicates: int
    contradicted: int
    superseded: list[RejectedLine]

    @property
    def warnings(self) -> int:
        """Days whose maximum temperature is below their minimum: real files have them, and they are loaded."""
        tmax, tmin = self.values[:, COLUMNS.index("tmax")], self.values[:, COLUMNS.index("tmin")]
        return int(np.count_nonzero((tmax < tmin) & (tmax != MISSING)))


class Collector:
    """Collects the batches of a file as long as they are few enough to be held in memory."""

    def __init__(self) -> None:
        self.stations: dict[str, int] = {}
        self._batches: list[tuple[NDArray[np.int32], Batch]] = []
        self.size = 0

    def add(self, batch: Batch, room: int) -> bool:
        """Take the next batch of the file, unless there is no room for it: for so many rows."""
        if self.size + len(batch.day) + len(self.stations) * ROWS_OF_A_STATION > room:
            return False
        numbers = [self.stations.setdefault(code, len(self.stations)) for code in batch.stations]
        if len(batch.day):
            self._batches.append((np.array(numbers, np.int32)[batch.station], batch))
            self.size += len(batch.day)
        return True

    def add_rest_of_day(self, batch: Batch) -> Batch:
        """Take the rows at the beginning of a batch that go on with the last station's day, and return the others."""
        if not self._batches or not len(batch.day):
            return batch
        last = self._batches[-1][1]
        goes_on = batch.day == last.day[-1]
        goes_on &= np.array(batch.stations)[batch.station] == last.stations[last.station[-1]]
        end = len(goes_on) if goes_on.all() else int(np.argmin(goes_on))
        self.add(_part(batch, slice(end)), sys.maxsize)
        return _part(batch, slice(end, None))

    def drain(self, take: Callable[[Batch], None]) -> None:
        """Hand over the batches in their order, and keep none."""
        for _, batch in self._batches:
            take(batch)
        self._batches.clear()
        self.stations.clear()

    def rows(self) -> Rows:
        """All that was added, put together; it is handed over and no longer held."""
        if not self._batches:
            return Rows([], _none(np.int32), _none(np.int32), np.empty((0, len(COLUMNS)), np.int16), (), 0, 0, [])
        batches, self._batches = self._batches, []
        joined = [
            np.concatenate([station for station, _ in batches]),
            np.concatenate([batch.day for _, batch in batches]),
            np.concatenate([batch.values for _, batch in batches]),
            np.concatenate([batch.line for _, batch in batches]),
        ]
        del batches  # and nothing else holds what is sorted into new arrays below
        line, values, day, station = (joined.pop() for _ in range(4))
        return combine(list(self.stations), station, day, values, line)


def _part(batch: Batch, rows: slice) -> Batch:
    return dataclasses.replace(
        batch, station=batch.station[rows], day=batch.day[rows], values=batch.values[rows], line=batch.line[rows]
    )


def without_runs(batch: Batch) -> Batch:
    """Lines of one station-day that follow each other, each with another element, become one row: that of the first."""
    key = (batch.station.astype(np.int64) << 32) + batch.day
    first = np.flatnonzero(np.diff(key, prepend=-1) != 0)
    given = batch.values != ABSENT
    if len(first) == len(key) or np.any(np.add.reduceat(given.astype(np.int8), first, axis=0) > 1):
        return batch  # nothing to shorten, or a repeat that is to be counted
    group = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(key))))
    values = np.full((len(first), len(COLUMNS)), ABSENT, np.int16)
    row, column = np.nonzero(given)
    values[group[row], column] = batch.values[row, column]
    return dataclasses.replace(
        batch, station=batch.station[first], day=batch.day[first], values=values, line=batch.line[first]
    )


def _none(kind: type[np.int32]) -> NDArray[np.int32]:
    return np.empty(0, kind)


def combine(
    stations: list[str],
    station: NDArray[np.int32],
    day: NDArray[np.int32],
    values: NDArray[np.int16],
    line: NDArray[np.int64],
) -> Rows:
    """Put the rows of a file together, given in the order of their lines, with the shapes and units of `Batch`."""
    spoken_of = (values != ABSENT).any(axis=0)
    columns = tuple(column for column, given in zip(COLUMNS, spoken_of, strict=True) if given)
    key = (station.astype(np.int64) << 32) + day
    if np.all(key[1:] > key[:-1]):
        return Rows(stations, station, day, np.where(values == ABSENT, MISSING, values), columns, 0, 0, [])
    if np.any(key[1:] < key[:-1]):
        order = np.argsort(key, kind="stable")  # stable: the lines of one day stay in the order of the file
        key, station, day = key[order], station[order], day[order]
        values, line = values[order], line[order]
        del order
        if np.all(key[1:] > key[:-1]):
            return Rows(stations, station, day, np.where(values == ABSENT, MISSING, values), columns, 0, 0, [])
    first = np.flatnonzero(np.diff(key, prepend=key[0] - 1))
    group = np.cumsum(np.diff(key, prepend=key[0]) != 0)
    combined = np.full((len(first), len(COLUMNS)), MISSING, np.int16)
    repeated = np.zeros(len(key), bool)
    contradicted = np.zeros(len(key), bool)
    superseded_by = np.zeros(len(key), np.int64)
    for column in range(len(COLUMNS)):
        given = np.flatnonzero(values[:, column] != ABSENT)
        last = np.zeros(len(first), np.int64)
        last[group[given]] = given  # of repeated indices, NumPy keeps the last
        combined[group[given], column] = values[given, column]
        earlier = given[last[group[given]] != given]
        repeated[earlier] = True
        other = earlier[values[earlier, column] != combined[group[earlier], column]]
        contradicted[other] = True
        superseded_by[other] = line[last[group[other]]]
    rows = np.flatnonzero(contradicted)
    first_rows = rows[np.argsort(line[rows], kind="stable")][:REJECTED_LINES_KEPT]
    superseded = [
        superseded_line(
            stations[station[row]], int(day[row]), values[row].tolist(), int(line[row]), int(superseded_by[row])
        )
        for row in first_rows
    ]
    duplicates = int(np.count_nonzero(repeated & ~contradicted))
    return Rows(stations, station[first], day[first], combined, columns, duplicates, len(rows), superseded)


def superseded_line(code: str, day: int, values: list[int | None], line: int, later: int) -> RejectedLine:
    """The record of a line that a later one contradicts; its text is made from its values, None and ABSENT left out."""
    date = np.datetime64(day, "D")
    given = [
        f"{name} missing" if value == MISSING else f"{name} {value} {_UNITS[name]}"
        for name, value in zip(COLUMNS, values, strict=True)
        if value is not None and value != ABSENT
    ]
    text = f"{code} {date}: {', '.join(given)}"
    return RejectedLine(line, text, f"line {later} gives other values for the same day; the later line was kept")
