"""How many rows a filter selects of each station: what totals, page numbers and the order of stations come from.

Every list of weather is in the order of station codes, then of dates or years. The tables' key is the station's number,
given in the order of loading, so that order cannot be had from an index. An extent has it: the stations that have rows,
in the order of their codes, each with its number of rows. Any page is then a few of its stations, found by bisection,
and PostgreSQL reads from their index ranges only what the page shows, wherever in the data it lies.
"""

from __future__ import annotations

import bisect
import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import NamedTuple

from app.reads import Row


class Stretch(NamedTuple):
    """Some consecutive stations of an extent.

    `skip` rows of the first are before the page. `resumes` says that the first is the station of a cursor, which has
    been read in part.
    """

    ids: Sequence[int]
    codes: Sequence[str]
    skip: int = 0
    resumes: bool = False


class Extent:
    """The stations that a filter selects, in the order of their codes, and the running total of their rows."""

    def __init__(self, rows: Sequence[Row]) -> None:
        """`rows` are (id, code, number of rows), in the order of the codes' bytes (COLLATE "C"), numbers above 0."""
        self.ids: list[int] = [row[0] for row in rows]
        self.codes: list[str] = [row[1] for row in rows]
        self._ends: list[int] = list(itertools.accumulate(row[2] for row in rows))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def total(self) -> int:
        """Rows of all stations."""
        return self._ends[-1] if self._ends else 0

    def at(self, offset: int, limit: int) -> Stretch:
        """The stations of the rows from `offset` on, counted from 0, `limit` of them at most."""
        first = bisect.bisect_right(self._ends, offset)
        return self._from(first, offset + limit, skip=offset - self._before(first))

    def after(self, code: str, limit: int) -> Stretch:
        """The stations of the rows after some row of station `code`, `limit` of them at most."""
        first = bisect.bisect_left(self.codes, code)
        resumes = first < len(self) and self.codes[first] == code
        # How much of the cursor's station is left is not known: as if nothing, so that the others suffice.
        reached = self._ends[first] if resumes else self._before(first)
        return self._from(first, reached + limit, resumes=resumes)

    def portions(self, rows: int) -> Iterator[Stretch]:
        """The whole extent in pieces of about so many rows, never less than one station."""
        first = 0
        while first < len(self):
            stretch = self._from(first, self._before(first) + rows)
            yield stretch
            first += len(stretch.ids)

    def _from(self, first: int, end: int, *, skip: int = 0, resumes: bool = False) -> Stretch:
        last = bisect.bisect_left(self._ends, end) + 1
        return Stretch(self.ids[first:last], self.codes[first:last], skip, resumes)

    def _before(self, index: int) -> int:
        return self._ends[index - 1] if index else 0


class ExtentCache:
    """The extents used last, for as long as the data is of one version. Bounded by the stations it holds (20 MB)."""

    ENTRY_WEIGHT = 100  # what an extent weighs besides its stations
    MOST_WEIGHT = 200_000

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._version: Hashable = None
        self._extents: OrderedDict[Hashable, Extent] = OrderedDict()
        self._weight = 0

    def get(self, version: Hashable, key: Hashable, make: Callable[[], Extent]) -> Extent:
        """The extent of `key` in this version of the data, made when it is not at hand."""
        with self._lock:
            if version != self._version:
                self._version = version
                self._extents.clear()
                self._weight = 0
            held = self._extents.get(key)
            if held is not None:
                self._extents.move_to_end(key)
                return held
        extent = make()  # two requests may make the same one: cheaper than a request that waits for another
        with self._lock:
            if version == self._version and key not in self._extents:
                self._extents[key] = extent
                self._weight += len(extent) + self.ENTRY_WEIGHT
                while self._weight > self.MOST_WEIGHT and len(self._extents) > 1:
                    _, evicted = self._extents.popitem(last=False)
                    self._weight -= len(evicted) + self.ENTRY_WEIGHT
        return extent
