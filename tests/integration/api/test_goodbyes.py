"""Connections that the server ends with a word: the request is repeated on a new one, and nobody notices."""

from __future__ import annotations

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import Database


def test_a_connection_whose_end_was_said_and_not_yet_seen_is_replaced(
    application: Flask, client: FlaskClient, weather: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.versions.HELD_S", 0)
    # As it is where the server's last words have come, and the end of the connection is still under way.
    monkeypatch.setattr(psycopg.Connection, "broken", property(lambda _: False))
    held = [application.extensions["windsock"].reads._pages.raw_connection() for _ in range(4)]
    for connection in held:
        connection.close()
    with weather.cluster.superuser() as superuser:
        ended = superuser.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [weather.name]
        )
        assert len(ended.fetchall()) >= len(held)
    assert client.get("/api/stations").status_code == 200
