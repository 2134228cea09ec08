"""GET /health/live and /health/ready."""

from __future__ import annotations

import psycopg
import pytest
from alembic.script import ScriptDirectory
from flask import Flask
from flask.testing import FlaskClient

from app import health
from database import roles
from database.migrate import _alembic, newest_revision
from database.revisions import known_revisions
from tests.conftest import Database


def test_live_and_ready(client: FlaskClient) -> None:
    for path, status in (("/health/live", "live"), ("/health/ready", "ready")):
        response = client.get(path)
        assert (response.status_code, response.json["status"]) == (200, status)
        assert response.json["revision"] == "unknown"  # an image has its own
        assert response.headers["Cache-Control"] == "no-store"


def test_the_known_revisions_are_those_of_the_migrations_the_newest_first() -> None:
    migrations = ScriptDirectory.from_config(_alembic()).walk_revisions()
    assert known_revisions() == [migration.revision for migration in migrations]


def test_a_database_without_a_schema_is_not_ready(client: FlaskClient, weather: Database) -> None:
    with psycopg.connect(weather.url(roles.OWNER)) as connection:
        connection.execute("DELETE FROM alembic_version")
    problem = client.get("/health/ready")
    assert (problem.status_code, "migrations" in problem.json["detail"]) == (503, True)
    with psycopg.connect(weather.url(roles.OWNER)) as connection:
        connection.execute("DROP TABLE alembic_version, observation, yearly_statistics")
    assert client.get("/health/ready").status_code == 503
    assert client.get("/api/weather").status_code == 503
    assert "schema" in client.get("/api/weather?date=1999-01-01").json["detail"]


def test_an_older_revision_is_not_ready_and_a_newer_one_is(
    client: FlaskClient, weather: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "known_revisions", lambda: [newest_revision(), "older"])
    health._outdated.cache_clear()
    for revision, status in (("older", 503), ("of-the-next-release", 200), (newest_revision(), 200)):
        with psycopg.connect(weather.url(roles.OWNER)) as connection:
            connection.execute("UPDATE alembic_version SET version_num = %s", [revision])
        assert client.get("/health/ready").status_code == status, revision
    health._outdated.cache_clear()


def test_a_process_whose_connections_are_all_busy_is_ready(application: Flask, client: FlaskClient) -> None:
    reads = application.extensions["windsock"].reads
    busy = [reads._pages.raw_connection() for _ in range(5)]
    busy += [reads._streams.raw_connection() for _ in range(3)]
    assert client.get("/health/ready").status_code == 200
    refused = client.get("/api/weather?format=csv")
    assert refused.status_code == 503
    for connection in busy:
        connection.close()
    assert client.get("/api/weather?format=csv").status_code == 200


def test_a_download_that_nobody_takes_gives_its_connection_back(application: Flask, client: FlaskClient) -> None:
    for _ in range(5):  # more than there are connections
        response = client.get("/api/weather?format=csv", buffered=False)
        response.close()
        client.head("/api/weather?format=csv")
    assert application.extensions["windsock"].reads._streams.pool.checkedout() == 0
