"""Yearly statistics: calculated for the station-years that a load has touched, in the load's own transaction.

For each station and year, over the days that have the value: the mean of the maximum and of the minimum temperature in
degrees C, rounded to hundredths, and the total precipitation in centimetres (tenths of a millimetre / 100). A figure
with no value behind it is NULL.
"""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg import sql

# A source of station-years that are parameters: a list of the stations' numbers and one of the years.
LISTED = sql.SQL("unnest(%s::integer[], %s::smallint[])")

# The lateral form reads just the index range of each station-year: one costs a millisecond, however large the table.
_CALCULATE = """
INSERT INTO yearly_statistics AS old (
    station_id, year, avg_max_temp_c, avg_min_temp_c, total_precipitation_cm,
    days, max_temp_days, min_temp_days, precipitation_days)
SELECT touched.station_id, touched.year,
       round(tmax_sum::numeric / nullif(tmax_days, 0) / 10, 2),
       round(tmin_sum::numeric / nullif(tmin_days, 0) / 10, 2),
       round(prcp_sum::numeric / 100, 2),
       days, tmax_days, tmin_days, prcp_days
FROM {touched} AS touched (station_id, year)
CROSS JOIN LATERAL (
    SELECT count(*) AS days,
           sum(tmax) AS tmax_sum, count(tmax) AS tmax_days,
           sum(tmin) AS tmin_sum, count(tmin) AS tmin_days,
           sum(prcp) AS prcp_sum, count(prcp) AS prcp_days
    FROM observation
    WHERE observation.station_id = touched.station_id
      AND date >= make_date(touched.year, 1, 1) AND date < make_date(touched.year + 1, 1, 1)
) AS daily
ON CONFLICT (station_id, year) DO UPDATE SET
    avg_max_temp_c = excluded.avg_max_temp_c,
    avg_min_temp_c = excluded.avg_min_temp_c,
    total_precipitation_cm = excluded.total_precipitation_cm,
    days = excluded.days,
    max_temp_days = excluded.max_temp_days,
    min_temp_days = excluded.min_temp_days,
    precipitation_days = excluded.precipitation_days
"""


def calculate(
    connection: psycopg.Connection[tuple[object, ...]], touched: sql.Composable, parameters: Sequence[object] = ()
) -> None:
    """Calculate the statistics of station-years anew.

    `touched` is what a FROM may hold, each station-year once, with station_id and year as its first columns: a table or
    `LISTED`.
    """
    connection.execute(sql.SQL(_CALCULATE).format(touched=touched), parameters)
