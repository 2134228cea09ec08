"""GET /api/ingestions: passes, their files, the lines that could not be loaded."""

from __future__ import annotations

import psycopg
import pytest
from flask.testing import FlaskClient

from database import roles
from tests.conftest import Database
from tests.integration.api.conftest import Get, record_pass
from tests.integration.api.test_weather import all_by_cursor, all_by_page


def test_the_newest_pass_comes_first_with_the_sums_of_its_files(get: Get) -> None:
    newest, first = get("/api/ingestions")["data"]
    assert (newest["id"], newest["rows_rejected"], newest["files_loaded"]) == (2, 2, 1)
    assert (first["id"], first["status"], first["rows_inserted"]) == (1, "failed", 805)
    assert (first["files_found"], first["files_loaded"], first["files_failed"], first["files_interrupted"]) == (
        2,
        1,
        1,
        0,
    )
    assert first["started_at"].endswith("Z")
    assert get("/api/ingestions/1") == first
    assert get("/api/ingestions", status="failed")["data"] == [first]


def test_a_pass_that_has_only_begun_has_no_end_and_no_files(get: Get, weather: Database) -> None:
    with psycopg.connect(weather.url(roles.WORKER)) as connection:
        connection.execute(
            "INSERT INTO ingestion (trigger, source, generated, status, started_at) "
            "VALUES ('schedule', 's3://b', true, 'running', now())"
        )
    running = get("/api/ingestions/3")
    assert (running["finished_at"], running["files_found"], running["rows_read"]) == (None, None, 0)
    assert get("/api/ingestions/3/files")["data"] == []


def test_files_say_why_they_failed(get: Get) -> None:
    loaded, failed = get("/api/ingestions/1/files")["data"]
    assert (loaded["uri"], loaded["status"], loaded["error"]) == ("a.txt", "loaded", None)
    assert (failed["uri"], failed["status"], failed["error"]) == ("b.html", "failed", "not weather")
    assert get("/api/ingestions/1/files", status="failed")["data"] == [failed]


def test_lines_say_why_they_were_rejected(get: Get) -> None:
    (file,) = get("/api/ingestions/2/files")["data"]
    lines = get(f"/api/ingestions/2/files/{file['id']}/rejected-lines")
    assert lines["data"] == [{"line": n, "text": f"line {n}", "reason": "no date"} for n in (1, 2)]
    assert lines["pagination"]["total_items"] == file["rows_rejected"]


def test_each_list_is_given_whole_by_pages_and_by_cursors(get: Get, weather: Database) -> None:
    with psycopg.connect(weather.url(roles.WORKER)) as connection:
        for _ in range(5):
            number = record_pass(connection, [(f"{n}.txt", "loaded", 1, 0) for n in range(4)])
        number = record_pass(connection, [(f"{n}.txt", "loaded", 0, n) for n in range(6)])
    files = get(f"/api/ingestions/{number}/files")["data"]
    for path in (
        "/api/ingestions",
        f"/api/ingestions/{number}/files",
        f"/api/ingestions/{number}/files/{files[-1]['id']}/rejected-lines",
    ):
        whole = get(path)["data"]
        assert len(whole) >= 5
        for per_page in (1, 2, 100):
            assert all_by_page(get, path, per_page=per_page) == whole
            assert all_by_cursor(get, path, per_page=per_page) == whole
    assert get("/api/ingestions", page=2_147_483_647, per_page=1000)["data"] == []


@pytest.mark.parametrize(
    "path",
    [
        "3",
        "0",
        "9" * 30,
        "3/files",
        "1/files/3/rejected-lines",
        "1/files/99/rejected-lines",
        "9/files/1/rejected-lines",
    ],
)
def test_what_is_not_there(client: FlaskClient, path: str) -> None:
    response = client.get(f"/api/ingestions/{path}")
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")


def test_a_pass_that_runs_is_asked_for_each_time(client: FlaskClient) -> None:
    for path in ("/api/ingestions", "/api/ingestions/1", "/api/ingestions/1/files"):
        assert client.get(path).headers["Cache-Control"] == "no-cache"
