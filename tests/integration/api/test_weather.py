"""GET /api/weather and /api/weather/stats: what they hold, in which order, on which page."""

from __future__ import annotations

import csv
import datetime as dt
import io
import itertools
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from database import roles
from tests.conftest import Database
from tests.integration.api.conftest import COUNT_YEARS, DAYS, OBSERVATIONS, UNUSUAL, Get, Item

FILTERS: list[dict[str, str]] = [
    {},
    {"station_id": "USC00300002"},
    {"station_id": UNUSUAL},
    {"station_id": "EMPTY"},
    {"station_id": "nowhere"},
    {"date": "1985-01-01"},
    {"date": "20000229"},
    {"date": "1066-10-14"},
    {"station_id": "USC00200003", "date": "1990-06-30"},
    # Pieces of one year, either half of the first and of the last year, whole years, open ends.
    {"start_date": "1985-02-03", "end_date": "1985-11-30"},
    {"start_date": "1985-03-01", "end_date": "1990-03-01"},
    {"start_date": "1985-09-01", "end_date": "1990-09-01"},
    {"start_date": "1985-01-01", "end_date": "1989-12-31"},
    {"start_date": "1985-01-02", "end_date": "2000-12-30"},
    {"start_date": "1990-07-01", "end_date": "1990-07-01"},
    {"start_date": "2000-01-01", "end_date": "2000-12-31"},
    {"start_date": "2000-06-30"},
    {"end_date": "1990-06-30"},
    {"end_date": "1990-07-01", "station_id": "USC00200003"},
    {"start_date": "9999-12-31"},
    {"end_date": "0001-01-01"},
]


def expected(filters: dict[str, str]) -> list[Item]:
    one = filters.get("date")
    low = day(one or filters.get("start_date", "0001-01-01"))
    high = day(one or filters.get("end_date", "9999-12-31"))
    return [
        each
        for each in OBSERVATIONS
        if low <= day(each["date"]) <= high and filters.get("station_id", each["station_id"]) == each["station_id"]
    ]


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def all_by_page(get: Get, path: str, **parameters: object) -> list[Item]:
    items: list[Item] = []
    for page in itertools.count(1):
        answer = get(path, page=page, **parameters)
        items += answer["data"]
        if page >= answer["pagination"]["total_pages"]:
            assert answer["pagination"]["next_cursor"] is None
            return items
    raise AssertionError


def all_by_cursor(get: Get, path: str, **parameters: object) -> list[Item]:
    answer = get(path, **parameters)
    items: list[Item] = answer["data"]
    while cursor := answer["pagination"]["next_cursor"]:
        answer = get(path, cursor=cursor, **parameters)
        assert answer["pagination"]["page"] is None
        assert answer["data"]
        items += answer["data"]
    return items


@pytest.mark.parametrize("filters", FILTERS)
def test_a_filter_gives_its_rows_in_order_and_counts_them(get: Get, filters: dict[str, str]) -> None:
    answer = get("/api/weather", per_page=1000, **filters)
    assert answer["data"] == expected(filters)
    assert answer["pagination"]["total_items"] == len(expected(filters))


@pytest.mark.parametrize("filters", [{}, {"start_date": "1985-03-01"}, {"date": "1985-01-01"}])
@pytest.mark.parametrize("per_page", [1, 7, 100, 805, 1000])
def test_pages_and_cursors_give_each_row_once(get: Get, filters: dict[str, str], per_page: int) -> None:
    if per_page == 1 and "date" not in filters:
        filters = {**filters, "end_date": "1985-06-01"}
    assert all_by_page(get, "/api/weather", per_page=per_page, **filters) == expected(filters)
    assert all_by_cursor(get, "/api/weather", per_page=per_page, **filters) == expected(filters)


@pytest.mark.parametrize("filters", FILTERS)
def test_csv_has_the_same_rows_and_says_how_many(client: FlaskClient, filters: dict[str, str]) -> None:
    response = client.get("/api/weather", query_string={"format": "csv", **filters})
    assert response.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert response.headers["X-Total-Count"] == str(len(rows))
    assert [{name: typed(name, value) for name, value in row.items()} for row in rows] == expected(filters)


def typed(name: str, value: str) -> Any:
    if name in {"station_id", "date"}:
        return value
    return float(value) if value else None


def test_a_missing_value_is_null_and_a_zero_is_zero(get: Get) -> None:
    data = get("/api/weather", station_id="USC00300002")["data"]
    assert data[1]["max_temp_c"] is None
    assert data[0]["precipitation_mm"] == 0
    assert data[0]["snowfall_mm"] == 0


def test_a_page_beyond_the_end_is_empty(get: Get) -> None:
    for page in (10, 2_147_483_647):
        answer = get("/api/weather", page=page, per_page=1000)
        assert answer["data"] == []
        assert answer["pagination"] == {
            "page": page,
            "per_page": 1000,
            "total_items": len(OBSERVATIONS),
            "total_pages": 1,
            "next_cursor": None,
        }


def test_a_hundred_items_are_a_page(get: Get) -> None:
    answer = get("/api/weather")
    assert len(answer["data"]) == 100
    assert answer["pagination"]["total_pages"] == 9


def test_links_lead_to_all_pages(client: FlaskClient) -> None:
    def links(address: str) -> dict[str, str]:
        return {
            rel: target for target, rel in re.findall('<([^>]*)>; rel="([a-z]+)"', client.get(address).headers["Link"])
        }

    first = links("/api/weather/?per_page=300&start_date=1985-01-01")
    assert first.keys() == {"first", "last", "next"}
    second = links(first["next"])
    assert second.keys() == {"first", "last", "next", "prev"}
    assert client.get(second["prev"]).json == client.get("/api/weather?per_page=300").json
    last = links(second["last"])
    assert last.keys() == {"first", "last", "prev"}
    assert client.get(second["last"]).json["data"][-1] == OBSERVATIONS[-1]
    cursor = client.get("/api/weather?per_page=300").json["pagination"]["next_cursor"]
    after = client.get(links(f"/api/weather?per_page=300&cursor={cursor}")["next"]).json
    assert after["data"] == OBSERVATIONS[600:900]


def test_a_cursor_goes_on_where_its_row_was_though_it_and_its_station_are_gone(get: Get, weather: Database) -> None:
    cursor = get("/api/weather", per_page=310)["pagination"]["next_cursor"]
    with weather.engine(roles.OWNER).begin() as connection:
        connection.execute(text("DELETE FROM observation WHERE station_id = 1 AND date < '2000-06-01'"))
    with_others = get("/api/weather", per_page=1, cursor=cursor, end_date="1999-12-31")["data"]
    assert with_others == []
    assert get("/api/weather", per_page=1, cursor=cursor)["data"][0]["date"] == "2000-06-01"


def test_each_day_that_statistics_count_is_in_them(get: Get) -> None:
    data = get("/api/weather/stats", per_page=1000)["data"]
    years = sorted({(code, each.year) for code, days in DAYS.items() for each in days})
    assert [(each["station_id"], each["year"]) for each in data] == years
    assert sum(each["observed_days"] for each in data) == len(OBSERVATIONS)


def test_statistics_are_of_the_days_that_have_a_value(get: Get) -> None:
    (year,) = get("/api/weather/stats", station_id="USC00300002", year=2000)["data"]
    days = [each for each in OBSERVATIONS if each["station_id"] == "USC00300002" and each["date"][:4] == "2000"]
    for field, source, count in (
        ("avg_max_temp_c", "max_temp_c", "max_temp_days"),
        ("avg_min_temp_c", "min_temp_c", "min_temp_days"),
        ("total_precipitation_cm", "precipitation_mm", "precipitation_days"),
    ):
        values = [each[source] for each in days if each[source] is not None]
        assert year[count] == len(values)
        whole = sum(values) / 10 if field.startswith("total") else sum(values) / len(values)
        assert year[field] == pytest.approx(whole, abs=0.0051)


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({}, 13),
        ({"year": 1985}, 2),
        ({"start_year": 1999}, 5),
        ({"end_year": 1985}, 2),
        ({"start_year": 1986, "end_year": 1990, "station_id": "USC00100001"}, 5),
        ({"station_id": "nowhere"}, 0),
    ],
)
def test_statistics_are_filtered_paged_and_downloaded_alike(
    get: Get, client: FlaskClient, filters: dict[str, object], count: int
) -> None:
    whole = get("/api/weather/stats", **filters)
    assert whole["pagination"]["total_items"] == len(whole["data"]) == count
    assert all_by_page(get, "/api/weather/stats", per_page=2, **filters) == whole["data"]
    assert all_by_cursor(get, "/api/weather/stats", per_page=2, **filters) == whole["data"]
    response = client.get("/api/weather/stats", query_string=filters, headers={"Accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [(row["station_id"], int(row["year"])) for row in rows] == [
        (each["station_id"], each["year"]) for each in whole["data"]
    ]


def test_an_empty_database_has_empty_lists(weather: Database, get: Get, client: FlaskClient) -> None:
    with weather.engine(roles.OWNER).begin() as connection:
        connection.execute(
            text("TRUNCATE observation, yearly_statistics, station, rejected_line, source_file, ingestion")
        )
    for path in ("/api/weather", "/api/weather/stats", "/api/stations", "/api/ingestions"):
        assert get(path)["pagination"]["total_items"] == 0
    assert client.get("/api/weather?format=csv").text.count("\n") == 1


def test_a_statistic_that_cannot_be_calculated_is_null(get: Get, weather: Database) -> None:
    with weather.engine(roles.OWNER).begin() as connection:
        connection.execute(text("UPDATE observation SET tmax = NULL, prcp = NULL"))
        connection.execute(text("DELETE FROM yearly_statistics"))
        connection.execute(text(COUNT_YEARS))
    first = get("/api/weather/stats", per_page=1)["data"][0]
    assert (first["avg_max_temp_c"], first["total_precipitation_cm"]) == (None, None)
    assert (first["max_temp_days"], first["precipitation_days"]) == (0, 0)
    assert first["avg_min_temp_c"] is not None


def test_links_keep_what_is_no_utf_8_as_it_was_sent(client: FlaskClient) -> None:
    link = client.get("/api/weather?station_id=%FF&page=1").headers["Link"]
    assert link.startswith("</api/weather?station_id=%25FF&page=1>")
