"""How the lists of weather answer: not at all when the client has the answer, else a page or a download."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response

from app import pagination, representation, versions
from app.downloads import Blocks, Connection, csv_response
from app.pagination import paging_of, refuse_paging
from app.reads import fetch_from
from app.series import Filter, Series
from app.state import state


def answer(series: Series, query: Mapping[str, Any], chosen: Filter) -> Response:
    """The response to a request for the rows of `chosen`. `query` are the loaded parameters."""
    form = representation.negotiate(query.get("format"), csv=True)
    if form == "csv":
        refuse_paging()
    paging = paging_of(query, series.position)
    shared = state()
    version = shared.versions.current().weather
    if versions.unchanged(version, form):
        response = Response(status=304)
    elif form == "csv":
        response = _download(series, chosen)
    else:
        fetch = shared.reads.rows
        extent = shared.extents.get(version, (series.table, chosen), lambda: series.extent(fetch, chosen))
        items = series.page(fetch, chosen, extent, paging)
        response = pagination.answer(items, paging, extent.total, series.order)
    return versions.mark(response, version, form, shared.settings.max_age_s)


def _download(series: Series, chosen: Filter) -> Response:
    def start(connection: Connection) -> tuple[int, Blocks]:
        extent = series.extent(fetch_from(connection), chosen)
        return extent.total, series.download(connection, chosen, extent)

    return csv_response(f"{series.table}.csv", start)
