"""What a load has to come to, whatever happened to it: the tables of an undisturbed one, and a ledger that says so."""

from __future__ import annotations

import dataclasses
import random
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.conftest import Database, wait_until
from tests.integration.ingesting import expected_statistics, finish, start_worker, statistics
from tests.resilience.trials import Trial

# Whole tables, as their number of rows and a hash; stations by their codes: their numbers are the server's choice.
TABLES = {
    "observation": "SELECT count(*), md5(string_agg((code, date, tmax, tmin, prcp, snow, snwd)::text, ',' "
    "ORDER BY code, date)) FROM observation JOIN station ON station.id = station_id",
    "yearly_statistics": "SELECT count(*), md5(string_agg((code, year, avg_max_temp_c, avg_min_temp_c, "
    "total_precipitation_cm, days, max_temp_days, min_temp_days, precipitation_days)::text, ',' ORDER BY code, year)) "
    "FROM yearly_statistics JOIN station ON station.id = station_id",
    "station": "SELECT count(*), md5(string_agg(code, ',' ORDER BY code)) FROM station",
}

LOADED = (
    "SELECT count(*), count(DISTINCT uri), coalesce(sum(rows_inserted), 0) FROM source_file WHERE status = 'loaded'"
)
"""Files, each counted once however often it was tried, and their rows."""

SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'windsock_worker'"
PASSES = "SELECT status, error FROM ingestion ORDER BY id"

Query = Callable[[str], tuple[object, ...]]
"""Asks a database for one row."""


@dataclasses.dataclass(frozen=True)
class Load:
    """A load that nothing disturbed."""

    source: Path | str
    tables: dict[str, tuple[object, ...]]
    files: int
    seconds: float

    @property
    def rows(self) -> int:
        """How many observations there are."""
        return int(str(self.tables["observation"][0]))

    def check(self, query: Query, trial: Trial) -> None:
        """See that a database holds this load and nothing else, and that its ledger and its passes are at peace."""
        found = tables(query)
        trial.lost += abs(self.rows - int(str(found["observation"][0])))
        assert found == self.tables
        assert [int(str(number)) for number in query(LOADED)] == [self.files, self.files, self.rows]
        assert int(str(query("SELECT count(*) FROM ingestion WHERE status = 'running'")[0])) == 0


def tables(query: Query) -> dict[str, tuple[object, ...]]:
    """What the tables hold."""
    return {name: tuple(map(str, query(statement))) for name, statement in TABLES.items()}


def asking(database: Database) -> Query:
    """Asks a database of the tests."""
    return lambda statement: database.rows(statement)[0]


def undisturbed(database: Database, source: Path) -> Load:
    """Load a folder in a process of its own, and say what that came to; the seconds are those after it has begun."""
    worker = start_worker(database, source, "ingest")
    begun(worker)
    start = time.monotonic()
    status, _, err = finish(worker)
    seconds = time.monotonic() - start
    assert status == 0, err
    assert statistics(database) == expected_statistics(database)
    return Load(source, tables(asking(database)), int(str(asking(database)(LOADED)[0])), seconds)


def begun(worker: subprocess.Popen[str], files: int = 0) -> None:
    """Wait until a worker says that its pass starts, and then that so many files are loaded."""
    assert worker.stderr
    for said in ["ingestion_started", *["file_loaded"] * files]:
        line = worker.stderr.readline()
        assert said in line, line


def somewhere(worker: subprocess.Popen[str], load: Load, chance: random.Random) -> None:
    """Let a worker come to some point of its load: most are after the first files and before the last."""
    begun(worker, files=chance.randrange(0, 48, 8))
    time.sleep(chance.uniform(0, load.seconds / 4))  # the moment is the point here: no condition to wait for


def tries(at_least: int, hits: Sequence[bool]) -> Iterator[None]:
    """So many tries, and up to five times as many while chance has not once hit what they are for."""
    for number in range(5 * at_least):
        if number >= at_least and any(hits):
            return
        yield


def whole_files_only(database: Database) -> int:
    """See that no part of a file is there: rows, statistics and ledger say the same; how many files are loaded."""
    files, different, rows = asking(database)(LOADED)
    assert files == different
    assert asking(database)("SELECT count(*) FROM observation") == (rows,)
    assert statistics(database) == expected_statistics(database)
    return int(str(files))


def heal(database: Database, source: Path | str, **more: str) -> None:
    """The next pass, once PostgreSQL knows that the programs before it are gone: it loads what is left."""
    wait_until(lambda: asking(database)(SESSIONS) == (0,), "the server has noticed that the worker is gone")
    status, _, err = finish(start_worker(database, source, "ingest", **more))
    assert status == 0, err
