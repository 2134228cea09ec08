"""Files with more rows than are held in memory, of which the database may have some: the server puts them together.

A file of rows that are new is loaded in parts, which is much faster: see `Loader`.
"""

from __future__ import annotations

import dataclasses

from psycopg import sql

from worker import copy
from worker.formats.batch import ABSENT, COLUMNS, MISSING, REJECTED_LINES_KEPT, Batch, RejectedLine
from worker.ledger import Connection
from worker.outcome import Stored
from worker.rows import superseded_line
from worker.store import STAGED, Stations, copy_rows, lock_out_others, store_table

SORT_MEMORY = "64MB"

# In the order of station and date.
_REDUCED = """
CREATE TEMPORARY TABLE IF NOT EXISTS reduced (
    station_id integer, date date, tmax smallint, tmin smallint, prcp smallint, snow smallint, snwd smallint,
    repeats bigint
) ON COMMIT DELETE ROWS
"""


@dataclasses.dataclass(frozen=True)
class Reduced:
    """What became of a file's rows when they were put together: see `Rows` for all but `stored`."""

    stored: Stored
    duplicates: int
    contradicted: int
    superseded: list[RejectedLine]
    warnings: int


class Staging:
    """Rows of a file that are too many for the memory: collected in a temporary table, put together by the server."""

    def __init__(self, connection: Connection, stations: Stations) -> None:
        self._connection = connection
        self._stations = stations
        lock_out_others(connection)
        # Since it is one at a time, it may sort in more memory than the server gives everybody.
        connection.execute("SELECT set_config('work_mem', %s, true)", (SORT_MEMORY,))
        connection.execute(STAGED)
        connection.execute(_REDUCED)

    def add(self, batch: Batch) -> None:
        """Take a batch of the file."""
        ids = self._stations.ids(self._connection, batch.stations)[batch.station]
        columns = [batch.values[:, number] for number in range(len(COLUMNS))]
        rows = copy.binary_rows(ids, batch.day, columns, int(ABSENT), [batch.line])
        copy_rows(self._connection, "staged", [*COLUMNS, "line"], rows)

    def store(self) -> Reduced:
        """Store all rows and calculate the statistics that they touch.

        Lines of a station's day that follow each other count as one, the first.
        """
        self._connection.execute(
            sql.SQL(
                "INSERT INTO reduced (station_id, date, {names}, repeats) "
                "SELECT station_id, date, {values}, {repeats} FROM staged GROUP BY station_id, date "
                "ORDER BY station_id, date"
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
            sql.SQL("SELECT count(*) FILTER (WHERE tmax < tmin AND tmax <> {missing}), {given} FROM reduced").format(
                missing=int(MISSING), given=_each_column("count({0}) > 0", ", ")
            )
        ).fetchone()
        assert counted is not None
        warnings, *given = counted
        columns = [column for column, spoken_of in zip(COLUMNS, given, strict=True) if spoken_of]
        stored = store_table(self._connection, "reduced", columns) if columns else Stored()
        return Reduced(stored, duplicates, contradicted, superseded, int(warnings))  # type: ignore[call-overload]  # a count

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
