"""What the tests of ingestion share: weather files made for a test, a pass run in this process or in its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from database import roles
from runtime.environment import load
from tests.conftest import PROJECT, Database
from worker.ingest import run_pass
from worker.passes import Pass
from worker.report import NoDisplay
from worker.settings import IngestSettings
from worker.stop import StopRequest

Day = tuple[str, int, int, int]


def station_lines(days: Iterable[Day]) -> str:
    """The lines of a station file: date as YYYYMMDD, maximum, minimum, precipitation, as padded as the real ones."""
    return "".join(f"{date}\t{tmax:5d}\t{tmin:5d}\t{prcp:5d}\n" for date, tmax, tmin, prcp in days)


def a_year(year: int, tmax: int = 100) -> list[Day]:
    """The first 28 days of each month of a year, each a little different."""
    return [
        (f"{year}{month:02d}{day:02d}", tmax + month * 10 + day, month * 10 - day, day)
        for month in range(1, 13)
        for day in range(1, 29)
    ]


FILES, FIRST_YEAR, LAST_YEAR = 60, 1985, 1999


def write_files(folder: Path) -> Path:
    """Fill a new folder with station files enough for a load of about a second; gives the folder."""
    folder.mkdir()
    for number in range(FILES):
        days = [day for year in range(FIRST_YEAR, LAST_YEAR + 1) for day in a_year(year, number)]
        (folder / f"USC{number:08d}.txt").write_text(station_lines(days))
    return folder


def environment(database: Database, source: Path | str, **more: str) -> Mapping[str, str]:
    """The worker's environment for a test: its database, its source and whatever else is given."""
    return {**database.environment(roles.WORKER), "WINDSOCK_SOURCE": str(source), **more}


def ingest(database: Database, source: Path | str, *, retry_failed: bool = False, **more: str) -> Pass:
    """One pass in this process."""
    settings = load(IngestSettings, environment(database, source, **more))
    engine = database.engine(roles.WORKER)
    try:
        return run_pass(settings, engine, "manual", StopRequest(), NoDisplay(), retry_failed=retry_failed)
    finally:
        engine.dispose()


def start_worker(database: Database, source: Path | str, *words: str, **more: str) -> subprocess.Popen[str]:
    """`python -m worker` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "worker", *words],
        cwd=PROJECT,
        env=environment(database, source, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(worker: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Its exit status, standard output and standard error."""
    out, err = worker.communicate(timeout=120)
    return worker.returncode, out, err


def observations(database: Database) -> list[tuple[object, ...]]:
    """All observations, by the codes of their stations."""
    return database.rows(
        "SELECT code, date::text, tmax, tmin, prcp, snow, snwd FROM observation "
        "JOIN station ON station.id = station_id ORDER BY code, date"
    )


def statistics(database: Database) -> list[tuple[object, ...]]:
    """All yearly statistics, by the codes of their stations."""
    return database.rows(
        "SELECT code, year, avg_max_temp_c::float8, avg_min_temp_c::float8, total_precipitation_cm::float8, days, "
        "max_temp_days, min_temp_days, precipitation_days FROM yearly_statistics "
        "JOIN station ON station.id = station_id ORDER BY code, year"
    )


def expected_statistics(database: Database) -> list[tuple[object, ...]]:
    """The statistics that the observations should have, calculated the plain way over the whole table."""
    return database.rows(
        "SELECT code, extract(year FROM date)::int, round(avg(tmax) / 10, 2)::float8, "
        "round(avg(tmin) / 10, 2)::float8, "
        "round(sum(prcp) / 100.0, 2)::float8, count(*), count(tmax), count(tmin), count(prcp) FROM observation "
        "JOIN station ON station.id = station_id GROUP BY 1, 2 ORDER BY 1, 2"
    )


def ledger(database: Database) -> list[tuple[object, ...]]:
    """The ledger's entries: the file's name, status, rows read, inserted, updated, unchanged, rejected."""
    return database.rows(
        "SELECT regexp_replace(uri, '.*/', ''), status, rows_read, rows_inserted, rows_updated, rows_unchanged, "
        "rows_rejected FROM source_file ORDER BY id"
    )
