"""Lists of values by station and time, observations and yearly statistics: their columns, pages and downloads."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import itertools
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import psycopg
from psycopg import sql

from app.extents import Extent
from app.pagination import Paging
from app.reads import Fetch, Row
from app.representation import item_type

Key = dt.date | int
PORTION_ROWS = 50_000  # of a download, what PostgreSQL has to put in order at a time


class Filter(NamedTuple):
    """Which rows: of one station (its code) or of all (None), from `low` to `high`, both included."""

    station: str | None
    low: Key
    high: Key


@dataclasses.dataclass(frozen=True)
class Series:
    """A table with one row for each station and date or year.

    columns: name in the answer to SQL over the table's row `o`; the station's code comes before them by itself
    key: the column of the table that orders the rows of a station, the first of `columns`
    sql_type: of the key, as PostgreSQL calls it
    before_all: SQL of a value below every key
    count: (fetch, filter) to rows (station's id, code, number of rows), in the order of codes
    """

    table: str
    key: str
    key_type: type
    sql_type: str
    before_all: str
    columns: Mapping[str, str]
    count: Callable[[Fetch, Filter], list[Row]]

    @functools.cached_property
    def item(self) -> type[msgspec.Struct]:
        """An item of a page, made of the station's code and the columns."""
        return item_type(self.table, self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """The fields of an item, in order."""
        return ("station_id", *self.columns)

    @property
    def order(self) -> tuple[str, str]:
        """The fields that a list is ordered by: what a cursor holds."""
        return ("station_id", self.key)

    @property
    def position(self) -> tuple[type, ...]:
        """The types of those fields."""
        return (str, self.key_type)

    def extent(self, fetch: Fetch, chosen: Filter) -> Extent:
        """How many rows of each station the filter selects."""
        return Extent(self.count(fetch, chosen))

    def page(self, fetch: Fetch, chosen: Filter, extent: Extent, paging: Paging) -> list[msgspec.Struct]:
        """The items of a page and, when there are more, one beyond it; by station code and key."""
        limit = paging.per_page + 1
        if paging.after is None:
            stretch, after = extent.at(paging.offset, limit), None
        else:
            stretch = extent.after(str(paging.after[0]), limit)
            after = paging.after[1] if stretch.resumes else None
        if not stretch.ids:
            return []
        parameters = {"low": chosen.low, "high": chosen.high, "limit": limit, "skip": stretch.skip, "after": after}
        if len(stretch.ids) == 1:
            item: Callable[..., msgspec.Struct] = functools.partial(self.item, stretch.codes[0])
            rows = fetch(self._page_of_one, {**parameters, "id": stretch.ids[0]})
        else:
            item = self.item
            rows = fetch(self._page_of_several, {**parameters, "ids": stretch.ids, "codes": stretch.codes})
        return list(itertools.starmap(item, rows))

    def download(
        self, connection: psycopg.Connection[Row], chosen: Filter, extent: Extent
    ) -> Generator[bytes, None, None]:
        """All rows of the filter as CSV with a header, in the same order; made by PostgreSQL, passed on as it comes."""
        header = ",".join(self.names) + "\n"
        yield header.encode()
        for stretch in extent.portions(PORTION_ROWS):
            parameters = {"low": chosen.low, "high": chosen.high, "ids": stretch.ids, "codes": stretch.codes}
            yield from copy_csv(connection, self._rows_of_several(), {**parameters, "after": None})

    @functools.cached_property
    def _page_of_one(self) -> str:
        """Most pages are of one station: nothing to join, nothing to sort, and its code is not sent with each row. Of a
        page of a thousand rows that is more than a third of PostgreSQL's work.
        """
        return f"""
            SELECT {self._selected} FROM {self.table} AS o
            WHERE o.station_id = %(id)s AND {self._between}
              AND o.{self.key} > coalesce(%(after)s::{self.sql_type}, {self.before_all})
            ORDER BY o.{self.key} LIMIT %(limit)s OFFSET %(skip)s
        """  # noqa: S608 - of this module's own texts only; values are parameters

    @functools.cached_property
    def _page_of_several(self) -> str:
        # The rows before a page that are still to be skipped are all of its first station.
        skipped = "LIMIT %(limit)s OFFSET CASE WHEN s.place = 1 THEN %(skip)s ELSE 0 END"
        return self._rows_of_several(skipped) + "LIMIT %(limit)s"

    def _rows_of_several(self, skipped: str = "") -> str:
        after = f"CASE WHEN s.place = 1 THEN %(after)s::{self.sql_type} END"  # of a cursor, in its own station only
        return f"""
            SELECT s.code AS station_id, {self._selected}
            FROM unnest(%(ids)s::int[], %(codes)s::text[]) WITH ORDINALITY AS s (id, code, place)
            CROSS JOIN LATERAL (
                SELECT * FROM {self.table} AS o
                WHERE o.station_id = s.id AND {self._between}
                  AND o.{self.key} > coalesce({after}, {self.before_all})
                ORDER BY o.{self.key} {skipped}
            ) AS o
            ORDER BY s.place, o.{self.key}
        """  # noqa: S608 - as above

    @property
    def _selected(self) -> str:
        return ", ".join(f"{expression} AS {name}" for name, expression in self.columns.items())

    @property
    def _between(self) -> str:
        return f"o.{self.key} BETWEEN %(low)s AND %(high)s"


def copy_csv(
    connection: psycopg.Connection[Row], query: str, parameters: Mapping[str, Any]
) -> Generator[bytes, None, None]:
    """What a query gives, as CSV without a header, in blocks of about 64 KB."""
    # COPY takes no parameters, so they become literals, quoted by psycopg.
    literal = psycopg.ClientCursor(connection).mogrify(query.encode(), parameters)
    block: list[bytes] = []
    size = 0
    with connection.cursor().copy(sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(sql.SQL(literal))) as copy:
        for line in copy:
            block.append(bytes(line))
            size += len(line)
            if size >= 65_536:
                yield b"".join(block)
                block.clear()
                size = 0
    if block:
        yield b"".join(block)


def whole_years(low: dt.date, high: dt.date) -> tuple[tuple[int, int], Sequence[tuple[int, dt.date, dt.date, int]]]:
    """A range of dates as whole years, which the statistics have counted, and what is to be counted besides.

    Returns:
        The first and the last whole year (none when the first is above the last), and parts (year, first date, last
        date, sign): each a piece of a year of half its length at most, to be added (1) or taken away (-1); but the
        only part of a range within one year is that range.
    """
    if low.year == high.year and (low, high) != (dt.date(low.year, 1, 1), dt.date(high.year, 12, 31)):
        return (1, 0), [(low.year, low, high, 1)]
    first, last, parts = low.year, high.year, []
    if low > dt.date(first, 6, 30):
        parts.append((first, low, dt.date(first, 12, 31), 1))
        first += 1
    elif low > dt.date(first, 1, 1):
        parts.append((first, dt.date(first, 1, 1), low - dt.timedelta(days=1), -1))
    if high < dt.date(last, 7, 1):
        parts.append((last, dt.date(last, 1, 1), high, 1))
        last -= 1
    elif high < dt.date(last, 12, 31):
        parts.append((last, high + dt.timedelta(days=1), dt.date(last, 12, 31), -1))
    return (first, last), parts


STATION = " AND y.station_id = (SELECT id FROM station WHERE code = %(station)s)"


def _per_station(counts: str) -> str:
    return f"""
        SELECT s.id, s.code, sum(c.n)::bigint
        FROM ({counts}) AS c JOIN station AS s ON s.id = c.station_id
        GROUP BY s.id, s.code HAVING sum(c.n) > 0
        ORDER BY s.code COLLATE "C"
    """  # noqa: S608 - as above


def _count_observations(fetch: Fetch, chosen: Filter) -> list[Row]:
    assert isinstance(chosen.low, dt.date)
    assert isinstance(chosen.high, dt.date)
    (first, last), parts = whole_years(chosen.low, chosen.high)
    one = STATION if chosen.station is not None else ""
    years = "SELECT y.station_id, y.days AS n FROM yearly_statistics AS y WHERE y.year BETWEEN %(first)s AND %(last)s"
    counts = [years + one]
    parameters: dict[str, Any] = {"first": first, "last": last, "station": chosen.station}
    for number, (year, low, high, sign) in enumerate(parts):
        counts.append(f"""
            SELECT y.station_id, %(sign{number})s * part.n
            FROM yearly_statistics AS y CROSS JOIN LATERAL (
                SELECT count(*) AS n FROM observation AS o
                WHERE o.station_id = y.station_id AND o.date BETWEEN %(low{number})s AND %(high{number})s
            ) AS part
            WHERE y.year = %(year{number})s{one}""")  # noqa: S608 - as above
        parameters |= {f"year{number}": year, f"low{number}": low, f"high{number}": high, f"sign{number}": sign}
    return fetch(_per_station(" UNION ALL ".join(counts)), parameters)


def _count_years(fetch: Fetch, chosen: Filter) -> list[Row]:
    counts = "SELECT y.station_id, 1 AS n FROM yearly_statistics AS y WHERE y.year BETWEEN %(low)s AND %(high)s"
    one = STATION if chosen.station is not None else ""
    return fetch(_per_station(counts + one), {"station": chosen.station, "low": chosen.low, "high": chosen.high})


OBSERVATIONS = Series(
    table="observation",
    key="date",
    key_type=dt.date,
    sql_type="date",
    before_all="'-infinity'",
    # As float8: PostgreSQL's shortest text of it is the number as it was measured, -2.2 and not -2.20000.
    # Dates as text, as every answer has them: making objects of them first would cost more than reading all the rest.
    columns={
        "date": "o.date::text",
        "max_temp_c": "o.tmax / 10::float8",
        "min_temp_c": "o.tmin / 10::float8",
        "precipitation_mm": "o.prcp / 10::float8",
        "snowfall_mm": "o.snow",
        "snow_depth_mm": "o.snwd",
    },
    count=_count_observations,
)

STATISTICS = Series(
    table="yearly_statistics",
    key="year",
    key_type=int,
    sql_type="bigint",  # what any cursor may hold, though no year is as high
    before_all="-1",
    columns={
        "year": "o.year",
        "avg_max_temp_c": "o.avg_max_temp_c::float8",
        "avg_min_temp_c": "o.avg_min_temp_c::float8",
        "total_precipitation_cm": "o.total_precipitation_cm::float8",
        "observed_days": "o.days",
        "max_temp_days": "o.max_temp_days",
        "min_temp_days": "o.min_temp_days",
        "precipitation_days": "o.precipitation_days",
    },
    count=_count_years,
)
