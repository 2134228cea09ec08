"""A PostgreSQL server of the benchmark's own, as `make up` runs it."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from database import embedded, roles
from database.engine import create_engine
from database.migrate import migrate
from database.settings import DatabaseSettings
from runtime.environment import load

PASSWORD = "bench"  # noqa: S105  # of a server that lives for minutes and listens on 127.0.0.1 only


class Server:
    """Where the server is, and connections to it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self._port = port

    def url(self, role: str) -> str:
        """The address of the database for a role."""
        return f"postgresql://{role}:{PASSWORD}@127.0.0.1:{self._port}/{embedded.DATABASE}"

    def connect(self, role: str = embedded.SUPERUSER) -> psycopg.Connection[tuple[object, ...]]:
        """A connection on which each statement is committed at once."""
        return psycopg.connect(self.url(role), autocommit=True)

    def empty(self) -> None:
        """Remove all rows, and let the server write out what it has to, so that no run pays for the one before."""
        with self.connect() as connection:
            connection.execute(
                "TRUNCATE observation, yearly_statistics, station, rejected_line, source_file, ingestion RESTART "
                "IDENTITY"
            )
            connection.execute("CHECKPOINT")


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextlib.contextmanager
def running_server() -> Iterator[Server]:
    """A migrated, empty database on a server that ends with the block."""
    parent = Path(tempfile.mkdtemp(prefix="windsock-bench-"))
    parent.chmod(0o755)  # started by root, the server's own user has to enter it
    folder = parent / "postgres"
    embedded.initialise(folder, PASSWORD)
    access = folder / "pg_hba.conf"
    access.write_text(f"host all {embedded.SUPERUSER} 127.0.0.1/32 trust\n" + access.read_text())
    port = free_port()
    with (parent / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "database.embedded", "run", str(folder), "--port", str(port)], stdout=log, stderr=log
        )
    server = Server(folder, port)
    try:
        _wait(server)
        engine = create_engine(load(DatabaseSettings, {"WINDSOCK_DATABASE_URL": server.url(roles.OWNER)}), "bench")
        migrate(engine, roles.RolePasswords(worker=PASSWORD, api=PASSWORD))
        engine.dispose()
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        shutil.rmtree(parent)


def _wait(server: Server) -> None:
    for _ in range(300):
        try:
            psycopg.connect(server.url(embedded.SUPERUSER).replace(embedded.DATABASE, "postgres")).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("the benchmark's PostgreSQL does not answer")
