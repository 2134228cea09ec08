"""Files with more rows than are held in memory: collected in a temporary table, put together by the server."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from worker import copy
from worker.formats.batch import ABSENT, COLUMNS, MISSING, REJECTED_LINES_KEPT, Batch, RejectedLine
from worker.ledger import BULK_LOCK, Connection
from worker.rows import superseded_line
from worker.store import STAGED, Stations, Stored, copy_rows, merge

_REDUCED = """
CREATE TEMPORARY TABLE IF NOT EXISTS reduced (
    station_id integer, date date, tmax smallint, tmin smallint, prcp smallint, snow smallint, snwd smallint,
    repeats bigint
) ON COMMIT DELETE ROWS
"""


class Staging:
    """Rows of a file that are too many for the memory: collected in a temporary table, put together by the server."""

    def __init__(self, connection: Connection, stations: Stations) -> None:
        self._connection = connection
        self._stations = stations
        # One file of many stations at a time, and none of a single station beside it: locks on each of a hundred
        # thousand stations would not fit into the server's table of locks.
        connection.execute("SELECT pg_advisory_xact_lock(%s, 0)", (BULK_LOCK,))
        connection.execute(STAGED)
        connection.execute(_REDUCED)

    def add(self, batch: Batch) -> None:
        """Take a batch of the file."""
        ids = self._stations.ids(self._connection, batch.stations)[batch.station]
        compact = _without_runs(ids, batch)
        columns = [compact.values[:, number] for number in range(len(COLUMNS))]
        rows = copy.binary_rows(compact.station, compact.day, columns, int(ABSENT), [compact.line])
        copy_rows(self._connection, "staged", [*COLUMNS, "line"], rows)

    def store(self) -> tuple[Stored, int, int, list[RejectedLine]]:
        """Store all rows and calculate the statistics that they touch.

        Returns what was stored, the number of lines that repeat another, the number of lines that a later one
        contradicts, and the first of those. Lines of a station's day that follow each other count as one, the first.
        """
        self._connection.execute(
            sql.SQL(
                "INSERT INTO reduced (station_id, date, {names}, repeats) "
                "SELECT station_id, date, {values}, {repeats} FROM staged GROUP BY station_id, date"
            ).format(
                names=_each_column("{0}", ", "),
                values=_each_column("max({0})", ", "),
                repeats=_each_column("greatest(count({0}) - 1, 0)", " + "),
            )
        )
        duplicates, contradicted, superseded = self._settle_repeats()
        # Without the table's true size the planner may read all observations to change one of them.
        self._connection.execute("ANALYZE reduced")
        counted = self._connection.execute(
            sql.SQL("SELECT count(*), {given} FROM reduced").format(given=_each_column("count({0}) > 0", ", "))
        ).fetchone()
        assert counted is not None
        total, *given = counted
        columns = [column for column, spoken_of in zip(COLUMNS, given, strict=True) if spoken_of]
        if not columns:
            return Stored(), duplicates, contradicted, superseded
        merge(self._connection, sql.Identifier("reduced"), columns)
        stored = self._connection.execute(
            "SELECT coalesce(sum(inserted), 0)::bigint, coalesce(sum(changed - inserted), 0)::bigint, "
            "%s - coalesce(sum(changed), 0)::bigint FROM touched",
            (total,),
        ).fetchone()
        assert stored is not None
        return Stored(*stored), duplicates, contradicted, superseded  # type: ignore[arg-type]  # counts

    def warnings(self) -> int:
        """Days of the stored rows whose maximum temperature is below their minimum."""
        counted = self._connection.execute(
            "SELECT count(*) FROM reduced WHERE tmax < tmin AND tmax <> %s", (int(MISSING),)
        ).fetchone()
        assert counted is not None
        return counted[0]  # type: ignore[return-value]  # a count

    def _settle_repeats(self) -> tuple[int, int, list[RejectedLine]]:
        """Let the later line win where a file gives the same value of the same day twice; real files hardly ever do."""
        execute = self._connection.execute
        if execute("SELECT EXISTS (SELECT FROM reduced WHERE repeats > 0)").fetchone() != (True,):
            return 0, 0, []
        last = _each_column("(array_agg({0} ORDER BY line DESC) FILTER (WHERE {0} IS NOT NULL))[1]", ", ")
        execute(
            sql.SQL(
                "UPDATE reduced SET ({names}) = (SELECT {last} FROM staged "
                "WHERE staged.station_id = reduced.station_id AND staged.date = reduced.date) WHERE repeats > 0"
            ).format(names=_each_column("{0}", ", "), last=last)
        )
        repeated = sql.SQL(
            """
            WITH repeated AS (
                SELECT staged.*, {later} AS later, coalesce({differs}, false) AS differs,
                       max(line) OVER (PARTITION BY station_id, date) AS last_line
                FROM staged JOIN reduced USING (station_id, date)
                WHERE repeats > 0
                WINDOW day AS (PARTITION BY station_id, date)
            )
            """
        ).format(
            later=_each_column(
                "(staged.{0} IS NOT NULL AND line < max(line) FILTER (WHERE staged.{0} IS NOT NULL) OVER day)", " OR "
            ),
            differs=_each_column("staged.{0} <> reduced.{0}", " OR "),
        )
        counted = execute(
            repeated
            + sql.SQL(
                "SELECT count(*) FILTER (WHERE later AND NOT differs), count(*) FILTER (WHERE differs) FROM repeated"
            )
        ).fetchone()
        found = execute(
            repeated
            + sql.SQL(
                "SELECT code, date - date '1970-01-01', ARRAY[{names}], line, last_line FROM repeated "
                "JOIN station ON station.id = station_id WHERE differs ORDER BY line LIMIT %s"
            ).format(names=_each_column("{0}", ", ")),
            (REJECTED_LINES_KEPT,),
        ).fetchall()
        assert counted is not None
        return counted[0], counted[1], [superseded_line(*row) for row in found]  # type: ignore[arg-type, return-value]


def _each_column(template: str, separator: str) -> sql.Composed:
    """The template filled with each of the columns, with the separator between."""
    return sql.SQL(separator).join(sql.SQL(template).format(sql.Identifier(column)) for column in COLUMNS)


def _without_runs(ids: NDArray[np.int32], batch: Batch) -> Batch:
    """Lines of one station-day that follow each other, each with another element, become one row."""
    key = (ids.astype(np.int64) << 32) + batch.day
    first = np.flatnonzero(np.diff(key, prepend=-1) != 0)
    given = batch.values != ABSENT
    if len(first) == len(key) or np.any(np.add.reduceat(given.astype(np.int8), first, axis=0) > 1):
        return dataclasses.replace(batch, station=ids)  # nothing to shorten, or a repeat that the server is to settle
    group = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(key))))
    values = np.full((len(first), len(COLUMNS)), ABSENT, np.int16)
    row, column = np.nonzero(given)
    values[group[row], column] = batch.values[row, column]
    return dataclasses.replace(batch, station=ids[first], day=batch.day[first], values=values, line=batch.line[first])
