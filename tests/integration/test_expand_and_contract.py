"""During a release the old and the new API run side by side: the code of before a migration works with what it leaves.

The code of before is taken from the project's history: the commit before the one that added the migration.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
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


def run(code: Path, environment: dict[str, str], *words: str) -> str:
    """A program of some state of the project; what it prints."""
    done = subprocess.run(
        [sys.executable, *words], cwd=code, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def asked(code: Path, database: Database) -> dict[str, Any]:
    """What that state's API answers."""
    answers: dict[str, Any] = json.loads(run(code, database.environment(roles.API), "-c", ASK, *PATHS).splitlines()[-1])
    return answers


def load(code: Path, database: Database, source: Path) -> None:
    """A pass of that state's worker."""
    run(code, {**database.environment(roles.WORKER), "WINDSOCK_SOURCE": str(source)}, "-m", "worker", "ingest")


def test_the_release_before_works_with_the_migrated_database(
    database: Database, migration: Path, before: Path, tmp_path: Path
) -> None:
    with psycopg.connect(database.url(), autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    source = tmp_path / "weather"
    source.mkdir()
    (source / "USC00000001.txt").write_text(station_lines(a_year(1990) + a_year(1991)) + "nonsense\n")
    run(before, database.environment(roles.OWNER), "-m", "worker", "migrate")
    load(before, database, source)
    earlier = asked(before, database)
    assert {path: status for path, (status, _) in earlier.items() if status != 200} == {}

    engine = database.engine()
    with engine.connect() as connected:
        config = _alembic()
        config.attributes["connection"] = connected
        command.upgrade(config, migration.name.partition("_")[0])
        connected.commit()
        driver = connected.connection.driver_connection
        assert driver is not None
        with driver.transaction():
            ensure_roles(driver, RolePasswords())
    engine.dispose()

    later = asked(before, database)
    del earlier["/health/ready"], later["/health/ready"]  # it may say the revision
    assert later == earlier
    (source / "USC00000002.txt").write_text(station_lines(a_year(1990)))
    load(before, database, source)
    assert json.loads(asked(before, database)["/api/stations?per_page=1"][1])["pagination"]["total_items"] == 2
    # And the release of now, with what both have written.
    load(PROJECT, database, source)
    assert {path: status for path, (status, _) in asked(PROJECT, database).items() if status != 200} == {}
