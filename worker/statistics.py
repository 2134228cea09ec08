"""Yearly statistics: calculated for the station-years that a load has touched, in the load's own transaction.

For each station and year, over the days that have the value: the mean of the maximum and of the minimum temperature in
degrees C, rounded to hundredths, and the total precipitation in centimetres (tenths of a millimetre / 100). A figure
with no value behind it is NULL.
"""

from __future__ import annotations

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from runtime import tracing
from worker.formats.batch import COLUMNS, MISSING

# The station-years that a transaction has changed, with how many of their rows. Of a file of all stations they are
# millions, so they stay with the server.
TOUCHED = """
CREATE TEMPORARY TABLE IF NOT EXISTS touched (station_id integer, year smallint, inserted bigint, changed bigint)
ON COMMIT DELETE ROWS
"""

_STORE = sql.SQL(
    """
INSERT INTO yearly_statistics (
    station_id, year, avg_max_temp_c, avg_min_temp_c, total_precipitation_cm,
    days, max_temp_days, min_temp_days, precipitation_days)
SELECT station_id, year,
       round(tmax_sum::numeric / nullif(tmax_days, 0) / 10, 2),
       round(tmin_sum::numeric / nullif(tmin_days, 0) / 10, 2),
       CASE WHEN prcp_days > 0 THEN round(prcp_sum::numeric / 100, 2) END,
       days, tmax_days, tmin_days, prcp_days
FROM {sums} AS sums (station_id, year, days, tmax_sum, tmax_days, tmin_sum, tmin_days, prcp_sum, prcp_days)
ON CONFLICT (station_id, year) DO UPDATE SET
    avg_max_temp_c = excluded.avg_max_temp_c,
    avg_min_temp_c = excluded.avg_min_temp_c,
    total_precipitation_cm = excluded.total_precipitation_cm,
    days = excluded.days,
    max_temp_days = excluded.max_temp_days,
    min_temp_days = excluded.min_temp_days,
    precipitation_days = excluded.precipitation_days
"""
)

# The lateral form reads just the index range of each station-year: one costs a millisecond, however large the table.
_OF_TOUCHED = sql.SQL(
    """(
    SELECT touched.station_id, touched.year, daily.*
    FROM (SELECT DISTINCT station_id, year FROM touched) AS touched
    CROSS JOIN LATERAL (
        SELECT count(*), sum(tmax), count(tmax), sum(tmin), count(tmin), sum(prcp), count(prcp)
        FROM observation
        WHERE observation.station_id = touched.station_id
          AND date >= make_date(touched.year, 1, 1) AND date < make_date(touched.year + 1, 1, 1)
    ) AS daily
)"""
)

_GIVEN = sql.SQL("unnest(%b::integer[], %b::smallint[], {})").format(sql.SQL(", ").join([sql.SQL("%b::bigint[]")] * 7))


def calculate(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Calculate the statistics of the station-years in the temporary table `touched` anew."""
    with tracing.span("statistics"):
        connection.execute(_STORE.format(sums=_OF_TOUCHED))


def calculate_from_rows(
    connection: psycopg.Connection[tuple[object, ...]],
    station_id: NDArray[np.int32],
    day: NDArray[np.int32],
    values: NDArray[np.int16],
) -> None:
    """Calculate the statistics of stations all of whose observations are given, in the order of station and day.

    The shapes and units are those of `Rows`. It is five times as fast as reading back what has just been written.
    """
    year = years(day)
    first = beginnings(station_id, year)
    sums = [station_id[first], year[first], np.diff(np.append(first, len(day)))]
    for column in ("tmax", "tmin", "prcp"):
        value = values[:, COLUMNS.index(column)]
        given = value != MISSING
        sums.append(np.add.reduceat(np.where(given, value, 0), first, dtype=np.int64))
        sums.append(np.add.reduceat(given, first, dtype=np.int64))
    with tracing.span("statistics", station_years=len(first)):
        connection.execute(_STORE.format(sums=_GIVEN), [one.tolist() for one in sums])


def years(day: NDArray[np.int32]) -> NDArray[np.int32]:
    """The years of days since 1970-01-01."""
    return day.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int32) + 1970


def beginnings(station_id: NDArray[np.int32], year: NDArray[np.int32]) -> NDArray[np.int64]:
    """Where the station-years begin in rows that are in the order of station and day."""
    return np.flatnonzero((np.diff(station_id, prepend=-1) != 0) | (np.diff(year, prepend=0) != 0))
