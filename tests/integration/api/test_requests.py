"""What is refused and how, and what every response carries."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.reads import UnavailableError
from app.settings import ApiSettings
from database import roles
from runtime.environment import load
from tests.conftest import Database, free_port
from tests.integration.api.conftest import Get

NO_DATES = [
    "tomorrow",
    "",
    "1985-02-30",
    "19850100",
    "1985-1-1",
    "1985-0101",
    "0000-01-01",
    "10000-01-01",
    "\0",
    "\uff11985-01-01",
]
NO_NUMBERS = ["0", "-1", "1.0", "1e3", "", " 1", "+1", "1_0", "x", "9" * 29, "9" * 5000, "\0", "٣"]


@pytest.mark.parametrize(
    ("path", "parameter", "values"),
    [
        *(("/api/weather", name, NO_DATES) for name in ("date", "start_date", "end_date")),
        *(("/api/weather/stats", name, [*NO_NUMBERS, "10000"]) for name in ("year", "start_year", "end_year")),
        ("/api/weather", "page", [*NO_NUMBERS, "2147483648"]),
        ("/api/weather", "per_page", [*NO_NUMBERS, "1001"]),
        ("/api/weather", "station_id", ["", "a\0b", "line\nend", "x" * 201]),
        ("/api/weather", "format", ["xml", "", "JSON"]),
        ("/api/weather", "cursor", ["", "x", "%", "ä", "bnVsbA", "W10", "WyJhIiwiYiJd", "WyJhIiwxXQ", "x" * 1001]),
        (
            "/api/weather/stats",
            "cursor",
            ["WyJhIiwiMTk4NS0wMS0wMSJd", "WyJhIiwxLjVd", "WyJhIiwtMV0", "WyJhXHUwMDAwIiwxXQ"],
        ),
        ("/api/stations", "cursor", ["WzFd", "WyJhIiwiYiJd"]),
        ("/api/stations", "include_empty", ["yes", "1", ""]),
        ("/api/ingestions", "cursor", ["WyJhIl0", "W3RydWVd", "WzFlMzBd"]),
        ("/api/ingestions", "status", ["lost", ""]),
        ("/api/ingestions/1", "page", ["1"]),
        ("/api/stations/USC00300002", "format", ["json"]),
        ("/api/weather", "unknown" * 20, ["1"]),
    ],
)
def test_a_bad_value_is_named_with_what_is_accepted(
    client: FlaskClient, path: str, parameter: str, values: list[str]
) -> None:
    for value in values:
        response = client.get(path, query_string={parameter: value})
        problem = response.json
        assert response.status_code == 400, value
        assert response.mimetype == "application/problem+json"
        assert problem["status"] == 400
        assert [parameter.startswith(each["parameter"].removesuffix("...")) for each in problem["errors"]] == [True]
        assert problem["errors"][0]["problem"]
        assert problem["errors"][0]["accepted"]
        assert problem["errors"][0]["parameter"] in problem["detail"]
        assert len(response.data) < 2000


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("date=1985-01-01&start_date=1985-01-01", "start_date"),
        ("date=1985-01-01&end_date=1985-01-01", "end_date"),
        ("start_date=1985-01-02&end_date=1985-01-01", "end_date"),
        ("page=1&cursor=WyJhIiwiMTk4NS0wMS0wMSJd", "cursor"),
        ("format=csv&page=1", "page"),
        ("format=csv&per_page=1", "per_page"),
        ("format=csv&cursor=WyJhIiwiMTk4NS0wMS0wMSJd", "cursor"),
        ("station_id=a&station_id=b", "station_id"),
        ("page=1&page=1", "page"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(client: FlaskClient, query: str, parameter: str) -> None:
    response = client.get(f"/api/weather?{query}")
    assert response.status_code == 400
    assert [each["parameter"] for each in response.json["errors"]] == [parameter]


def test_all_that_is_wrong_is_said_at_once(client: FlaskClient) -> None:
    problem = client.get("/api/weather?date=tomorrow&page=0&colour=red").json
    assert {each["parameter"] for each in problem["errors"]} == {"date", "page", "colour"}
    assert "'tomorrow' is not a date" in {each["problem"] for each in problem["errors"]}


@pytest.mark.parametrize("path", ["/nothing", "/api", "/api/weather/x", "/api/ingestions/x", "/docs/swagger-ui/../x"])
def test_an_address_that_is_not_there(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")
    assert response.json["title"] == "Not Found"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE"])
def test_a_method_that_is_not_there(client: FlaskClient, method: str) -> None:
    response = client.open("/api/weather", method=method)
    assert (response.status_code, response.mimetype) == (405, "application/problem+json")
    assert {each.strip() for each in response.headers["Allow"].split(",")} == {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize("path", ["/api/weather", "/api/stations", "/api/stations/USC00300002", "/api/ingestions"])
def test_a_form_that_is_not_there(client: FlaskClient, path: str) -> None:
    response = client.get(path, headers={"Accept": "application/xml, text/html;q=0.9"})
    assert (response.status_code, response.mimetype) == (406, "application/problem+json")
    assert "application/json" in response.json["detail"]


@pytest.mark.parametrize(
    ("accept", "mimetype"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        ("application/*", "application/json"),
        ("text/csv", "text/csv"),
        ("text/*", "text/csv"),
        ("application/json;q=0.5, text/csv", "text/csv"),
        ("garbage", None),
    ],
)
def test_the_form_that_is_accepted_is_given(client: FlaskClient, accept: str | None, mimetype: str | None) -> None:
    response = client.get("/api/weather/stats", headers={"Accept": accept} if accept else {})
    assert (response.mimetype if response.status_code == 200 else None) == mimetype
    if mimetype:
        assert "Accept" in response.headers["Vary"]


def test_the_parameter_for_the_form_comes_before_the_header(client: FlaskClient) -> None:
    assert client.get("/api/weather/stats?format=csv", headers={"Accept": "application/json"}).mimetype == "text/csv"


def test_a_slash_at_the_end_is_no_other_address(client: FlaskClient) -> None:
    paths = [
        "weather",
        "weather/stats",
        "stations",
        "stations/USC00300002",
        "ingestions",
        "ingestions/1",
        "ingestions/1/files",
    ]
    for path in [*(f"/api/{path}" for path in paths), "/health/live", "/health/ready", "/docs", "/openapi.json"]:
        assert client.get(path + "/").status_code == 200, path


def test_a_mistake_of_the_server_says_where_its_reason_is(application: Flask, caplog: pytest.LogCaptureFixture) -> None:
    @application.get("/broken")
    def broken() -> None:
        raise RuntimeError("the password is 1234")

    response = application.test_client().get("/broken", headers={"X-Request-ID": "abc-1"})
    assert (response.status_code, response.mimetype) == (500, "application/problem+json")
    assert "1234" not in response.text
    assert response.json["request_id"] == "abc-1"
    assert response.headers["X-Request-ID"] == "abc-1"
    (record,) = [record for record in caplog.records if record.message == "request failed"]
    assert record.__dict__["request_id"] == "abc-1"
    assert record.exc_info


@pytest.mark.parametrize("given", ["a b", "x" * 129, '"', "ä", ""])
def test_a_request_number_that_is_not_sane_is_replaced(client: FlaskClient, given: str) -> None:
    response = client.get("/health/live", headers={"X-Request-ID": given})
    assert re.fullmatch("[0-9a-f]{32}", response.headers["X-Request-ID"])


@pytest.mark.parametrize(
    "path", ["/api/weather", "/api/weather?format=csv", "/api/weather?date=x", "/health/live", "/docs"]
)
def test_a_head_is_a_get_without_its_body(client: FlaskClient, path: str) -> None:
    with_body, without = client.get(path), client.head(path)
    assert without.data == b""
    assert without.status_code == with_body.status_code
    for name in ("Content-Type", "ETag", "X-Total-Count", "Content-Length"):
        assert without.headers.get(name) == with_body.headers.get(name), name


@pytest.mark.parametrize(
    "path", ["/api/weather", "/api/weather?format=csv", "/api/stations", "/api/ingestions", "/health/ready"]
)
def test_without_a_database_requests_are_refused_until_it_is_back(
    client: FlaskClient, weather: Database, path: str
) -> None:
    assert client.get(path).status_code == 200
    allow(weather, False)
    for _ in range(2):
        response = client.get(path)
        assert (response.status_code, response.mimetype) == (503, "application/problem+json")
        assert int(response.headers["Retry-After"]) > 0
        assert "FATAL" not in response.text
        assert client.get("/health/live").status_code == 200
    allow(weather, True)
    assert client.get(path).status_code == 200


def allow(database: Database, connections: bool) -> None:
    """Let the database be away, or there again, and forget what the API holds for a second."""
    with database.cluster.superuser() as connection:
        connection.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS {connections}".encode())
        if not connections:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database.name]
            )


@pytest.mark.parametrize("path", ["/api/weather", "/api/weather?format=csv", "/api/stations", "/api/ingestions"])
def test_connections_that_broke_meanwhile_are_replaced_and_nobody_notices(
    application: Flask, client: FlaskClient, weather: Database, path: str
) -> None:
    reads = application.extensions["windsock"].reads
    held = [reads._pages.raw_connection() for _ in range(4)]
    for connection in held:
        connection.close()
    for _ in range(2):
        assert client.get(path).status_code == 200
        with weather.cluster.superuser() as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [weather.name]
            )
            assert ended.fetchall()
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("kind", ["rows", "probe"])
def test_a_connection_that_breaks_under_a_query_is_replaced_and_the_query_repeated(
    application: Flask, kind: str
) -> None:
    read = getattr(application.extensions["windsock"].reads, kind)
    ((first,),) = read("SELECT pg_backend_pid()", {})
    ended = "SELECT CASE pg_backend_pid() WHEN %(pid)s THEN pg_terminate_backend(%(pid)s) END, pg_backend_pid()"
    ((nothing, second),) = read(ended, {"pid": first})
    assert nothing is None
    assert second != first


def test_a_connection_that_breaks_under_each_query_is_the_end_of_the_request(
    application: Flask, client: FlaskClient
) -> None:
    reads = application.extensions["windsock"].reads
    own = "SELECT pg_terminate_backend(pg_backend_pid())"
    with pytest.raises(UnavailableError):
        reads.rows(own, {})
    assert client.get("/api/weather").status_code == 200


@pytest.fixture(autouse=True)
def _no_holding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.versions.HELD_S", 0)


def test_the_api_starts_without_a_database() -> None:
    url = f"postgresql://windsock_api@127.0.0.1:{free_port()}/windsock"
    client = create_app(load(ApiSettings, {"WINDSOCK_DATABASE_URL": url})).test_client()
    assert client.get("/health/live").status_code == 200
    assert client.get("/health/ready").status_code == 503
    assert client.get("/api/weather").status_code == 503


def test_a_query_that_takes_too_long_is_ended(weather: Database, make: Callable[..., FlaskClient]) -> None:
    client = make(WINDSOCK_API_STATEMENT_TIMEOUT_MS="200")
    with psycopg.connect(weather.url(roles.OWNER)) as connection:
        connection.execute("LOCK TABLE observation")
        response = client.get("/api/weather")
    assert (response.status_code, "too long" in response.json["detail"]) == (503, True)
    assert client.get("/api/weather").status_code == 200


@pytest.fixture
def make(weather: Database) -> Any:
    """A function that gives a client of an API with these variables besides the usual ones."""

    def client(**variables: str) -> FlaskClient:
        environment = {"WINDSOCK_DATABASE_URL": weather.url(roles.API), **variables}
        return create_app(load(ApiSettings, environment)).test_client()

    return client


def test_a_station_is_not_found_by_sql(get: Get) -> None:
    for code in ("' OR 1=1 --", "%", "USC0030000_", "%s", "%(low)s"):
        assert get("/api/weather", station_id=code)["data"] == []
