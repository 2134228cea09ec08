"""GET /api/stations and /api/stations/{station_id}."""

from __future__ import annotations

import csv
import io
from urllib.parse import quote

import psycopg
import pytest
from flask.testing import FlaskClient

from database import roles
from tests.conftest import Database
from tests.integration.api.conftest import CODES, DAYS, EMPTY, UNUSUAL, Get
from tests.integration.api.test_weather import all_by_cursor, all_by_page


def test_stations_with_weather_come_in_the_order_of_codes(get: Get) -> None:
    data = get("/api/stations")["data"]
    assert [each["station_id"] for each in data] == sorted(DAYS)
    for each in data:
        days = DAYS[each["station_id"]]
        assert each["first_date"] == min(days).isoformat()
        assert each["last_date"] == max(days).isoformat()
        assert each["observed_days"] == len(days)
        assert each["years"] == len({day.year for day in days})


def test_stations_without_weather_are_listed_when_asked_for(get: Get) -> None:
    data = get("/api/stations", include_empty="true")["data"]
    assert [each["station_id"] for each in data] == sorted(CODES)
    (empty,) = [each for each in data if each["station_id"] == EMPTY]
    assert (empty["first_date"], empty["last_date"], empty["observed_days"], empty["years"]) == (None, None, 0, 0)
    assert get("/api/stations", include_empty="false") == get("/api/stations")


@pytest.mark.parametrize("per_page", [1, 2, 3, 100])
def test_pages_cursors_and_csv_give_each_station_once(get: Get, client: FlaskClient, per_page: int) -> None:
    whole = get("/api/stations", include_empty="true")["data"]
    assert all_by_page(get, "/api/stations", include_empty="true", per_page=per_page) == whole
    assert all_by_cursor(get, "/api/stations", include_empty="true", per_page=per_page) == whole
    response = client.get("/api/stations?include_empty=true&format=csv")
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [row["station_id"] for row in rows] == [each["station_id"] for each in whole]
    assert response.headers["X-Total-Count"] == str(len(whole))


def test_a_description_is_shown(get: Get, weather: Database) -> None:
    with psycopg.connect(weather.url(roles.WORKER)) as connection:
        connection.execute(
            "UPDATE station SET name = 'AURORA', latitude = 41.7806, longitude = -88.3092, elevation_m = 201.2, "
            "state = 'IL', wmo_id = '72534' WHERE code = %s",
            [CODES[0]],
        )
    described = get(f"/api/stations/{CODES[0]}")
    assert (described["name"], described["latitude"], described["longitude"]) == ("AURORA", 41.7806, -88.3092)
    assert (described["elevation_m"], described["state"], described["wmo_id"]) == (201.2, "IL", "72534")


@pytest.mark.parametrize("code", CODES)
def test_one_station_by_its_code_whatever_is_in_it(client: FlaskClient, code: str) -> None:
    for path in (quote(code, safe=""), quote(code), quote(code, safe="") + "/"):
        response = client.get(f"/api/stations/{path}")
        assert response.status_code == 200, path
        assert response.json["station_id"] == code


@pytest.mark.parametrize("code", ["nowhere", "usc00300002", "a%00b", "%FF", "%ED%A0%80", "a%0Ab", UNUSUAL + "/1"])
def test_a_station_that_is_not_there(client: FlaskClient, code: str) -> None:
    response = client.get(f"/api/stations/{code}")
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")


def test_links_keep_the_address_of_the_list(client: FlaskClient) -> None:
    assert client.get("/api/stations?per_page=1").headers["Link"].startswith("</api/stations?per_page=1&page=1>")
