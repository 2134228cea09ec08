"""What the worker needs of memory does not grow with what it loads, whatever the files are made of."""

from __future__ import annotations

import datetime
import gzip
import random
import sys
from pathlib import Path

import pytest

from bench.memory import peak_memory_mb
from tests.conftest import Database, unmeasured
from tests.integration.ingesting import environment, station_lines

LIMIT_MB = 150
STATIONS, DAYS = 4_000, 60

STATION_FILE = b"20000101\t  100\t   50\t    0\n"
CSV = b"USC00000001,20000101,TMAX,1,,,7,\n"
DLY = b"USC00110072200001TMAX" + b"  100  7" * 31 + b"\n"
STATION_LIST = b"USC00110072  40.5000  -90.5000  200.0 NE NAME\n"
DAILY_SUMMARIES = b'"STATION","NAME","DATE","TMAX","TMIN","PRCP"\n"USC00110072","A","2000-01-01","10","5","0"\n'
BEGINNINGS = {"station file": STATION_FILE, "CSV": CSV, "dly": DLY, "list": STATION_LIST, "daily": DAILY_SUMMARIES}


def peak_mb(database: Database, source: Path) -> float:
    """The largest resident size of a pass."""
    variables = environment(database, source, WINDSOCK_DAILY_SUMMARIES_UNITS="metric")
    return peak_memory_mb([sys.executable, "-m", "worker", "ingest"], unmeasured(variables))


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


def test_a_large_file_of_many_days(database: Database, tmp_path: Path) -> None:
    lines = write_year(tmp_path / "2001.csv.gz")
    assert peak_mb(database, tmp_path) < LIMIT_MB
    assert database.rows("SELECT rows_read, rows_inserted FROM source_file") == [(lines, STATIONS * DAYS)]


def test_a_file_of_many_stations_and_years(database: Database, tmp_path: Path) -> None:
    stations = 300_000  # more than twice as many as there are
    with (tmp_path / "all.csv").open("w") as file:
        for number in range(stations):
            file.write(f"USC{number:08d},{1900 + number % 100}0101,TMAX,{number % 300},,,7,\n")
    assert peak_mb(database, tmp_path) < LIMIT_MB
    assert database.rows("SELECT rows_read, rows_inserted FROM source_file") == [(stations, stations)]
    assert database.rows("SELECT count(*), sum(days) FROM yearly_statistics") == [(stations, stations)]


def test_a_file_of_one_station_with_more_lines_than_days(database: Database, tmp_path: Path) -> None:
    (tmp_path / "USC00000001.txt").write_bytes(STATION_FILE * 2_000_000)
    assert peak_mb(database, tmp_path) < LIMIT_MB
    [found] = database.rows("SELECT rows_read, rows_inserted, rows_duplicate, rows_rejected FROM source_file")
    assert found == (2_000_000, 1, 1_999_999, 0)


def test_two_files_at_once_with_as_many_rows_as_are_held_in_no_order(database: Database, tmp_path: Path) -> None:
    mixed = random.Random(6)  # noqa: S311  # nothing secret
    days = [datetime.date(1750, 1, 1) + datetime.timedelta(number) for number in range(92_000)] * 2
    mixed.shuffle(days)
    for name in ("USC00000001.txt", "USC00000002.txt"):
        lines = station_lines((f"{day:%Y%m%d}", mixed.randint(-300, 300), 0, 0) for day in days)
        (tmp_path / name).write_text(lines)
    assert peak_mb(database, tmp_path) < LIMIT_MB
    for read, inserted, rejected, repeated in database.rows(
        "SELECT rows_read, rows_inserted, rows_rejected, rows_duplicate FROM source_file"
    ):
        assert (read, inserted) == (len(days), len(days) / 2)
        assert rejected + repeated == len(days) / 2  # type: ignore[operator]  # counts


@pytest.mark.parametrize("kind", BEGINNINGS)
def test_lines_that_are_no_longer_than_their_ends(database: Database, tmp_path: Path, kind: str) -> None:
    name = {"list": "ghcnd-stations.txt"}.get(kind, "USC00110072.txt")
    (tmp_path / name).write_bytes(BEGINNINGS[kind] + b"\n" * 8_000_000)
    assert peak_mb(database, tmp_path) < LIMIT_MB
    assert database.rows("SELECT status, rows_read, rows_rejected FROM source_file") == [("loaded", 1, 0)]


@pytest.mark.parametrize("kind", BEGINNINGS)
def test_lines_of_one_character(database: Database, tmp_path: Path, kind: str) -> None:
    name = {"list": "ghcnd-stations.txt"}.get(kind, "USC00110072.txt")
    (tmp_path / name).write_bytes(BEGINNINGS[kind] + b"x\n" * 800_000)
    assert peak_mb(database, tmp_path) < LIMIT_MB
    assert database.rows("SELECT status, rows_read, rows_rejected FROM source_file") == [("loaded", 800_001, 800_000)]
    assert database.rows("SELECT count(*) FROM rejected_line") == [(1_000,)]
