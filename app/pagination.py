"""Pages of a list: by number for people, by cursor for programs; in the envelope and as Link headers (RFC 8288)."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

import msgspec
from flask import Response, request

from app.arguments import DEFAULT_PER_PAGE, PageQuery
from app.errors import InvalidParameter, InvalidParametersError, invalid_parameter
from app.representation import json_response, to_json

Position = tuple[str | int | dt.date, ...]
"""Where an item stands in a list: the values that the list is ordered by."""


class Paging(NamedTuple):
    """The part of a list that a request asks for: page `page`, or what comes after `after`."""

    page: int
    per_page: int
    after: Position | None

    @property
    def offset(self) -> int:
        """Items before the page, when it is asked for by number."""
        return (self.page - 1) * self.per_page


def paging_of(query: Mapping[str, Any], position: Sequence[type]) -> Paging:
    """The paging of the loaded parameters. `position` are the types that a cursor of this list holds.

    Raises:
        InvalidParametersError: the cursor is not one of this list.
    """
    cursor = query.get("cursor")
    after = None if cursor is None else _decode(cursor, position)
    return Paging(query.get("page", 1), query.get("per_page", DEFAULT_PER_PAGE), after)


def answer(items: Sequence[msgspec.Struct], paging: Paging, total: int, order: Sequence[str]) -> Response:
    """A page as a response.

    `items` are those of the page and, when there are more, one beyond it. `order` are the fields that the list is
    ordered by.
    """
    shown = items[: paging.per_page]
    more = len(items) > paging.per_page
    pages = -(-total // paging.per_page)
    cursor = _encode([getattr(shown[-1], field) for field in order]) if more else None
    by_number = paging.after is None
    response = json_response(
        {
            "data": shown,
            "pagination": {
                "page": paging.page if by_number else None,
                "per_page": paging.per_page,
                "total_items": total,
                "total_pages": pages,
                "next_cursor": cursor,
            },
        }
    )
    links = {"first": "page=1" if by_number else ""}
    if by_number:
        links["last"] = f"page={max(pages, 1)}"
        if paging.page > 1:
            links["prev"] = f"page={min(paging.page - 1, max(pages, 1))}"
        if more:
            links["next"] = f"page={paging.page + 1}"
    elif more:
        links["next"] = f"cursor={cursor}"
    response.headers["Link"] = _link(links)
    return response


def refuse_paging() -> None:
    """Refuse the parameters of pages where the whole list is sent.

    Raises:
        InvalidParametersError: the request has one of them.
    """
    given = [name for name in PageQuery().fields if name in request.args]
    if given:
        problem, accepted = "cannot be used with CSV", "no paging: CSV has all rows of the filter"
        raise InvalidParametersError([InvalidParameter(name, problem, accepted) for name in given])


def _link(places: Mapping[str, str]) -> str:
    """The header for this address with other places in the list: `page` or `cursor` as they stand in a query."""
    # Relative to the host: behind a proxy the API does not know by which name it was called.
    # The path as it was sent: a station's code may hold an encoded slash.
    path = request.environ.get("RAW_URI", request.path).partition("?")[0]
    kept = _kept(request.query_string)
    addresses = {rel: "&".join(filter(None, (kept, place))) for rel, place in places.items()}
    return ", ".join(f'<{path}{query and "?" + query}>; rel="{rel}"' for rel, query in addresses.items())


# As what was read of a query: programs ask the same again.
@functools.lru_cache(maxsize=1000)
def _kept(query: bytes) -> str:
    """What every place of a list has of a query."""
    # Read as Werkzeug reads it for `request.args`: what is no UTF-8 stays as it was sent.
    parameters = parse_qsl(query.decode(), keep_blank_values=True, errors="werkzeug.url_quote")
    return urlencode([each for each in parameters if each[0] not in {"page", "cursor"}])


def _encode(position: Sequence[object]) -> str:
    return base64.urlsafe_b64encode(to_json(position)).rstrip(b"=").decode()


def _decode(cursor: str, position: Sequence[type]) -> Position:
    invalid = invalid_parameter(
        "cursor", "is not a cursor of this list", "the next_cursor of an earlier answer, unchanged"
    )
    try:
        values = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or len(values) != len(position):
            raise invalid
        return tuple(_value(value, kind) for value, kind in zip(values, position, strict=True))
    except (ValueError, binascii.Error, RecursionError):
        raise invalid from None


def _value(value: object, kind: type) -> str | int | dt.date:
    if kind is dt.date and isinstance(value, str):
        return dt.date.fromisoformat(value)
    if kind is str and isinstance(value, str) and "\0" not in value:
        return value
    if kind is int and type(value) is int and 0 <= value < 2**63:
        return value
    raise ValueError(f"not a {kind.__name__}")
