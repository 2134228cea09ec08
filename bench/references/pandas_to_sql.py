"""Loading station files with pandas' `to_sql`, as people write it: prints the seconds that it took.

python -m bench.references.pandas_to_sql FILE...
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pandas
from sqlalchemy import create_engine

MISSING = -9999


def main(paths: list[str]) -> None:
    """Read the files and append them to the table, a station's number being its place in the list."""
    engine = create_engine(os.environ["BENCH_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        began = time.perf_counter()
        frames = [_read(number, Path(path)) for number, path in enumerate(paths)]
        pandas.concat(frames).to_sql("observation", connection, if_exists="append", index=False)
        connection.commit()
        seconds = time.perf_counter() - began
    sys.stdout.write(f"{seconds}\n")


def _read(number: int, path: Path) -> pandas.DataFrame:
    frame = pandas.read_csv(
        path, sep="\t", names=["date", "tmax", "tmin", "prcp"], na_values=[str(MISSING)], skipinitialspace=True
    )
    frame["date"] = pandas.to_datetime(frame["date"], format="%Y%m%d").dt.date
    frame.insert(0, "station_id", number)
    return frame


if __name__ == "__main__":
    main(sys.argv[1:])
