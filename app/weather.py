"""GET /api/weather: daily observations. GET /api/weather/stats: the statistics of each year."""

from __future__ import annotations

import datetime as dt
from typing import Any

import marshmallow as ma
from flask import Response

from app import lists
from app.arguments import Blueprint, Code, Day, PageQuery, WholeNumber, check_times, format_parameter
from app.documentation import cached_list, linked, next_page
from app.schemas import ObservationPage, YearlyStatisticsPage
from app.series import OBSERVATIONS, STATISTICS, Filter

FIRST_YEAR, LAST_YEAR = dt.MINYEAR, dt.MAXYEAR

blueprint = Blueprint(
    "Weather", __name__, url_prefix="/api/weather", description="Daily observations, and the statistics of each year"
)


def _station() -> Code:
    return Code(
        metadata={
            "description": "One station, by its code as `/api/stations` lists it; all when left out. An unknown "
            "station is not an error: it has no rows.",
            "example": "USC00110072",
        }
    )


class WeatherFilter(ma.Schema):
    """Which observations."""

    station_id = _station()
    date = Day(
        metadata={
            "description": "One day, such as 1985-01-01 or 19850101. Not together with `start_date` or `end_date`.",
        }
    )
    start_date = Day(metadata={"description": "The first day, included; as YYYY-MM-DD or YYYYMMDD."})
    end_date = Day(metadata={"description": "The last day, included; as YYYY-MM-DD or YYYYMMDD."})
    format = format_parameter()

    @ma.validates_schema
    def _one_time(self, data: dict[str, Any], **_options: Any) -> None:
        check_times(data, "date", "start_date", "end_date")


class WeatherQuery(PageQuery, WeatherFilter):
    """A list of observations."""


class StatisticsFilter(ma.Schema):
    """Which years."""

    station_id = _station()
    year = WholeNumber(
        FIRST_YEAR,
        LAST_YEAR,
        metadata={
            "description": "One year, such as 1985. Not together with `start_year` or `end_year`.",
        },
    )
    start_year = WholeNumber(FIRST_YEAR, LAST_YEAR, metadata={"description": "The first year, included."})
    end_year = WholeNumber(FIRST_YEAR, LAST_YEAR, metadata={"description": "The last year, included."})
    format = format_parameter()

    @ma.validates_schema
    def _one_time(self, data: dict[str, Any], **_options: Any) -> None:
        check_times(data, "year", "start_year", "end_year")


class StatisticsQuery(PageQuery, StatisticsFilter):
    """A list of statistics."""


OBSERVATIONS_AS_CSV = (
    "station_id,date,max_temp_c,min_temp_c,precipitation_mm,snowfall_mm,snow_depth_mm\n"
    "USC00110072,1985-01-01,-2.2,-12.8,9.4,,\n"
)
STATISTICS_AS_CSV = (
    "station_id,year,avg_max_temp_c,avg_min_temp_c,total_precipitation_cm,"
    "observed_days,max_temp_days,min_temp_days,precipitation_days\n"
    "USC00110072,1985,15.33,4.33,78.01,365,365,365,365\n"
)


@blueprint.route("")
@blueprint.arguments(WeatherQuery(), location="query")
@blueprint.response(200, ObservationPage, description="A page of observations, or all of them as CSV")
@linked(next=next_page("/api/weather"))
@cached_list(csv=OBSERVATIONS_AS_CSV)
def observations(query: dict[str, Any]) -> Response:
    """Daily observations

    One item for each station and day that has a row, ordered by `station_id`, then by `date`. A value that was not
    measured is null, never 0. Temperatures are in degrees Celsius, precipitation in millimetres of water, snow in
    millimetres.
    """
    one = query.get("date")
    low = one or query.get("start_date", dt.date.min)
    high = one or query.get("end_date", dt.date.max)
    return lists.answer(OBSERVATIONS, query, Filter(query.get("station_id"), low, high))


@blueprint.route("/stats")
@blueprint.arguments(StatisticsQuery(), location="query")
@blueprint.response(200, YearlyStatisticsPage, description="A page of station-years, or all of them as CSV")
@linked(next=next_page("/api/weather/stats"))
@cached_list(csv=STATISTICS_AS_CSV)
def statistics(query: dict[str, Any]) -> Response:
    """Statistics of each station and year

    One item for each station and year that has a row, ordered by `station_id`, then by `year`. Days without a value
    are left out of a mean or sum; it is null when no day has a value. The counts say how many days there were.
    """
    one = query.get("year")
    low = one or query.get("start_year", FIRST_YEAR)
    high = one or query.get("end_year", LAST_YEAR)
    return lists.answer(STATISTICS, query, Filter(query.get("station_id"), low, high))
