"""What the answers hold, for the documentation. `series`, `stations` and `ingestions` make them, not these."""

from __future__ import annotations

import marshmallow as ma
from marshmallow import fields


def _text(description: str, example: str | None = None, *, missing: bool = False) -> fields.String:
    return fields.String(required=True, allow_none=missing, metadata={"description": description, "example": example})


def _measured(description: str, example: float | None) -> fields.Float:
    return fields.Float(
        required=True, allow_none=True, metadata={"description": f"{description}; null = missing", "example": example}
    )


def _count(description: str, example: int) -> fields.Integer:
    return fields.Integer(required=True, metadata={"description": description, "example": example, "minimum": 0})


def _date(description: str, example: str, *, missing: bool = False) -> fields.Date:
    return fields.Date(required=True, allow_none=missing, metadata={"description": description, "example": example})


def _moment(description: str, example: str, *, missing: bool = False) -> fields.DateTime:
    metadata = {"description": f"{description}; UTC", "example": example}
    return fields.DateTime(required=True, allow_none=missing, metadata=metadata)


_STATION_ID = ("The station's code, as the source of the data calls it", "USC00110072")


class Observation(ma.Schema):
    """One station, one day."""

    station_id = _text(*_STATION_ID)
    date = _date("The day", "1985-01-01")
    max_temp_c = _measured("Highest temperature, degrees Celsius", -2.2)
    min_temp_c = _measured("Lowest temperature, degrees Celsius", -12.8)
    precipitation_mm = _measured("Precipitation, millimetres of water", 9.4)
    snowfall_mm = _measured("Fresh snow, millimetres", None)
    snow_depth_mm = _measured("Snow on the ground, millimetres", None)


class YearlyStatistics(ma.Schema):
    """One station, one year. Days without a value are left out, not taken for 0."""

    station_id = _text(*_STATION_ID)
    year = fields.Integer(required=True, metadata={"description": "The calendar year", "example": 1985})
    avg_max_temp_c = _measured("Mean of the daily highest temperatures, degrees Celsius", 15.33)
    avg_min_temp_c = _measured("Mean of the daily lowest temperatures, degrees Celsius", 4.33)
    total_precipitation_cm = _measured("Sum of the daily precipitation, centimetres of water", 78.01)
    observed_days = _count("Days of the year that have a row, whatever it holds", 365)
    max_temp_days = _count("Days that the mean of the highest temperatures is of", 365)
    min_temp_days = _count("Days that the mean of the lowest temperatures is of", 365)
    precipitation_days = _count("Days that the sum of the precipitation is of", 365)


class Station(ma.Schema):
    """A weather station. The description is null until a station list (`ghcnd-stations.txt`) has been loaded."""

    station_id = _text(*_STATION_ID)
    name = _text("Name of the place", "AURORA", missing=True)
    latitude = _measured("Degrees north", 41.7806)
    longitude = _measured("Degrees east", -88.3092)
    elevation_m = _measured("Metres above sea level", 201.2)
    state = _text("Postal code of a US state or Canadian province", "IL", missing=True)
    wmo_id = _text("Number of the World Meteorological Organization", None, missing=True)
    first_date = _date("The first day with a row; null when there is none", "1985-01-01", missing=True)
    last_date = _date("The last day with a row; null when there is none", "2014-12-31", missing=True)
    observed_days = _count("Days that have a row, whatever it holds", 10865)
    years = _count("Calendar years that have a row", 30)


class Ingestion(ma.Schema):
    """One pass of the worker over its source. The counts are sums over the files tried in this pass."""

    id = fields.Integer(required=True, metadata={"description": "Number of the pass", "example": 1})
    trigger = _text("What started it: `manual`, `schedule`, `event` or `start`", "start")
    source = _text("The folder or s3:// address that was listed", "s3://weather/stations")
    generated = fields.Boolean(
        required=True,
        metadata={"description": "The source is made by `worker sample`: no real weather", "example": False},
    )
    status = _text("`running`, `succeeded`, `failed` (some file) or `interrupted`", "succeeded")
    error = _text("Why it ended early", None, missing=True)
    started_at = _moment("When it started", "2025-01-01T06:00:00Z")
    finished_at = _moment("When it ended; null while it runs", "2025-01-01T06:00:03Z", missing=True)
    files_found = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Files that the source listed", "example": 167}
    )
    files_unchanged = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "Files skipped, since this version of them is recorded already", "example": 0},
    )
    files_loaded = _count("Files loaded", 167)
    files_failed = _count("Files that cannot be loaded as they are", 0)
    files_interrupted = _count("Files that the next pass tries again", 0)
    rows_read = _count("Lines with data, rejected ones included", 1729957)
    rows_inserted = _count("Station-days that were new", 1729957)
    rows_updated = _count("Station-days whose values changed", 0)
    rows_unchanged = _count("Station-days that were there already with these values", 0)
    rows_rejected = _count("Lines that could not be loaded", 0)
    rows_duplicate = _count("Lines that repeat an earlier one", 0)
    values_flagged = _count("Values left out, since they failed a check of the source", 0)
    warnings = _count("Days whose highest temperature is below the lowest; they are loaded", 737)


class SourceFile(ma.Schema):
    """One version of a file, as one pass tried it."""

    id = fields.Integer(required=True, metadata={"description": "Number of the record", "example": 1})
    ingestion_id = fields.Integer(required=True, metadata={"description": "Number of the pass", "example": 1})
    uri = _text("The file", "s3://weather/stations/USC00110072.txt")
    version = _text("SHA-256 of a file in a folder, ETag of an object in S3", "9b2c7d0e")
    bytes = _count("Size", 282490)
    modified_at = _moment("When the file was changed, as its source says", "2025-01-01T05:00:00Z", missing=True)
    sha256 = _text("SHA-256 of what was read; null when it was not read to its end", None, missing=True)
    format = _text("The format that was recognised; null for none", "station", missing=True)
    status = _text("`loaded`, `failed` (cannot be loaded as it is) or `interrupted` (is tried again)", "loaded")
    error = _text("Why it failed", None, missing=True)
    rows_read = _count("Lines with data, rejected ones included", 10865)
    rows_inserted = _count("Station-days that were new", 10865)
    rows_updated = _count("Station-days whose values changed", 0)
    rows_unchanged = _count("Station-days that were there already with these values", 0)
    rows_rejected = _count("Lines that could not be loaded; the first 1,000 are kept", 0)
    rows_duplicate = _count("Lines that repeat an earlier one", 0)
    values_flagged = _count("Values left out, since they failed a check of the source", 0)
    warnings = _count("Days whose highest temperature is below the lowest; they are loaded", 0)
    first_date = _date("The first day in the file", "1985-01-01", missing=True)
    last_date = _date("The last day in the file", "2014-12-31", missing=True)
    started_at = _moment("When loading it started", "2025-01-01T06:00:00Z")
    finished_at = _moment("When loading it ended", "2025-01-01T06:00:01Z")


class RejectedLine(ma.Schema):
    """A line that could not be loaded, and why."""

    line = fields.Integer(required=True, metadata={"description": "Its number in the file, from 1", "example": 42})
    text = _text("The line as it was, shortened to 500 characters", "19850100\t -22\t -128\t 94")
    reason = _text("Why it could not be loaded", "1985-01-00 is no day of the calendar")


class Pagination(ma.Schema):
    """Where in the whole list this page is."""

    page = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "Number of this page, from 1; null after a cursor", "example": 1},
    )
    per_page = _count("Items that a page holds at most", 100)
    total_items = _count("Items of the whole list", 1729957)
    total_pages = _count("Pages of the whole list", 17300)
    next_cursor = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "What to give as `cursor` for the items after these; null at the end of the list",
            "example": "WyJVU0MwMDExMDA3MiIsIjE5ODUtMDQtMTAiXQ",
        },
    )


class Invalid(ma.Schema):
    """One parameter that cannot be used."""

    parameter = _text("Its name", "date")
    problem = _text("What is wrong with it", "'tomorrow' is not a date")
    accepted = _text("What is accepted", "a date as YYYY-MM-DD or YYYYMMDD, such as 1985-01-31")


class Problem(ma.Schema):
    """A problem document (RFC 9457)."""

    type = _text("A URI of the kind of problem", "about:blank")
    title = _text("The kind of problem in words", "Not Found")
    status = fields.Integer(required=True, metadata={"description": "The status code", "example": 404})
    detail = _text("What happened, and what to do about it", None, missing=True)
    request_id = _text("The number of this request in the log, as in the header X-Request-ID", "5f0c1e", missing=True)
    errors = fields.List(
        fields.Nested(Invalid), metadata={"description": "With status 400: each parameter that cannot be used"}
    )


class Health(ma.Schema):
    """The state of the process."""

    status = _text("`live` or `ready`", "ready")
    version = _text("The release", "0.1.0")
    revision = _text("The commit that it was built from", "5ded7a0f1b8c")
    schema = fields.String(
        metadata={"description": "The revision of the database's schema; with `ready` only", "example": "0002"}
    )
    reads_from = fields.String(
        metadata={
            "description": "`replica`, or `primary` where there is none or it does not answer; with `ready` only",
            "example": "primary",
        }
    )


def page_of(item: type[ma.Schema]) -> type[ma.Schema]:
    """The schema of a page of such items."""
    members = {
        "data": fields.List(fields.Nested(item), required=True, metadata={"description": "The items of this page"}),
        "pagination": fields.Nested(Pagination, required=True),
    }
    return ma.Schema.from_dict(members, name=f"{item.__name__}Page")


ObservationPage = page_of(Observation)
YearlyStatisticsPage = page_of(YearlyStatistics)
StationPage = page_of(Station)
IngestionPage = page_of(Ingestion)
SourceFilePage = page_of(SourceFile)
RejectedLinePage = page_of(RejectedLine)
