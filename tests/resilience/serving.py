"""What the trials of serving stand on: a PostgreSQL that may be killed, what is asked, what is looked at."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from database import embedded
from tests.conftest import Cluster, Database, free_port, migrate_first, new_cluster, serving
from tests.integration.api.conftest import Served, fill
from tests.resilience.traffic import REFUSED, Request, Traffic

PAGES = [
    Request("/api/weather?per_page=100"),
    Request("/api/weather?station_id=USC00100001&per_page=50&page=3"),
    Request("/api/weather/stats"),
    Request("/api/weather/stats?year=1999"),
    Request("/api/stations"),
    Request("/api/stations/USC00200003"),
    Request("/api/ingestions"),
]
"""All of them ask the database something each time: none can be answered from what a process remembers."""


class Server:
    """A PostgreSQL server that can be ended and started again."""

    def __init__(self, cluster: Cluster, running: contextlib.ExitStack) -> None:
        self.cluster = cluster
        self._running = running
        self._process = self._running.enter_context(serving(cluster))

    def kill(self) -> None:
        """End it as a crash does: no connection is told, nothing is written out. It is gone when this returns."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(30)

    def start(self) -> float:
        """Start it again; the moment from which it is sure to accept connections."""
        self._process = self._running.enter_context(serving(self.cluster))
        return time.monotonic()

    def replica(self) -> Server:
        """A server that follows this one, as a replica does."""
        folder = self.cluster.folder.parent / "replica"
        user = embedded._system_user()
        copy: list[str | Path] = [embedded._binaries(user) / "pg_basebackup", "--pgdata", folder]
        copy += ["--dbname", self.cluster.url(embedded.SUPERUSER, ""), "--write-recovery-conf", "--checkpoint=fast"]
        subprocess.run(copy, check=True)
        if user:
            subprocess.run(["chown", "--recursive", user.pw_name, folder], check=True)
        return Server(Cluster(folder, free_port()), self._running)


@contextlib.contextmanager
def own_server() -> Iterator[tuple[Server, Database]]:
    """A server with the weather of tests/integration/api, that nobody else uses."""
    with new_cluster() as cluster, contextlib.ExitStack() as running:
        access = cluster.folder / "pg_hba.conf"
        access.write_text(f"host replication {embedded.SUPERUSER} 127.0.0.1/32 trust\n" + access.read_text())
        server = Server(cluster, running)
        database = Database(cluster, migrate_first(cluster))
        fill(database)
        yield server, database


def process_ids(served: Served) -> set[int]:
    """The processes of gunicorn that answer requests."""
    return {child.pid for child in psutil.Process(served.process.pid).children()}


def everything(served: Served) -> Sequence[Request]:
    """A mix of all that users ask: pages, cursors, statistics, stations, CSV, what has not changed, what is wrong."""
    first = f"{served.url}/api/weather?per_page=100"
    with urllib.request.urlopen(first) as response:  # noqa: S310 - our own address
        tag, cursor = response.headers["ETag"], json.load(response)["pagination"]["next_cursor"]
    return [
        *PAGES,
        Request(f"/api/weather?per_page=100&cursor={cursor}"),
        Request("/api/weather?per_page=100", 304, f"If-None-Match: {tag}\r\n"),
        Request("/api/weather?date=31-12-1999", 400),
        Request("/api/weather?format=csv&station_id=USC00100001"),
        Request("/api/weather?per_page=100", headers="Accept-Encoding: gzip\r\n"),
        Request("/api/stations/nobody", 404),
        Request("/api/weather?per_page=1000000", 400),
    ]


@dataclasses.dataclass
class Checks:
    """How health checks were answered."""

    good: int = 0
    bad: list[str] = dataclasses.field(default_factory=list)
    slowest_s: float = 0


@contextlib.contextmanager
def health_checks(served: Served, paths: Sequence[str], wait_s: float = 5) -> Iterator[Checks]:
    """Ask these paths ten times a second, on a new connection each time and as patiently as the load balancer."""
    checks, stop = Checks(), threading.Event()

    def ask() -> None:
        while not stop.wait(0.1):
            for path in paths:
                began = time.monotonic()
                try:
                    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=wait_s)
                    with contextlib.closing(connection):
                        connection.request("GET", path)
                        said = str(connection.getresponse().status)
                except (OSError, http.client.HTTPException) as error:
                    said = repr(error)
                checks.slowest_s = max(checks.slowest_s, time.monotonic() - began)
                if said == "200":
                    checks.good += 1
                else:
                    checks.bad.append(f"{path}: {said}")

    thread = threading.Thread(target=ask, name="health checks")
    thread.start()
    try:
        yield checks
    finally:
        stop.set()
        thread.join()


def broken(traffic: Traffic) -> dict[str, int]:
    """What was wrong with the answers, where there was a connection."""
    return {what: times for what, times in traffic.wrong().items() if what != REFUSED}
