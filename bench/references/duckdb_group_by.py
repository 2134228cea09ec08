"""Yearly statistics of all observations by DuckDB, which has them in memory: prints the seconds of each run.

python -m bench.references.duckdb_group_by OBSERVATIONS.csv QUERY RUNS
"""

from __future__ import annotations

import json
import sys
import time

import duckdb


def main(path: str, query: str, runs: str) -> None:
    """Read the rows, then group them several times."""
    seconds = []
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE observation (station_id int, date date, tmax int2, tmin int2, prcp int2)")
        connection.execute(f"COPY observation FROM '{path}'")
        for _ in range(int(runs)):
            began = time.perf_counter()
            connection.execute(query).fetchall()
            seconds.append(time.perf_counter() - began)
    sys.stdout.write(json.dumps(seconds) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
