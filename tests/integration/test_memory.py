"""What the worker needs of memory does not grow with what it loads."""

from __future__ import annotations

import datetime
import gzip
import sys
from pathlib import Path

from bench.memory import peak_memory_mb
from tests.conftest import Database
from tests.integration.ingesting import environment

LIMIT_MB = 150
STATIONS, DAYS = 4_000, 60


def write_year(path: Path) -> int:
    """A year of GHCN-Daily in the order of its days, as NOAA's by_year files are; the number of its lines."""
    lines = 0
    with gzip.open(path, "wt", compresslevel=1) as file:
        for number in range(DAYS):
            day = datetime.date(2001, 1, 1) + datetime.timedelta(number)
            for station in range(STATIONS):
                head = f"USC{station:08d},{day:%Y%m%d}"
                file.write(f"{head},TMAX,{station % 300},,,7,\n{head},TMIN,-{station % 90},,,7,\n{head},PRCP,0,T,,7,\n")
                lines += 3
    return lines


def peak_mb(database: Database, source: Path) -> float:
    """The largest resident size of a pass."""
    return peak_memory_mb([sys.executable, "-m", "worker", "ingest"], environment(database, source))


def test_a_large_file_of_many_stations(database: Database, tmp_path: Path) -> None:
    lines = write_year(tmp_path / "2001.csv.gz")
    assert peak_mb(database, tmp_path) < LIMIT_MB
    assert database.rows("SELECT rows_read, rows_inserted FROM source_file") == [(lines, STATIONS * DAYS)]


def test_a_file_of_one_station_with_more_lines_than_days(database: Database, tmp_path: Path) -> None:
    line = "20000101\t  100\t   50\t    0\n"
    (tmp_path / "USC00000001.txt").write_text(line * 2_000_000)
    assert peak_mb(database, tmp_path) < LIMIT_MB
    [found] = database.rows("SELECT rows_read, rows_inserted, rows_duplicate, rows_rejected FROM source_file")
    assert found == (2_000_000, 1, 1_999_999, 0)
