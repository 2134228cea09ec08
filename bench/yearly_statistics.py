"""Yearly statistics after a revision: the station-years that were touched count, not the table."""

from __future__ import annotations

from collections.abc import Iterator

from bench.context import Bench
from bench.first_load import ROWS
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
        try:
            import duckdb  # noqa: PLC0415  # only this measurement needs it
        except ImportError:
            return
        rows = connection.execute(ROWS.encode()).fetchall()
        shares = []
        with duckdb.connect() as other:
            other.execute("CREATE TABLE observation (station_id int, date date, tmax int2, tmin int2, prcp int2)")
            path = bench.scratch / "observation.csv"
            path.write_text("".join(",".join("" if v is None else str(v) for v in row) + "\n" for row in rows))
            other.execute(f"COPY observation FROM '{path}'")
            for _ in range(bench.runs):
                seconds = timed(lambda: other.execute(ALL).fetchall())
                shares.append(of(1) / seconds)
        yield Figure("statistics of one station-year", "share of DuckDB's GROUP BY of the table in memory", shares)
