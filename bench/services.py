"""HTTP services to be measured, each as two processes on ports of their own, so that both get half of the load."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from bench.programs import PROJECT, REFERENCES_PYTHON
from bench.server import Server, free_port
from database import roles

PROCESSES = 2
REFERENCES = {  # module of bench/references to what it is
    "plain": "SQLAlchemy and pydantic",
    "tuned": "SQLAlchemy Core and orjson",
    "fastest": "asyncpg and JSON of PostgreSQL",
}
_API = [sys.executable, "-m", "gunicorn", "--config", "app/gunicorn.conf.py", "app:create_app()"]


@dataclasses.dataclass(frozen=True)
class Service:
    """A service that runs."""

    ports: Sequence[int]
    processes: Sequence[psutil.Process]

    def get(self, path: str, process: int = 0) -> tuple[http.client.HTTPMessage, bytes]:
        """The headers and the body of an answer.

        Raises:
            RuntimeError: its status is not 200.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[process], timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
        if response.status != 200:
            raise RuntimeError(f"{path} was answered with {response.status}: {body[:500]!r}")
        return response.headers, body

    def all_processes(self) -> list[psutil.Process]:
        """The processes, and those that they started."""
        return [each for process in self.processes for each in (process, *process.children(recursive=True))]

    def cpu_s(self) -> float:
        """Seconds of CPU that they have taken so far."""
        return sum(sum(each.cpu_times()[:2]) for each in self.all_processes())

    def largest_mb(self) -> float:
        """The resident size of the largest of them, in MB."""
        return max(each.memory_info().rss for each in self.all_processes()) / 1024**2


@contextlib.contextmanager
def api(server: Server, processes: int = PROCESSES) -> Iterator[Service]:
    """The API as it is deployed: gunicorn, its access log written to a file."""
    variables = {"WINDSOCK_DATABASE_URL": server.url(roles.API), "WINDSOCK_API_WORKERS": "1"}
    ports = [free_port() for _ in range(processes)]
    started = [(_API, {**variables, "WINDSOCK_API_BIND": f"127.0.0.1:{port}"}) for port in ports]
    with _running(server.folder.parent / "api.log", ports, started) as service:
        yield service


@contextlib.contextmanager
def reference(server: Server, name: str) -> Iterator[Service]:
    """One of bench/references, with uvicorn; no access log."""
    ports = [free_port() for _ in range(PROCESSES)]
    command = [str(REFERENCES_PYTHON), "-m", "uvicorn", f"bench.references.{name}:app", "--no-access-log"]
    variables = {"BENCH_DATABASE_URL": server.url(roles.API)}
    started = [([*command, "--port", str(port)], variables) for port in ports]
    with _running(server.folder.parent / f"{name}.log", ports, started) as service:
        yield service


@contextlib.contextmanager
def _running(
    log: Path, ports: Sequence[int], commands: Sequence[tuple[list[str], Mapping[str, str]]]
) -> Iterator[Service]:
    processes: list[psutil.Popen] = []
    # Compiled once, as in an image, whatever the shell says; and not into the folders of the packages.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    inherited["PYTHONPYCACHEPREFIX"] = str(log.parent / "compiled")
    with log.open("wb") as output:
        try:
            for command, variables in commands:
                environment = {**inherited, **variables}
                processes.append(psutil.Popen(command, env=environment, cwd=PROJECT, stdout=output, stderr=output))
            for port, process in zip(ports, processes, strict=True):
                _wait(port, process, log)
            yield Service(ports, processes)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(60)


def _wait(port: int, process: psutil.Popen, log: Path) -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.02)
    raise RuntimeError(f"a service to be measured does not start: {log.read_text()[-2000:]}")
