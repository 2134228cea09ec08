"""From rows in memory to rows in the tables: by COPY where no row can be in the way, by MERGE where one may be."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from runtime import tracing
from worker import copy, statistics
from worker.formats.batch import COLUMNS, MISSING
from worker.formats.ghcn_stations import StationDescription
from worker.ledger import BULK_LOCK, STATION_LOCK, Connection
from worker.outcome import Stored
from worker.rows import Rows

# Few rows are sent with the statement, which is then a prepared one; more are copied into a table first.
ROWS_AS_PARAMETERS = 1_000

# In it NULL means that the line says nothing of the value, MISSING that the value is missing. Kept for the session and
# emptied by each commit: made anew for each file it would cost a millisecond, and dead rows in the catalogue.
STAGED = """
CREATE TEMPORARY TABLE IF NOT EXISTS staged (
    station_id integer, date date, tmax smallint, tmin smallint, prcp smallint, snow smallint, snwd smallint,
    line bigint
) ON COMMIT DELETE ROWS
"""


# GHCN-Daily has 130,000 stations. What is forgotten is asked for again.
STATIONS_IN_MEMORY = 140_000
STATIONS_ASKED_FOR = 10_000


class Stations:
    """The numbers of the stations, by their codes."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    def ids(self, connection: Connection, codes: Sequence[str]) -> NDArray[np.int32]:
        """The numbers of the stations, made for those that have none yet; int32, in the order of the codes."""
        numbers = np.empty(len(codes), np.int32)
        for start in range(0, len(codes), STATIONS_ASKED_FOR):
            some = codes[start : start + STATIONS_ASKED_FOR]
            self._ask(connection, [code for code in some if code not in self._ids])
            numbers[start : start + len(some)] = [self._ids[code] for code in some]
            if len(self._ids) > STATIONS_IN_MEMORY:
                self._ids.clear()
        return numbers

    def _ask(self, connection: Connection, unknown: list[str]) -> None:
        if unknown:
            # Looked up first: an insert that meets a conflict would use up a number all the same.
            self._look_up(connection, unknown)
            new = sorted(code for code in unknown if code not in self._ids)
            connection.execute(
                "INSERT INTO station (code) SELECT unnest(%s::text[]) ON CONFLICT (code) DO NOTHING", (new,)
            )
            self._look_up(connection, new)

    def _look_up(self, connection: Connection, codes: list[str]) -> None:
        if codes:
            found = connection.execute("SELECT code, id FROM station WHERE code = ANY(%s)", (codes,))
            self._ids.update(found.fetchall())  # type: ignore[arg-type]  # text and integer

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Around each transaction, and each within it: stations that were made in it are rolled back with it."""
        try:
            yield
        except BaseException:
            self._ids.clear()
            raise


def store_rows(connection: Connection, files: Sequence[Rows], stations: Stations) -> list[Stored]:
    """Store the rows of files and calculate the statistics that they touch; what was stored of each of the files.

    The files speak of the same columns, and no two of them of the same station. What they say nothing about stays as it
    is.
    """
    station_ids = stations.ids(connection, [code for rows in files for code in rows.stations])
    _lock_stations(connection, station_ids)
    ids_of = np.split(station_ids, np.cumsum([len(rows.stations) for rows in files])[:-1])
    ids = np.concatenate([own[rows.station] for own, rows in zip(ids_of, files, strict=True)])
    day, values = np.concatenate([rows.day for rows in files]), np.concatenate([rows.values for rows in files])
    if np.any(np.diff(ids) < 0):
        order = np.lexsort((day, ids))
        ids, day, values = ids[order], day[order], values[order]
    taken = connection.execute(
        "SELECT id FROM unnest(%s::integer[]) AS id WHERE EXISTS (SELECT FROM observation WHERE station_id = id)",
        (station_ids.tolist(),),
    ).fetchall()
    old = np.isin(ids, np.array(taken, np.int32))
    inserted, changed = _copy_new(connection, files[0].columns, ids[~old], day[~old], values[~old]), {}
    if old.any():
        found = _merge_rows(connection, files[0].columns, ids[old], day[old], values[old])
        inserted |= {number: count for number, count, _ in found}
        changed = {number: count for number, _, count in found}
    return [_stored(rows, own.tolist(), inserted, changed) for own, rows in zip(ids_of, files, strict=True)]


def copy_part(connection: Connection, rows: Rows, stations: Stations) -> None:
    """Store a part of a file whose rows are new, leaving in the temporary table `touched` what statistics it touches.

    Raises:
        psycopg.errors.UniqueViolation: some of the rows are there already.
    """
    ids = stations.ids(connection, rows.stations)[rows.station]
    order = np.lexsort((rows.day, ids))
    ids, day, values = ids[order], rows.day[order], rows.values[order]
    chosen = [values[:, COLUMNS.index(column)] for column in rows.columns]
    copy_rows(connection, "observation", rows.columns, copy.binary_rows(ids, day, chosen, int(MISSING)))
    year = statistics.years(day)
    first = statistics.beginnings(ids, year)
    connection.execute(statistics.TOUCHED)
    connection.execute(
        "INSERT INTO touched SELECT * FROM unnest(%b::integer[], %b::smallint[])",
        (ids[first].tolist(), year[first].tolist()),
    )


def _stored(rows: Rows, station_ids: list[int], inserted: dict[int, int], changed: dict[int, int]) -> Stored:
    """What was stored of a file, from the numbers of rows of each station."""
    added = sum(inserted.get(number, 0) for number in station_ids)
    updated = sum(changed[number] - inserted[number] for number in station_ids if number in changed)
    return Stored(added, updated, len(rows.day) - added - updated)


def _copy_new(
    connection: Connection,
    columns: Sequence[str],
    ids: NDArray[np.int32],
    day: NDArray[np.int32],
    values: NDArray[np.int16],
) -> dict[int, int]:
    """Store rows of stations that have none yet, so that none can be in the way; the number of rows of each station."""
    if not len(ids):
        return {}
    chosen = [values[:, COLUMNS.index(column)] for column in columns]
    copy_rows(connection, "observation", columns, copy.binary_rows(ids, day, chosen, int(MISSING)))
    statistics.calculate_from_rows(connection, ids, day, values)
    numbers, counts = np.unique(ids, return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))


def _merge_rows(
    connection: Connection,
    columns: Sequence[str],
    ids: NDArray[np.int32],
    day: NDArray[np.int32],
    values: NDArray[np.int16],
) -> list[tuple[int, int, int]]:
    """Bring the observations to what the rows say; of each station touched: its number, rows inserted, rows changed."""
    chosen = [values[:, COLUMNS.index(column)] for column in columns]
    if len(day) <= ROWS_AS_PARAMETERS:
        given = [ids.tolist(), day.tolist(), *(column.tolist() for column in chosen)]
        merge(connection, _given(columns), columns, given)
    else:
        connection.execute(STAGED)
        copy_rows(connection, "staged", columns, copy.binary_rows(ids, day, chosen, int(MISSING)))
        # Without the table's true size the planner may read all observations to change one of them.
        connection.execute("ANALYZE staged")
        merge(connection, sql.Identifier("staged"), columns)
    return connection.execute(  # type: ignore[return-value]  # as selected
        "SELECT station_id, sum(inserted)::bigint, sum(changed)::bigint FROM touched GROUP BY station_id"
    ).fetchall()


def lock_out_others(connection: Connection) -> None:
    """Wait for all whose files are being stored, and let none begin.

    For a file of many stations: locks on each of a hundred thousand would not fit into the server's table of locks.
    """
    connection.execute("SELECT pg_advisory_xact_lock(%s, 0)", (BULK_LOCK,))


def lock_out_bulk(connection: Connection) -> None:
    """Wait for a file of many stations that is being stored, and let none begin.

    Before the stations' numbers are looked up: whoever holds a new station must not have to wait for that file.
    """
    connection.execute("SELECT pg_advisory_xact_lock_shared(%s, 0)", (BULK_LOCK,))


def _lock_stations(connection: Connection, station_ids: NDArray[np.int32]) -> None:
    """Keep others from writing the same stations until this transaction ends; always in the same order."""
    connection.execute(
        "SELECT pg_advisory_xact_lock(%s, id) FROM (SELECT unnest(%s::integer[]) AS id ORDER BY id) AS stations",
        (STATION_LOCK, station_ids.tolist()),
    )


def copy_rows(connection: Connection, table: str, columns: Sequence[str], blocks: Iterable[bytes]) -> None:
    """Send rows to a table that begins with station_id and date and goes on with `columns`, as binary COPY blocks."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, ["station_id", "date", *columns]))
    )
    with tracing.span("copy", table=table), connection.cursor() as cursor, cursor.copy(statement) as stream:
        stream.write(copy.HEADER)
        for block in blocks:
            stream.write(block)
        stream.write(copy.TRAILER)


def store_table(connection: Connection, table: str, columns: Sequence[str]) -> Stored:
    """Bring the observations to what a table says, whose rows are in the order of station and date, each once."""
    source = sql.Identifier(table)
    connection.execute(statistics.TOUCHED)
    connection.execute(
        sql.SQL(
            "INSERT INTO touched SELECT station_id, extract(year FROM date)::smallint, count(*), count(*) FROM {} "
            "GROUP BY 1, 2"
        ).format(source)
    )
    # Years of stations that have no rows yet, as in most new files: then nothing need be looked for row by row.
    taken = connection.execute(
        "SELECT EXISTS (SELECT FROM touched WHERE EXISTS (SELECT FROM observation "
        "WHERE observation.station_id = touched.station_id "
        "AND date >= make_date(year, 1, 1) AND date < make_date(year + 1, 1, 1)))"
    ).fetchone()
    if taken == (True,):
        connection.execute("TRUNCATE touched")
        merge(connection, source, columns)
    else:
        connection.execute(
            sql.SQL(
                "INSERT INTO observation (station_id, date, {names}) SELECT station_id, date, {values} FROM {source}"
            ).format(names=_names(columns), values=_values(columns), source=source)
        )
        statistics.calculate(connection)
    stored = connection.execute(
        sql.SQL(
            "SELECT coalesce(sum(inserted), 0)::bigint, coalesce(sum(changed - inserted), 0)::bigint, "
            "(SELECT count(*) FROM {}) - coalesce(sum(changed), 0)::bigint FROM touched"
        ).format(source)
    ).fetchone()
    assert stored is not None
    return Stored(*stored)  # type: ignore[arg-type]  # counts


def merge(
    connection: Connection, source: sql.Composable, columns: Sequence[str], parameters: Sequence[object] = ()
) -> None:
    """Bring the observations to what the source says, touching only the rows that differ, and so their statistics.

    `source` is what a FROM may hold, with the columns station_id, date and `columns`. What was changed is left in the
    temporary table `touched`.
    """
    names = [sql.Identifier(column) for column in columns]
    statement = sql.SQL(
        """
        WITH changed AS (
            MERGE INTO observation AS old
            USING (SELECT station_id, date, {values} FROM {source} ORDER BY station_id, date) AS new
            ON old.station_id = new.station_id AND old.date = new.date
            WHEN MATCHED AND ({old}) IS DISTINCT FROM ({new}) THEN UPDATE SET {assignments}
            WHEN NOT MATCHED THEN INSERT (station_id, date, {names}) VALUES (new.station_id, new.date, {new})
            RETURNING merge_action() AS action, old.station_id, extract(year FROM old.date)::smallint AS year
        )
        INSERT INTO touched
        SELECT station_id, year, count(*) FILTER (WHERE action = 'INSERT'), count(*) FROM changed GROUP BY 1, 2
        """
    ).format(
        source=source,
        names=_names(columns),
        values=_values(columns),
        old=sql.SQL(", ").join(sql.SQL("old.{}").format(name) for name in names),
        new=sql.SQL(", ").join(sql.SQL("new.{}").format(name) for name in names),
        assignments=sql.SQL(", ").join(sql.SQL("{0} = new.{0}").format(name) for name in names),
    )
    connection.execute(statistics.TOUCHED)
    with tracing.span("merge"):
        connection.execute(statement, parameters)
    statistics.calculate(connection)


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _values(columns: Sequence[str]) -> sql.Composed:
    """The columns as they are stored, with NULL where a value is missing."""
    return sql.SQL(", ").join(
        sql.SQL("nullif({0}, {1}) AS {0}").format(sql.Identifier(column), int(MISSING)) for column in columns
    )


def _given(columns: Sequence[str]) -> sql.Composable:
    """A source of rows that are parameters: station numbers, days since 1970, and a list for each of the columns."""
    return sql.SQL(
        "(SELECT station_id, date '1970-01-01' + day AS date, {names} "
        "FROM unnest(%s::integer[], %s::integer[], {types}) AS listed (station_id, day, {names})) AS given"
    ).format(
        names=_names(columns),
        types=sql.SQL(", ").join([sql.SQL("%s::smallint[]")] * len(columns)),
    )


def store_stations(connection: Connection, described: Sequence[StationDescription]) -> Stored:
    """Store descriptions of stations, of those also that have no observations yet."""
    rows = [
        (one.code, one.name, one.latitude, one.longitude, one.elevation_m, one.state, one.wmo_id) for one in described
    ]
    columns = list(zip(*rows, strict=True)) if rows else [()] * 7
    found = connection.execute(
        """
        WITH changed AS (
            MERGE INTO station AS old
            USING (
                SELECT DISTINCT ON (code) * FROM unnest(
                    %s::text[], %s::text[], %s::float8[], %s::float8[], %s::float8[], %s::text[], %s::text[]
                ) WITH ORDINALITY AS listed (code, name, latitude, longitude, elevation_m, state, wmo_id, number)
                ORDER BY code, number DESC
            ) AS new ON old.code = new.code
            WHEN MATCHED AND (old.name, old.latitude, old.longitude, old.elevation_m, old.state, old.wmo_id)
                IS DISTINCT FROM (new.name, new.latitude, new.longitude, new.elevation_m, new.state, new.wmo_id)
                THEN UPDATE SET name = new.name, latitude = new.latitude, longitude = new.longitude,
                    elevation_m = new.elevation_m, state = new.state, wmo_id = new.wmo_id
            WHEN NOT MATCHED THEN INSERT (code, name, latitude, longitude, elevation_m, state, wmo_id)
                VALUES (new.code, new.name, new.latitude, new.longitude, new.elevation_m, new.state, new.wmo_id)
            RETURNING merge_action() AS action
        )
        SELECT count(*) FILTER (WHERE action = 'INSERT'), count(*) FILTER (WHERE action = 'UPDATE') FROM changed
        """,
        [list(column) for column in columns],
    ).fetchone()
    assert found is not None
    inserted, updated = int(found[0]), int(found[1])  # type: ignore[call-overload]  # counts
    return Stored(inserted, updated, len({one.code for one in described}) - inserted - updated)
