"""The first load of station files: against the server's own COPY, and against what people use to load rows."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import Connection, create_engine, insert

from bench.context import Bench
from bench.programs import run_reference
from bench.results import Figure, ratios, timed
from database import roles
from database.tables import observation
from worker.formats.station_file import MISSING_IN_FILE

ROWS = "SELECT station_id, date, tmax, tmin, prcp FROM observation ORDER BY station_id, date"
TABLE = "observation (station_id, date, tmax, tmin, prcp)"
MEMORY_LIMIT_MB = 150

# The ways that take a minute for all files are measured with some; what counts is their rate.
FILES_FOR_THE_SLOW = 12

Row = dict[str, object]


def measure(bench: Bench) -> Iterator[Figure]:
    """The first load with statistics, its memory, and the ways of others."""
    bench.first_load(bench.weather)
    rows = bench.copy_out(ROWS, "rows.copy")

    def copy() -> float:
        bench.server.empty()
        return timed(lambda: bench.copy_in(TABLE, rows))

    def ours() -> float:
        return bench.first_load(bench.weather)

    yield Figure(
        "first load of station files, statistics included",
        "rate of a bare server-side COPY of the same rows",
        ratios(copy, ours, bench.runs),
        "at least",
        0.75,
    )
    yield Figure(
        "peak memory of the worker, station files",
        "MB",
        [bench.peak_memory_mb(bench.weather)],
        "at most",
        MEMORY_LIMIT_MB,
    )
    yield from _against_others(bench)


def _against_others(bench: Bench) -> Iterator[Figure]:
    files = sorted(bench.weather.glob("*.txt"))
    some = files[:FILES_FOR_THE_SLOW]
    times_more = sum(path.stat().st_size for path in files) / sum(path.stat().st_size for path in some)
    engine = create_engine(bench.server.url(roles.WORKER).replace("postgresql://", "postgresql+psycopg://"))

    def seconds_for_all(store: Callable[[Connection, list[Row]], object]) -> float:
        def load() -> None:
            with engine.begin() as connection:
                store(connection, list(itertools.chain.from_iterable(map(_rows, range(len(some)), some))))

        bench.server.empty()
        return timed(load) * times_more

    def bulk_insert() -> float:
        return seconds_for_all(lambda connection, rows: connection.execute(insert(observation), rows))

    def ours() -> float:
        return bench.first_load(bench.weather)

    what = "first load of station files, statistics included"
    reference = "times the rate of SQLAlchemy's bulk insert, from the same files"
    yield Figure(what, reference, ratios(bulk_insert, ours, bench.runs), "at least", 15)

    def to_sql() -> float:
        bench.server.empty()
        url = bench.server.url(roles.WORKER)
        return float(run_reference("pandas_to_sql", *some, BENCH_DATABASE_URL=url)) * times_more

    yield Figure(
        what, "times the rate of pandas' to_sql, from the same files", ratios(to_sql, ours, min(bench.runs, 3))
    )


def _rows(station_id: int, path: Path) -> list[Row]:
    """The rows of a station file, read as people do."""
    rows = []
    for line in path.read_text().splitlines():
        date, *values = line.split("\t")
        tmax, tmin, prcp = (None if int(value) == MISSING_IN_FILE else int(value) for value in values)
        day = datetime.datetime.strptime(date, "%Y%m%d").date()  # noqa: DTZ007  # a date has no time zone
        rows.append({"station_id": station_id, "date": day, "tmax": tmax, "tmin": tmin, "prcp": prcp})
    return rows
