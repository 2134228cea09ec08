"""ETag, Last-Modified, 304 and compression."""

from __future__ import annotations

import gzip
import json

import psycopg
import pytest
from flask.testing import FlaskClient

from database import roles
from tests.conftest import Database
from tests.integration.api.conftest import record_pass

CACHED = ["/api/weather", "/api/weather/stats", "/api/stations", "/api/stations/USC00300002", "/api/weather?format=csv"]


@pytest.fixture(autouse=True)
def _no_holding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.versions.HELD_S", 0)


def tag(client: FlaskClient, path: str, **headers: str) -> str:
    return client.get(path, headers=headers).headers["ETag"]


@pytest.mark.parametrize("path", CACHED)
def test_what_the_client_has_is_not_sent_again(client: FlaskClient, path: str) -> None:
    first = client.get(path)
    assert first.headers["Cache-Control"] == "public, max-age=60"
    for headers in (
        {"If-None-Match": first.headers["ETag"]},
        {"If-None-Match": f'"other", {first.headers["ETag"]}'},
        {"If-None-Match": "*"},
        {"If-Modified-Since": first.headers["Last-Modified"]},
    ):
        for method in ("GET", "HEAD"):
            again = client.open(path, method=method, headers=headers)
            assert (again.status_code, again.data) == (304, b""), headers
            for name in ("ETag", "Cache-Control", "Vary"):
                assert again.headers[name] == first.headers[name]


@pytest.mark.parametrize("path", CACHED)
def test_what_the_client_has_not_is_sent(client: FlaskClient, path: str) -> None:
    for headers in (
        {"If-None-Match": '"other"'},
        {"If-Modified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"},
        # The tag comes before the time (RFC 9110, section 13.2.2).
        {"If-None-Match": '"other"', "If-Modified-Since": "Mon, 01 Jan 2091 00:00:00 GMT"},
    ):
        assert client.get(path, headers=headers).status_code == 200


def test_a_bad_parameter_is_refused_also_when_nothing_has_changed(client: FlaskClient) -> None:
    assert client.get("/api/weather?date=tomorrow", headers={"If-None-Match": "*"}).status_code == 400
    assert client.get("/api/stations/nowhere", headers={"If-None-Match": "*"}).status_code == 404


def test_each_form_has_a_tag_of_its_own(client: FlaskClient) -> None:
    json_tag, csv_tag = tag(client, "/api/weather"), tag(client, "/api/weather", Accept="text/csv")
    assert json_tag != csv_tag
    assert client.get("/api/weather", headers={"Accept": "text/csv", "If-None-Match": json_tag}).status_code == 200


def test_the_tag_changes_with_the_data_and_only_then(client: FlaskClient, weather: Database) -> None:
    tags = {path: tag(client, path) for path in CACHED}
    with psycopg.connect(weather.url(roles.WORKER)) as connection:
        record_pass(connection, [])
        record_pass(connection, [("a.txt", "loaded", 0, 3)])
    assert tag(client, "/api/weather") == tags["/api/weather"]
    with psycopg.connect(weather.url(roles.WORKER)) as connection:
        connection.execute("UPDATE observation SET tmax = 123 WHERE station_id = 1")
        record_pass(connection, [("a.txt", "loaded", 7, 0)])
    for path in CACHED:
        assert client.get(path, headers={"If-None-Match": tags[path]}).status_code == 200, path
    assert client.get("/api/weather?station_id=USC00300002").json["data"][0]["max_temp_c"] == 12.3


def test_of_two_passes_at_once_the_one_that_ends_last_changes_the_tag(client: FlaskClient, weather: Database) -> None:
    with psycopg.connect(weather.url(roles.WORKER)) as slow, psycopg.connect(weather.url(roles.WORKER)) as fast:
        record_pass(slow, [("slow.txt", "loaded", 1, 0)])  # has the lower number
        record_pass(fast, [("fast.txt", "loaded", 1, 0)])
        fast.commit()
        before = tag(client, "/api/weather")
        slow.commit()
        assert tag(client, "/api/weather") != before


def test_the_end_of_a_pass_changes_the_tag(client: FlaskClient, weather: Database) -> None:
    with psycopg.connect(weather.url(roles.WORKER)) as connection:
        number = record_pass(connection, [("a.txt", "loaded", 1, 0)])
        connection.execute("UPDATE ingestion SET finished_at = NULL WHERE id = %s", [number])
        connection.commit()
        before = tag(client, "/api/weather")
        connection.execute("UPDATE ingestion SET finished_at = clock_timestamp() WHERE id = %s", [number])
        connection.commit()
        assert tag(client, "/api/weather") != before


def test_totals_and_stations_follow_the_data(client: FlaskClient, weather: Database) -> None:
    assert client.get("/api/weather?date=1999-12-30").json["pagination"]["total_items"] == 1
    with psycopg.connect(weather.url(roles.WORKER)) as connection:
        connection.execute("INSERT INTO observation (station_id, date, tmax) VALUES (5, '1999-12-30', 1)")
        connection.execute("INSERT INTO yearly_statistics VALUES (5, 1999, 0.1, NULL, NULL, 1, 1, 0, 0)")
        record_pass(connection, [("empty.txt", "loaded", 1, 0)])
    answer = client.get("/api/weather?date=1999-12-30").json
    assert [each["station_id"] for each in answer["data"]] == ["EMPTY", "USC00300002"]
    assert answer["pagination"]["total_items"] == 2
    assert client.get("/api/stations").json["data"][0]["station_id"] == "EMPTY"


@pytest.mark.parametrize("path", ["/api/weather", "/api/weather?format=csv", "/openapi.json"])
def test_what_is_compressed_is_the_same(client: FlaskClient, path: str) -> None:
    plain = client.get(path)
    packed = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert gzip.decompress(packed.data) == plain.data
    # A weak tag is of what an answer says, not of its bytes, so that it holds for both forms.
    assert packed.headers["ETag"] == plain.headers["ETag"]
    assert packed.headers["ETag"].startswith("W/")
    again = client.get(path, headers={"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_the_files_of_swagger_ui_are_sent_once(client: FlaskClient) -> None:
    path = "/docs/swagger-ui/swagger-ui.css"
    for encoding in ("identity", "gzip"):
        first = client.get(path, headers={"Accept-Encoding": encoding})
        assert "max-age" in first.headers["Cache-Control"]
        headers = {"Accept-Encoding": encoding, "If-None-Match": first.headers["ETag"]}
        assert client.get(path, headers=headers).status_code == 304


def test_errors_are_not_cached(client: FlaskClient) -> None:
    for path in ("/api/weather?date=x", "/nothing"):
        response = client.get(path)
        assert response.headers["Cache-Control"] == "no-store"
        assert "ETag" not in response.headers


def test_a_problem_is_json_also_when_compressed(client: FlaskClient) -> None:
    response = client.get(
        "/api/weather", query_string={"date": "x" * 600, "z" * 50: 1}, headers={"Accept-Encoding": "gzip"}
    )
    body = gzip.decompress(response.data) if response.headers.get("Content-Encoding") == "gzip" else response.data
    assert json.loads(body)["status"] == 400
