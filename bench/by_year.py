"""A year of GHCN-Daily as NOAA publishes it: a compressed CSV with a line an element, in the order of its days."""

from __future__ import annotations

import datetime
import gzip
import random
from collections.abc import Iterator
from pathlib import Path

from isal import igzip

from bench.context import Bench
from bench.results import Figure, timed

DAYS, ELEMENTS = 365, 4
MILLION = 1_000_000
SLOPE_AT = (1, 4, 16)  # million lines
MEMORY_LIMIT_MB = 200

ROWS = "SELECT station_id, date, tmax, tmin, prcp, snow FROM observation ORDER BY date, station_id"
TABLE = "observation (station_id, date, tmax, tmin, prcp, snow)"


def measure(bench: Bench) -> Iterator[Figure]:
    """Ten million lines against COPY and decompression; memory; and how the rate changes with the size."""
    folder = bench.scratch / "by_year"
    year = write_year(folder / "2023.csv.gz", 10 * MILLION)
    bench.first_load(folder)
    rows = bench.copy_out(ROWS, "wide.copy")
    found = []
    for _ in range(bench.runs):
        bench.server.empty()
        limit = timed(lambda: bench.copy_in(TABLE, rows)) + timed(lambda: _gunzip(year))
        found.append(limit / bench.first_load(folder))
    yield Figure(
        "GHCN-Daily by_year CSV.gz, 10 million lines",
        "rate of COPY of the wide rows in the order of the file, and decompression",
        found,
        "at least",
        0.5,
    )
    peak = bench.peak_memory_mb(folder)
    yield Figure("peak memory of the worker, by_year", "MB", [peak], "at most", MEMORY_LIMIT_MB)
    for size in SLOPE_AT:
        write_year(year, size * MILLION)
        rates = [size / bench.first_load(folder) for _ in range(min(bench.runs, 3))]
        yield Figure(f"GHCN-Daily by_year CSV.gz, {size} million lines", "million lines a second", rates)


def write_year(path: Path, lines: int) -> Path:
    """A file of about so many lines: four elements of as many stations as it takes, on each day of a year."""
    path.parent.mkdir(exist_ok=True)
    numbers = random.Random(2023)  # noqa: S311  # nothing secret
    stations = [f"USC{number:08d}" for number in sorted(numbers.sample(range(10**8), lines // DAYS // ELEMENTS))]
    with gzip.open(path, "wt", compresslevel=1) as file:
        for number in range(DAYS):
            day = f"{datetime.date(2023, 1, 1) + datetime.timedelta(number):%Y%m%d}"
            warm, rain = numbers.choices(range(-150, 350), k=997), numbers.choices(range(200), k=991)
            for at, code in enumerate(stations):
                tmax = warm[at % 997]
                file.write(
                    f"{code},{day},TMAX,{tmax},,,7,0700\n{code},{day},TMIN,{tmax - 90},,,7,0700\n"
                    f"{code},{day},PRCP,{rain[at % 991]},,,7,0700\n{code},{day},SNOW,{at % 7},,,7,\n"
                )
    return path


def _gunzip(path: Path) -> None:
    with igzip.open(path) as file:
        while file.read(1 << 20):
            pass
