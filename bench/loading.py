"""Loading station files: against the server's own COPY of the same rows into the same table."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.memory import peak_memory_mb
from bench.results import Figure, ratios, timed
from bench.server import Server
from database import roles
from database.engine import create_engine
from runtime.environment import load
from worker.ingest import Pass, run_pass
from worker.report import NoDisplay
from worker.settings import IngestSettings
from worker.stop import StopRequest

_ROWS = "SELECT station_id, date, tmax, tmin, prcp FROM observation ORDER BY station_id, date"
_TABLE = "observation (station_id, date, tmax, tmin, prcp)"

MEMORY_LIMIT_MB = 150


def measure(server: Server, source: Path, scratch: Path, runs: int) -> Iterator[Figure]:
    """The figures of loading the station files in `source`; `scratch` is a folder for files that are changed."""
    ingest(server, source)
    rows_file = server.folder / "rows.copy"  # where the server itself may write and read
    with server.connect() as connection:
        connection.execute(f"COPY ({_ROWS}) TO '{rows_file}' (FORMAT binary)".encode())

    def bare_copy() -> float:
        server.empty()
        with server.connect() as connection:
            return timed(lambda: connection.execute(f"COPY {_TABLE} FROM '{rows_file}' (FORMAT binary)".encode()))

    def first_load() -> float:
        server.empty()
        return ingest(server, source).seconds

    yield Figure(
        "first load with statistics: rate of a bare server-side COPY",
        ratios(bare_copy, first_load, runs),
        "at least",
        0.70,
    )

    ingest(server, source)
    unchanged = [ingest(server, source).seconds for _ in range(runs)]
    yield Figure("second pass, nothing changed, seconds", unchanged, "at most", 0.2)

    copied = scratch / "weather"
    shutil.copytree(source, copied)
    server.empty()
    whole = ingest(server, copied).seconds
    appended = []
    for day in range(runs):
        for path in copied.iterdir():
            with path.open("a") as file:
                file.write(f"2015010{day + 1}\t    1\t    0\t    0\n")
        appended.append(ingest(server, copied).seconds / whole)
    yield Figure("one day appended to every file: share of the first load", appended, "at most", 0.10)

    server.empty()
    command = [sys.executable, "-m", "worker", "ingest"]
    peak = peak_memory_mb(command, {**os.environ, **_environment(server, source)})
    yield Figure("peak memory of the worker, MB", [peak], "at most", MEMORY_LIMIT_MB)


def ingest(server: Server, source: Path) -> Pass:
    """One pass in this process."""
    settings = load(IngestSettings, _environment(server, source))
    engine = create_engine(settings.database, "bench")
    try:
        return run_pass(settings, engine, "manual", StopRequest(), NoDisplay())
    finally:
        engine.dispose()


def _environment(server: Server, source: Path) -> dict[str, str]:
    return {"WINDSOCK_DATABASE_URL": server.url(roles.WORKER), "WINDSOCK_SOURCE": str(source)}
