"""`python -m worker inspect`, against a real server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from database import roles
from database.migrate import newest_revision
from tests.conftest import PROJECT, Database
from tests.integration.ingesting import a_year, ingest, station_lines


def inspect(database: Database, role: str = roles.OWNER, **more: str) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "worker", "inspect"],
        cwd=PROJECT,
        env={**database.environment(role), **more},
        capture_output=True,
        text=True,
        check=False,
    )


def answer(database: Database, role: str = roles.OWNER) -> dict[str, Any]:
    done = inspect(database, role)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_an_empty_database(database: Database) -> None:
    found = answer(database)
    assert found.pop("revision") == newest_revision()
    assert found == {
        "stations": 0, "observations": 0, "statistics": 0, "first_date": None, "last_date": None, "last_year": None,
        "files": 0, "last_ingestion": None, "bytes": found["bytes"],
    }  # fmt: skip


@pytest.mark.parametrize("role", [roles.OWNER, roles.WORKER, roles.API])
def test_what_was_loaded_is_counted_by_every_role(database: Database, tmp_path: Path, role: str) -> None:
    for station in ("USC00000001", "USC00000002"):
        (tmp_path / f"{station}.txt").write_text(station_lines(a_year(1990) + a_year(1991)))
    done = ingest(database, tmp_path)
    found = answer(database, role)
    assert found == {
        "revision": newest_revision(), "stations": 2, "observations": 2 * 2 * 336, "statistics": 4,
        "first_date": "1990-01-01", "last_date": "1991-12-28", "last_year": 1991, "files": 2,
        "last_ingestion": found["last_ingestion"], "bytes": found["bytes"],
    }  # fmt: skip
    assert found["bytes"] > 1_000_000
    (finished,) = database.rows("SELECT finished_at FROM ingestion WHERE id = %s", done.id)
    assert found["last_ingestion"] == finished[0].isoformat(timespec="seconds")  # type: ignore[attr-defined]


def test_what_is_not_there_is_null(database: Database) -> None:
    with psycopg.connect(database.url(), autocommit=True) as connection:
        connection.execute("DROP TABLE observation, alembic_version")
    found = answer(database)
    assert (found["revision"], found["observations"], found["last_date"], found["stations"]) == (None, None, None, 0)
    with psycopg.connect(database.url(), autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    found = answer(database)
    assert found.pop("bytes") > 0
    assert set(found.values()) == {None}


def test_a_database_that_does_not_answer_is_said_without_its_password(database: Database) -> None:
    done = inspect(database, WINDSOCK_DATABASE_URL="postgresql://somebody:hidden@127.0.0.1:1/windsock")
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot run: the database at postgresql+psycopg://somebody:***@127.0.0.1:1/windsock" in done.stderr
    assert "hidden" not in done.stderr
