"""The figures that every place answers with when it has loaded the 167 real station files, and nothing else.

A place's test module inherits `Figures` and gives the fixture `base_url`. By hand, against any place:

    WINDSOCK_BASE_URL=http://127.0.0.1:8000 pytest tests/acceptance/any_place.py
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.acceptance.client import get

STATION_DAYS = 1_729_957
STATION_YEARS = 4_820
STATIONS = 167


def total_items(base_url: str, path: str) -> int:
    """How many items a list has."""
    total: int = get(f"{base_url}{path}", per_page=1).json()["pagination"]["total_items"]
    return total


def only(base_url: str, path: str, **query: object) -> dict[str, Any]:
    """The item of a list that has just one for this query."""
    answer = get(f"{base_url}{path}", **query)
    assert answer.status == 200, answer.body
    (item,) = answer.json()["data"]
    return dict(item)


class Figures:
    """Tests of a loaded place, known from the files themselves."""

    @pytest.mark.parametrize(
        ("path", "count"),
        [("/api/weather", STATION_DAYS), ("/api/weather/stats", STATION_YEARS), ("/api/stations", STATIONS)],
    )
    def test_everything_is_there_once(self, base_url: str, path: str, count: int) -> None:
        assert total_items(base_url, path) == count

    def test_a_day(self, base_url: str) -> None:
        day = only(base_url, "/api/weather", station_id="USC00110072", date="1985-01-01")
        assert (day["max_temp_c"], day["min_temp_c"], day["precipitation_mm"]) == (-2.2, -12.8, 9.4)

    def test_a_year(self, base_url: str) -> None:
        year = only(base_url, "/api/weather/stats", station_id="USC00110072", year=1985)
        figures = (year["avg_max_temp_c"], year["avg_min_temp_c"], year["total_precipitation_cm"])
        assert figures == (15.33, 4.33, 78.01)

    def test_a_bad_date_is_named(self, base_url: str) -> None:
        answer = get(f"{base_url}/api/weather", station_id="USC00110072", date="tomorrow")
        assert answer.status == 400
        assert answer.headers.get_content_type() == "application/problem+json"
        assert b"date" in answer.body
