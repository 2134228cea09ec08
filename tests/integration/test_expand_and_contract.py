"""During a release the old and the new API run side by side: the code of before a migration works with what it leaves.

The code of before is taken from the project's history: the commit before the one that added the migration.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command

from database import roles
from database.migrate import _alembic
from database.revisions import known_revisions
from database.roles import RolePasswords, ensure_roles
from tests.conftest import PROJECT, Database
from tests.integration.ingesting import a_year, station_lines

VERSIONS = "database/migrations/versions"
AFTER_THE_FIRST = sorted(known_revisions())[1:]
# Each kind of query that the API makes: pages, filters, cursors, sums, a download.
PATHS = (
    "/health/ready",
    "/api/weather?per_page=5",
    "/api/weather?station_id=USC00000001&start_date=1990-02-01&end_date=1990-03-01",
    "/api/weather?format=csv&station_id=USC00000001",
    "/api/weather/stats",
    "/api/weather/stats?year=1990&station_id=USC00000001",
    "/api/stations?per_page=1",
    "/api/stations/USC00000001",
    "/api/ingestions",
    "/api/ingestions/1",
    "/api/ingestions/1/files",
    "/api/ingestions/1/files/1/rejected-lines",
)
ASK = """
import json, sys
from app import create_app
client = create_app().test_client()
answers = {path: client.get(path) for path in sys.argv[1:]}
print(json.dumps({path: [answer.status_code, answer.text] for path, answer in answers.items()}))
"""


def git(*words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=PROJECT, capture_output=True, check=True).stdout


@pytest.fixture(params=AFTER_THE_FIRST)
def migration(request: pytest.FixtureRequest) -> Path:
    """The file of a migration."""
    [path] = (PROJECT / VERSIONS).glob(f"{request.param}_*.py")
    return path


@pytest.fixture
def before(migration: Path, tmp_path: Path) -> Path:
    """The project as it was before that migration."""
    try:
        added = git("log", "--diff-filter=A", "--format=%H", "--", f"{VERSIONS}/{migration.name}").split()
        archive = git("archive", f"{added[-1].decode()}^", "app", "database", "runtime", "worker") if added else b""
    except (OSError, subprocess.CalledProcessError):
        archive = b""
    if not archive:
        pytest.skip(f"the history that has the code of before {migration.name} is not here: this is no whole clone")
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        packed.extractall(tmp_path / "before", filter="data")
    assert not (tmp_path / "before" / VERSIONS / migration.name).exists()
    return tmp_path / "before"


def run(code: Path, environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """A program of some state of the project."""
    return subprocess.run(
        [sys.executable, *words], cwd=code, env=environment, capture_output=True, text=True, check=False
    )


def asked(code: Path, database: Database) -> dict[str, list[Any]]:
    """What that state's API answers: status and body by path."""
    done = run(code, database.environment(roles.API), "-c", ASK, *PATHS)
    assert done.returncode == 0, done.stdout + done.stderr
    answers: dict[str, list[Any]] = json.loads(done.stdout.splitlines()[-1])
    return answers


def load(code: Path, database: Database, source: Path) -> subprocess.CompletedProcess[str]:
    """A pass of that state's worker."""
    return run(code, {**database.environment(roles.WORKER), "WINDSOCK_SOURCE": str(source)}, "-m", "worker", "ingest")


def broken_by(change: Callable[[], None], code: Path, database: Database, source: Path) -> list[str]:
    """What that state's API and worker no longer do as before when the schema is changed under their data.

    The source gets a file before the change and one after it.
    """
    source.mkdir()
    (source / "USC00000001.txt").write_text(station_lines(a_year(1990) + a_year(1991)) + "nonsense\n")
    first = load(code, database, source)
    assert first.returncode == 0, first.stdout + first.stderr
    earlier = asked(code, database)
    assert {path: status for path, (status, _) in earlier.items() if status != 200} == {}

    change()

    later = asked(code, database)
    # Of being ready the status alone: its body says the revision.
    compared = [path for path in PATHS if path != "/health/ready"]
    broken = [f"{path}: {later[path]}" for path in compared if later[path] != earlier[path]]
    if later["/health/ready"][0] != 200:
        broken.append(f"/health/ready: {later['/health/ready']}")
    (source / "USC00000002.txt").write_text(station_lines(a_year(1990)))
    second = load(code, database, source)
    found = database.rows("SELECT count(*) FROM yearly_statistics s JOIN station ON station.id = s.station_id")
    if second.returncode or found != [(3,)]:
        broken.append(f"the worker: {found}\n{second.stdout}{second.stderr}")
    return broken


def upgrade(database: Database, revision: str) -> None:
    """The migrations up to a revision, with the rights that each run gives the roles."""
    engine = database.engine()
    with engine.connect() as connection:
        config = _alembic()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()
        driver = connection.connection.driver_connection
        assert driver is not None
        with driver.transaction():
            ensure_roles(driver, RolePasswords())
    engine.dispose()


def test_the_release_before_works_with_the_migrated_database(
    database: Database, migration: Path, before: Path, tmp_path: Path
) -> None:
    with psycopg.connect(database.url(), autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    made = run(before, database.environment(roles.OWNER), "-m", "worker", "migrate")
    assert made.returncode == 0, made.stdout + made.stderr
    source, revision = tmp_path / "weather", migration.name.partition("_")[0]
    assert broken_by(lambda: upgrade(database, revision), before, database, source) == []
    # And the release of now, with what both have written.
    upgrade(database, "head")
    last = load(PROJECT, database, source)
    assert last.returncode == 0, last.stdout + last.stderr
    assert {path: status for path, (status, _) in asked(PROJECT, database).items() if status != 200} == {}


def test_a_change_that_takes_away_too_early_is_noticed(database: Database, tmp_path: Path) -> None:
    """What the test above is for: a column that the API reads, and one that the worker does not fill."""

    def contract() -> None:
        with psycopg.connect(database.url(), autocommit=True) as connection:
            connection.execute("ALTER TABLE station DROP COLUMN elevation_m")
            connection.execute("ALTER TABLE source_file ADD COLUMN loader text NOT NULL DEFAULT 'before'")
            connection.execute("ALTER TABLE source_file ALTER COLUMN loader DROP DEFAULT")

    *answers, worker = broken_by(contract, PROJECT, database, tmp_path / "weather")
    assert {line.partition(": ")[0] for line in answers} == {
        "/api/stations?per_page=1",
        "/api/stations/USC00000001",
    }
    assert worker.startswith("the worker")
    assert 'null value in column "loader"' in worker
