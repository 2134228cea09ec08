"""What the tests stand on: a real PostgreSQL, a fresh migrated database for each test, the real weather files."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine
from sqlalchemy.engine import URL
from xdist.scheduler import LoadScopeScheduling

from database import embedded, roles
from database.engine import create_engine
from database.migrate import migrate
from database.settings import DatabaseSettings
from runtime.environment import load
from tests.resilience import trials

pytest_plugins = ["tests.acceptance.compose.fixtures", "tests.acceptance.rehearsal.fixtures"]

PROJECT = Path(__file__).parent.parent
ARTEFACTS = PROJECT / "tests" / "artefacts"
"""What tests leave for people to look at."""
# A machine that is busy must not fail a test: no example has a deadline.
hypothesis.settings.register_profile("windsock", deadline=None)
hypothesis.settings.load_profile("windsock")

PASSWORDS = {roles.OWNER: "owner's", roles.WORKER: "worker's", roles.API: "api's"}


# What shares containers, images or an emulator is run by one process, however many there are; all else file by file.
TOGETHER = {
    "tests/acceptance/compose": "compose",
    "tests/acceptance/rehearsal": "rehearsal",
    "tests/integration/deployment": "emulator",
    "tests/integration/emulator": "emulator",
    "tests/resilience/compose": "compose",
    "tests/resilience/rehearsal": "rehearsal",
}


class ByGroup(LoadScopeScheduling):  # type: ignore[misc]  # xdist's base class is untyped
    """Gives each process the tests of a file, or of a group of files, at a time."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((group for folder, group in TOGETHER.items() if file.startswith(f"{folder}/")), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByGroup:
    """Who shares the tests out among several processes (pytest-xdist)."""
    return ByGroup(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long the trials of tests/resilience are."""
    parser.addoption("--full", action="store_true", help="the trials of tests/resilience at their whole length")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the trials that are for a run at whole length only."""
    long = [] if config.getoption("--full") else [item for item in items if item.get_closest_marker("full")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Forget what an earlier run has said of its rehearsal."""
    if not hasattr(session.config, "workerinput"):
        (ARTEFACTS / "rehearsal.txt").unlink(missing_ok=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what a rehearsal says at its end, by whichever process it was run, and the table of the trials."""
    said = ARTEFACTS / "rehearsal.txt"
    if said.exists():
        terminalreporter.section("the rehearsal")
        terminalreporter.write_line(said.read_text(encoding="utf-8"))
    trials.show(terminalreporter)


@dataclasses.dataclass(frozen=True)
class Cluster:
    """A running PostgreSQL server of the tests' own."""

    folder: Path
    port: int

    def url(self, role: str, database: str) -> str:
        """The address of a database for a role, its password included."""
        url = URL.create("postgresql", role, PASSWORDS.get(role), "127.0.0.1", self.port, database)
        return url.render_as_string(hide_password=False)

    def superuser(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """A connection that may do everything, each statement at once."""
        return psycopg.connect(self.url(embedded.SUPERUSER, database), autocommit=True)


@dataclasses.dataclass(frozen=True)
class Database:
    """A migrated, empty database that only one test uses."""

    cluster: Cluster
    name: str

    def url(self, role: str = roles.OWNER) -> str:
        """Its address for a role, the password included."""
        return self.cluster.url(role, self.name)

    def environment(self, role: str) -> dict[str, str]:
        """The environment variables that a program of this role needs, and the ones this test run has."""
        return {**os.environ, "WINDSOCK_DATABASE_URL": self.url(role)}

    def engine(self, role: str = roles.OWNER) -> Engine:
        """An engine for a role."""
        return create_engine(load(DatabaseSettings, {"WINDSOCK_DATABASE_URL": self.url(role)}), "windsock-tests")

    def rows(self, query: str, *parameters: object) -> list[tuple[object, ...]]:
        """What a query answers to the owner."""
        with psycopg.connect(self.url()) as connection:
            return connection.execute(query.encode(), parameters).fetchall()


def free_port(in_a_row: int = 1) -> int:
    """A TCP port of 127.0.0.1 that nobody has now; with the next ones, where more are asked for.

    Not one of those that the kernel chooses from (ip_local_port_range begins at 32768): before it is listened on, a
    connection of any other test could have it.
    """
    for _ in range(1000):
        port = random.SystemRandom().randrange(20_000, 32_768 - in_a_row)
        if all(_is_free(each) for each in range(port, port + in_a_row)):
            return port
    raise AssertionError("no free port")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def unmeasured(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """An environment without what has the coverage of each process of Python counted.

    For playbooks, whose many processes take a quarter longer with it and run nothing that is counted; and for what is
    measured otherwise.
    """
    return {name: value for name, value in environment.items() if not name.startswith("COV")}


def wait_until(ready: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait until `ready` says so; fail with `what` after so many seconds."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            pytest.fail(f"after {seconds} s still not true: {what}")
        time.sleep(0.05)


@contextlib.contextmanager
def new_cluster() -> Iterator[Cluster]:
    """A cluster of its own, whose server has not been started; removed at the end."""
    # Not under pytest's own folder: started by root, the server's user could not enter it.
    parent = Path(tempfile.mkdtemp(prefix="windsock-tests-"))
    parent.chmod(0o755)
    folder = parent / "postgres"
    embedded.initialise(folder, PASSWORDS[roles.OWNER])
    access = folder / "pg_hba.conf"
    access.write_text(f"host all {embedded.SUPERUSER} 127.0.0.1/32 trust\n" + access.read_text())
    # A test machine that loses its power loses nothing that is worth the wait for its disk.
    (folder / "postgresql.auto.conf").write_text("fsync = off\n")
    try:
        yield Cluster(folder, free_port())
    finally:
        shutil.rmtree(parent)


@contextlib.contextmanager
def serving(cluster: Cluster) -> Iterator[subprocess.Popen[bytes]]:
    """The server of a cluster, once it answers; stopped at the end if it still runs."""
    said = cluster.folder.parent / "log"
    with said.open("ab") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "database.embedded", "run", str(cluster.folder), "--port", str(cluster.port)],
            stderr=log,
            stdout=log,
            cwd=PROJECT,
        )
    try:
        wait_until(lambda: _answers(cluster), f"PostgreSQL answers; see {said}")
        yield server
    finally:
        server.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
        server.wait(30)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The server that the whole run shares."""
    with new_cluster() as made, serving(made):
        yield made


def _answers(cluster: Cluster) -> bool:
    try:
        cluster.superuser().close()
    except psycopg.OperationalError:
        return False
    return True


def migrate_first(cluster: Cluster) -> str:
    """Bring a new cluster's database to the current schema, with the three roles; its name."""
    database = Database(cluster, embedded.DATABASE)
    engine = database.engine()
    migrate(engine, roles.RolePasswords(worker=PASSWORDS[roles.WORKER], api=PASSWORDS[roles.API]))
    engine.dispose()
    return database.name


@pytest.fixture(scope="session")
def migrated(cluster: Cluster) -> str:
    """The name of the migrated database that those of the single tests are copied from."""
    return migrate_first(cluster)


_numbers = itertools.count(1)


def create_database(cluster: Cluster, template: str) -> Database:
    """A copy of a database."""
    name = f"test_{next(_numbers)}"
    original, copy, owner = sql.Identifier(template), sql.Identifier(name), sql.Identifier(roles.OWNER)
    with cluster.superuser() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(copy, owner, original))
    return Database(cluster, name)


@contextlib.contextmanager
def new_database(cluster: Cluster, template: str) -> Iterator[Database]:
    """A copy of a database, dropped at the end, whoever still uses it."""
    made = create_database(cluster, template)
    yield made
    with cluster.superuser() as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(made.name)))


@pytest.fixture
def database(cluster: Cluster, migrated: str) -> Iterator[Database]:
    """A fresh database with the current schema and the three roles."""
    with new_database(cluster, migrated) as made:
        yield made


@pytest.fixture(scope="session")
def docker() -> None:
    """A daemon that answers; without one, the test is skipped."""
    try:
        answer = subprocess.run(["docker", "info"], capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        pytest.skip("no Docker here")
    if answer.returncode:
        pytest.skip("no Docker daemon answers")


@pytest.fixture(scope="session")
def weather_data(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function that unpacks one archive of real weather files (wx_data, defects, ghcn_daily) and gives its folder."""
    archives = Path(os.environ.get("WINDSOCK_DATA", PROJECT.parent / "shared" / "data"))
    unpacked = tmp_path_factory.mktemp("weather")

    def folder(name: str) -> Path:
        archive = archives / f"{name}.tar.xz"
        if not archive.exists():
            pytest.skip(f"no real weather files: {archive.name} is not in the folder that WINDSOCK_DATA names")
        if not (unpacked / name).exists():
            with tarfile.open(archive) as opened:
                opened.extractall(unpacked, filter="data")
        return unpacked / name

    return folder
