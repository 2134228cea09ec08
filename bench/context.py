"""What the measurements share: the server, the weather files, a folder to write to, and passes over files."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path

from bench.memory import peak_memory_mb
from bench.server import Server
from database import roles
from database.engine import create_engine
from runtime.environment import load
from worker.ingest import run_pass
from worker.passes import Pass
from worker.report import NoDisplay
from worker.settings import IngestSettings
from worker.stop import StopRequest


@dataclasses.dataclass(frozen=True)
class Bench:
    """Where to measure, with what, and how often."""

    server: Server
    weather: Path
    """The station files: real ones where they are at hand."""
    scratch: Path
    runs: int

    def ingest(self, source: Path | str) -> Pass:
        """One pass in this process."""
        settings = load(IngestSettings, self._environment(source))
        engine = create_engine(settings.database, "bench")
        try:
            return run_pass(settings, engine, "manual", StopRequest(), NoDisplay())
        finally:
            engine.dispose()

    def first_load(self, source: Path) -> float:
        """Seconds of a pass over an empty database."""
        self.server.empty()
        return self.ingest(source).seconds

    def peak_memory_mb(self, source: Path) -> float:
        """The largest resident size of a worker that loads the files into an empty database."""
        self.server.empty()
        command = [sys.executable, "-m", "worker", "ingest"]
        return peak_memory_mb(command, {**os.environ, **self._environment(source)})

    def copy_out(self, query: str, name: str) -> Path:
        """A file beside the server with the rows of a query, as COPY takes them."""
        path = self.server.folder / name
        with self.server.connect() as connection:
            connection.execute(f"COPY ({query}) TO '{path}' (FORMAT binary)".encode())
        return path

    def copy_in(self, table: str, path: Path) -> None:
        """The server's own COPY of such a file."""
        with self.server.connect() as connection:
            connection.execute(f"COPY {table} FROM '{path}' (FORMAT binary)".encode())

    def _environment(self, source: Path | str) -> dict[str, str]:
        return {"WINDSOCK_DATABASE_URL": self.server.url(roles.WORKER), "WINDSOCK_SOURCE": str(source)}
