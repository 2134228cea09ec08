"""The OpenAPI 3.1 document: what is common to all addresses. Each address describes itself, beside its code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flask import Flask
from flask_smorest import Api as SmorestApi
from flask_smorest import Blueprint

import runtime
from app import errors
from app.schemas import Problem

View = TypeVar("View", bound=Callable[..., Any])

ABOUT = """\
Daily weather observations by station, and the statistics of each year. Read only; no login.

Try it here: open an address below, press **Execute**. A good first one is
`/api/weather?station_id=USC00110072&date=1985-01-01`; `/api/stations` lists the stations that there are.

**Units** are part of the names: `max_temp_c` is in degrees Celsius, `precipitation_mm` in millimetres,
`total_precipitation_cm` in centimetres. A missing value is `null`, never 0.

**Pages.** Lists come as `{"data": [...], "pagination": {...}}`, ordered by station, then by date or year. People use
`page` and `per_page`; programs follow `next_cursor` (or the `Link` header with `rel="next"`) until it is null.

**CSV.** With `format=csv` (or `Accept: text/csv`) a list comes whole, as a file, without pages. The header
`X-Total-Count` says how many rows it has.

**Caching.** Answers carry an `ETag` that changes when data is loaded. Send it back as `If-None-Match` and get 304 with
no body while nothing has changed.

**Errors** are problem documents (RFC 9457, `application/problem+json`). They say what was wrong and what is accepted; a
parameter that does not exist is refused, not ignored. Each answer has an `X-Request-ID`, by which the log can be
searched.
"""

PROBLEMS = {
    400: ("BAD_REQUEST", "A parameter cannot be used: `errors` names it, and what is accepted"),
    404: ("NOT_FOUND", "There is no such thing"),
    406: ("NOT_ACCEPTABLE", "The header `Accept` excludes every form that this address has"),
    500: ("INTERNAL_SERVER_ERROR", "A mistake of the server; its log has the reason under the `request_id`"),
    503: ("SERVICE_UNAVAILABLE", "The database does not answer now; try again after the seconds of `Retry-After`"),
}


def header(description: str, example: str, kind: str = "string") -> dict[str, Any]:
    """The description of a response header."""
    return {"description": description, "schema": {"type": kind}, "example": example}


CACHE_HEADERS = {
    "ETag": header("Version of the answer, for If-None-Match", 'W/"0.1.0-36dc.62a8e4f7c0b40-json"'),
    "Last-Modified": header("When data was last changed", "Wed, 01 Jan 2025 06:00:03 GMT"),
    "Cache-Control": header("How long the answer may be reused", "public, max-age=60"),
}
LIST_HEADERS = {"Link": header("Addresses of other pages (RFC 8288)", '</api/weather?page=2>; rel="next"')}
TOTAL_HEADER = {"X-Total-Count": header("With CSV: how many rows the file has", "365", "integer")}


class Api(SmorestApi):  # type: ignore[misc] # flask-smorest has no types
    """flask-smorest with this API's errors instead of its own."""

    ERROR_SCHEMA = Problem
    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(self, app: Flask) -> None:
        app.config.update(
            API_TITLE="Windsock",
            API_VERSION=runtime.__version__,
            OPENAPI_VERSION="3.1.0",
            API_SPEC_OPTIONS={
                "info": {"description": ABOUT, "license": {"name": "MIT"}},
                "servers": [{"url": "/", "description": "This server"}],
            },
        )
        super().__init__(app)

    def _register_error_handlers(self) -> None:
        """They are in `errors`."""

    def _register_responses(self) -> None:
        for status, (name, description) in PROBLEMS.items():
            response: dict[str, Any] = {"description": description, "content": {errors.MIMETYPE: {"schema": Problem}}}
            if status == 503:
                response["headers"] = {"Retry-After": header("Seconds to wait", "5", "integer")}
            self.spec.components.response(name, response)


def problems(*statuses: int) -> Callable[[View], View]:
    """Document that an address may answer with these problems, besides 500."""
    decorate: Callable[[View], View] = Blueprint.doc(
        responses={status: PROBLEMS[status][0] for status in (*statuses, 500)}
    )
    return decorate


def link(path: str, description: str, **parameters: str) -> dict[str, Any]:
    """A link of OpenAPI: how to ask another address with what an answer holds, given as pointers into its JSON."""
    pointer = path.replace("/", "~1")
    return {
        "operationRef": f"#/paths/{pointer}/get",
        "parameters": {name: f"$response.body#{value}" for name, value in parameters.items()},
        "description": description,
    }


def linked(**links: dict[str, Any]) -> Callable[[View], View]:
    """Document where an answer leads."""
    decorate: Callable[[View], View] = Blueprint.doc(responses={200: {"links": links}})
    return decorate


def next_page(path: str) -> dict[str, Any]:
    """The link from a page of a list to the next one."""
    return link(path, "The next page, where there is one", cursor="/pagination/next_cursor")


def cached_list(csv: str | None = None) -> Callable[[View], View]:
    """Document what a list of weather has in common with the others; `csv` is an example of it as CSV."""
    ok: dict[str, Any] = {"headers": {**LIST_HEADERS, **CACHE_HEADERS}}
    if csv:
        ok["headers"].update(TOTAL_HEADER)
        ok["content"] = {"text/csv": {"schema": {"type": "string"}, "example": csv}}
    return _with_problems(ok, 400, 406, 503)


def cached(*statuses: int) -> Callable[[View], View]:
    """Document an answer that carries a version, and the problems that it may have, besides 500."""
    return _with_problems({"headers": CACHE_HEADERS}, *statuses)


def _with_problems(ok: Mapping[str, Any], *statuses: int) -> Callable[[View], View]:
    unchanged = {"description": "Unchanged since the version of If-None-Match", "headers": CACHE_HEADERS}
    decorate: Callable[[View], View] = Blueprint.doc(
        responses={200: ok, 304: unchanged, **{status: PROBLEMS[status][0] for status in (*statuses, 500)}}
    )
    return decorate
