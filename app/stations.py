"""GET /api/stations and /api/stations/{station_id}: the stations, with the days that there are of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import marshmallow as ma
from flask import Response
from werkzeug.exceptions import NotFound

from app import pagination, representation, versions
from app.arguments import Blueprint, NoQuery, PageQuery, YesOrNo, format_parameter
from app.documentation import cached, cached_list, link, linked, next_page
from app.downloads import Blocks, Connection, csv_response
from app.extents import Extent
from app.pagination import paging_of, refuse_paging
from app.reads import Fetch, Row, fetch_from
from app.schemas import Station, StationPage
from app.series import copy_csv
from app.state import state

PORTION = 5_000  # stations of a download that PostgreSQL describes at a time

blueprint = Blueprint(
    "Stations", __name__, url_prefix="/api/stations", description="Where the weather was observed, and when"
)

# One row for each station that there is: an extent of stations rather than of their days.
_OBSERVED = """
    SELECT s.id, s.code, 1 FROM station AS s
    WHERE EXISTS (SELECT FROM yearly_statistics AS y WHERE y.station_id = s.id)
    ORDER BY s.code COLLATE "C"
"""
_ALL = 'SELECT s.id, s.code, 1 FROM station AS s ORDER BY s.code COLLATE "C"'
_ONE = "SELECT s.id, s.code, 1 FROM station AS s WHERE s.code = %(code)s"

COLUMNS = {
    "station_id": "s.code",
    "name": "s.name",
    "latitude": "s.latitude",
    "longitude": "s.longitude",
    "elevation_m": "s.elevation_m",
    "state": "s.state",
    "wmo_id": "s.wmo_id",
    "first_date": "(SELECT min(o.date) FROM observation AS o WHERE o.station_id = s.id)",
    "last_date": "(SELECT max(o.date) FROM observation AS o WHERE o.station_id = s.id)",
    "observed_days": "coalesce(total.days, 0)",
    "years": "total.years",
}
_Item = representation.item_type("Station", COLUMNS)
_DESCRIPTION = f"""
    SELECT {", ".join(f"{expression} AS {name}" for name, expression in COLUMNS.items())}
    FROM unnest(%(ids)s::int[]) WITH ORDINALITY AS listed (id, place)
    JOIN station AS s ON s.id = listed.id
    CROSS JOIN LATERAL (
        SELECT sum(y.days) AS days, count(*) AS years FROM yearly_statistics AS y WHERE y.station_id = s.id
    ) AS total
    ORDER BY listed.place
"""  # noqa: S608 - of this module's own texts only


class StationsFilter(ma.Schema):
    """Which stations."""

    include_empty = YesOrNo(
        load_default=False,
        metadata={
            "description": "`true` to list also stations that no observation has been loaded of: a station list may "
            "describe many thousands of these.",
            "example": False,
        },
    )
    format = format_parameter()


class StationsQuery(PageQuery, StationsFilter):
    """A list of stations."""


@blueprint.route("")
@blueprint.arguments(StationsQuery(), location="query")
@blueprint.response(200, StationPage, description="A page of stations, or all of them as CSV")
@linked(
    next=next_page("/api/stations"),
    station=link("/api/stations/{station_id}", "The first station", station_id="/data/0/station_id"),
    weather=link("/api/weather", "The days of the first station", station_id="/data/0/station_id"),
    statistics=link("/api/weather/stats", "The years of the first station", station_id="/data/0/station_id"),
)
@cached_list(csv=",".join(COLUMNS) + "\nUSC00110072,AURORA,41.7806,-88.3092,201.2,IL,,1985-01-01,2014-12-31,10865,30\n")
def stations(query: dict[str, Any]) -> Response:
    """Stations

    The stations that have observations, ordered by `station_id`, each with its first and last day and the number of
    days between them that have a row.
    """
    form = representation.negotiate(query.get("format"), csv=True)
    if form == "csv":
        refuse_paging()
    paging = paging_of(query, (str,))
    version = state().versions.current().everything
    which = _ALL if query["include_empty"] else _OBSERVED
    if versions.unchanged(version, form):
        response = Response(status=304)
    elif form == "csv":
        response = csv_response("station.csv", lambda connection: _download(connection, which))
    else:
        fetch, limit = state().reads.rows, paging.per_page + 1
        extent = state().extents.get(version, which, lambda: Extent(fetch(which, {})))
        items = [_Item(*row) for row in _describe(fetch, _listed(extent, paging, limit))]
        response = pagination.answer(items, paging, extent.total, ["station_id"])
    return versions.mark(response, version, form, state().settings.max_age_s)


@blueprint.route("/<path:station_id>")
@blueprint.arguments(NoQuery(), location="query")
@blueprint.response(200, Station, description="The station")
@cached(400, 404, 406, 503)
def station(_query: dict[str, Any], station_id: str) -> Response:
    """One station

    Also one that no observation has been loaded of. Characters such as `/` in a code are sent percent-encoded.
    """
    form = representation.negotiate(None, csv=False)
    version = state().versions.current().everything
    row = _find(station_id) or _find(station_id.removesuffix("/"))
    if row is None:
        raise NotFound(f"There is no station {station_id}. The stations that there are, are at /api/stations.")
    unchanged = versions.unchanged(version, form)
    response = Response(status=304) if unchanged else representation.json_response(_Item(*row))
    return versions.mark(response, version, form, state().settings.max_age_s)


def _listed(extent: Extent, paging: pagination.Paging, limit: int) -> Sequence[int]:
    if paging.after is None:
        return extent.at(paging.offset, limit).ids
    stretch = extent.after(str(paging.after[0]), limit)
    return stretch.ids[1:] if stretch.resumes else stretch.ids  # the cursor's station was on the page before


def _describe(fetch: Fetch, ids: Sequence[int]) -> list[Row]:
    return fetch(_DESCRIPTION, {"ids": ids}) if ids else []


def _find(code: str) -> Row | None:
    if "\0" in code:  # which no text in PostgreSQL has
        return None
    fetch = state().reads.rows
    found = _describe(fetch, Extent(fetch(_ONE, {"code": code})).ids)
    return found[0] if found else None


def _download(connection: Connection, which: str) -> tuple[int, Blocks]:
    extent = Extent(fetch_from(connection)(which, {}))

    def blocks() -> Blocks:
        yield (",".join(COLUMNS) + "\n").encode()
        for stretch in extent.portions(PORTION):
            yield from copy_csv(connection, _DESCRIPTION, {"ids": stretch.ids})

    return extent.total, blocks()
