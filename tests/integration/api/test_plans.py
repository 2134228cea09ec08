"""What PostgreSQL reads for an answer."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

import psycopg
import pytest
from psycopg import sql

from app.extents import Extent
from app.pagination import Paging
from app.reads import ONE_PLAN, Row, fetch_from
from app.series import OBSERVATIONS, Filter
from database import roles
from tests.conftest import Database
from tests.integration.api.conftest import CODES

ALL = Filter(None, dt.date.min, dt.date.max)


class Explained:
    """Runs queries, and keeps how PostgreSQL ran them: by the plan for any parameters, as the API has it make them."""

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self.scans: list[dict[str, Any]] = []
        self.nodes: list[str] = []
        self._connection = connection

    def rows(self, query: str, parameters: Mapping[str, Any]) -> list[Row]:
        names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", query)))
        numbered = re.sub(r"%\((\w+)\)s", lambda found: f"${names.index(found[1]) + 1}", query)
        values = sql.SQL(", ").join(sql.Literal(parameters[name]) for name in names)
        arguments = sql.SQL("({})").format(values) if names else sql.SQL("")
        self._connection.execute(f"PREPARE asked AS {numbered}".encode())
        explain = sql.SQL("EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked{}").format(arguments)
        ((plan,),) = self._connection.execute(explain).fetchall()
        self._connection.execute("DEALLOCATE asked")
        self._keep(plan[0]["Plan"])
        return fetch_from(self._connection)(query, parameters)

    def _keep(self, node: dict[str, Any]) -> None:
        self.nodes.append(node["Node Type"])
        if "Relation Name" in node:
            self.scans.append(node)
        for child in node.get("Plans", []):
            self._keep(child)


@pytest.fixture
def explained(weather: Database) -> Any:
    """Queries on a database whose tables are large enough for the planner to care."""
    with psycopg.connect(weather.url(roles.WORKER)) as connection:
        connection.execute(
            "INSERT INTO observation (station_id, date, tmax) SELECT 5, date '1900-01-01' + n, 1 "
            "FROM generate_series(0, 40000) AS n"
        )
        connection.execute(
            "INSERT INTO yearly_statistics SELECT 5, extract(year FROM date), 0, 0, 0, count(*), 0, 0, 0 "
            "FROM observation WHERE station_id = 5 GROUP BY extract(year FROM date)"
        )
    with psycopg.connect(weather.url(roles.OWNER), autocommit=True) as connection:
        connection.execute("ANALYZE")
    options = " ".join(f"-c {name}={value}" for name, value in ONE_PLAN.items())
    with psycopg.connect(weather.url(roles.API), autocommit=True, options=options) as connection:
        yield Explained(connection)


def test_the_total_is_counted_without_reading_observations(explained: Explained) -> None:
    extent = OBSERVATIONS.extent(explained.rows, ALL)
    assert extent.total > 40_000
    assert {scan["Relation Name"] for scan in explained.scans} == {"yearly_statistics", "station"}


@pytest.mark.parametrize("page", [1, 2, 300])
def test_a_page_reads_no_more_of_a_station_than_it_has_to_skip_and_show(explained: Explained, page: int) -> None:
    check_page(explained, Paging(page, 100, None), skipped=(page - 1) * 100)


def test_a_page_by_cursor_reads_what_it_shows_wherever_it_is(explained: Explained) -> None:
    check_page(explained, Paging(1, 100, ("EMPTY", dt.date(2009, 1, 1))), skipped=0)


def test_a_page_of_one_station_is_read_in_its_order_and_sorted_by_nobody(explained: Explained) -> None:
    one = Filter(CODES[4], dt.date.min, dt.date.max)
    extent = OBSERVATIONS.extent(explained.rows, one)
    explained.nodes.clear()
    assert len(OBSERVATIONS.page(explained.rows, one, extent, Paging(3, 100, None))) == 101
    assert explained.nodes == ["Limit", "Index Scan"]


def check_page(explained: Explained, paging: Paging, skipped: int) -> None:
    extent: Extent = OBSERVATIONS.extent(explained.rows, ALL)
    explained.scans.clear()
    assert len(OBSERVATIONS.page(explained.rows, ALL, extent, paging)) == 101
    (scan,) = explained.scans
    assert (scan["Relation Name"], scan["Node Type"]) == ("observation", "Index Scan")
    # A mean of all loops, rounded: half a row more for each.
    assert scan["Actual Rows"] * scan["Actual Loops"] <= skipped + 101 + scan["Actual Loops"] / 2
