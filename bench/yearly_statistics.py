"""Yearly statistics after a revision: the station-years that were touched count, not the table."""

from __future__ import annotations

import json
from collections.abc import Iterator

from bench.context import Bench
from bench.first_load import ROWS
from bench.programs import run_reference
from bench.results import Figure, timed
from worker import statistics

ALL = """
SELECT station_id, date_part('year', date) AS year, avg(tmax), avg(tmin), sum(prcp), count(*), count(tmax), count(tmin),
       count(prcp)
FROM observation GROUP BY 1, 2
"""


def measure(bench: Bench) -> Iterator[Figure]:
    """One station-year and a thousand of them, against a GROUP BY over the whole table and against DuckDB."""
    bench.first_load(bench.weather)
    with bench.server.connect() as connection:
        connection.execute("SET enable_seqscan = off")  # as a load does
        connection.execute(statistics.TOUCHED.replace("DELETE ROWS", "PRESERVE ROWS").encode())

        def of(count: int) -> float:
            connection.execute("TRUNCATE touched")
            connection.execute(
                "INSERT INTO touched SELECT station_id, year FROM yearly_statistics ORDER BY md5(station_id || ' ' || "
                "year) LIMIT %s",
                (count,),
            )
            connection.execute("ANALYZE touched")
            return timed(lambda: statistics.calculate(connection))

        def of_all() -> float:
            connection.execute("SET enable_seqscan = on")
            seconds = timed(lambda: connection.execute(ALL).fetchall())
            connection.execute("SET enable_seqscan = off")
            return seconds

        of(1)
        shares = [of(1) / of_all() for _ in range(bench.runs)]
        yield Figure("statistics of one station-year", "share of a GROUP BY of the table", shares, "at most", 0.05)
        slopes = [of(1_000) / of(100) for _ in range(bench.runs)]
        yield Figure("statistics of 1,000 station-years", "times those of 100", slopes, "at most", 12)
        path = bench.scratch / "observation.csv"
        copy_out = f"COPY ({ROWS}) TO STDOUT (FORMAT csv)".encode()
        with path.open("wb") as file, connection.cursor().copy(copy_out) as rows:
            file.writelines(bytes(block) for block in rows)
        in_memory = json.loads(run_reference("duckdb_group_by", path, ALL, str(bench.runs)))
        shares = [of(1) / seconds for seconds in in_memory]
        yield Figure("statistics of one station-year", "share of DuckDB's GROUP BY of the table in memory", shares)
