"""The query strings and cursors of every list of the API."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from urllib.parse import urlencode

from flask import Flask, request

from app.arguments import StrictParser
from app.errors import InvalidParametersError
from app.ingestions import FilesQuery, IngestionsQuery
from app.pagination import _encode, paging_of
from app.series import OBSERVATIONS, STATISTICS
from app.stations import StationsQuery
from app.weather import StatisticsQuery, WeatherQuery
from tests.resilience.fuzzing import checks

LISTS = (
    (WeatherQuery(), OBSERVATIONS.position),
    (StatisticsQuery(), STATISTICS.position),
    (StationsQuery(), (str,)),
    (IngestionsQuery(), (int,)),
    (FilesQuery(), (int,)),
)
HIGHEST = 2**63
_app = Flask(__name__)


def seeds() -> Iterator[bytes]:
    """Good queries of each list, and some that contradict themselves."""
    for number, query in enumerate(
        (
            {"station_id": "USC00110072", "start_date": "1985-01-01", "end_date": "19851231", "per_page": 10},
            {"year": "1985", "format": "csv"},
            {"include_empty": "true", "page": 2},
            {"status": "failed", "cursor": _encode([17])},
            {"status": "loaded", "page": 0},
        )
    ):
        yield bytes([number]) + urlencode(query).encode()
    yield b"\0cursor=" + _encode(["USC00110072", dt.date(1985, 1, 1)]).encode()
    yield b"\1cursor=" + _encode(["USC00110072", 1985]).encode()
    yield b"\1start_year=1990&end_year=1985&start_year=1"
    yield b"\0date=%31985-01-01&page=%ff&%00=%00&station_id=%ed%a0%80"


def check(data: bytes) -> None:
    """A query is taken, with values that the database takes, or refused with words for each parameter."""
    schema, position = LISTS[data[0] % len(LISTS)] if data else LISTS[0]
    with _app.test_request_context(environ_overrides={"QUERY_STRING": data[1:].decode("latin-1")}):
        try:
            query = StrictParser().parse(schema, request, location="query")
            paging = paging_of(query, position)
        except InvalidParametersError as error:
            assert error.invalid
            for each in error.invalid:
                assert each.problem
                assert each.accepted
                assert len(each.parameter) <= 43
                assert len(each.problem) <= 1_000
            return
    assert set(query) <= set(schema.fields)
    assert 1 <= paging.per_page <= 1000
    assert 0 <= paging.offset < HIGHEST
    for value in (*query.values(), *(paging.after or ())):
        if isinstance(value, str):
            assert "\0" not in value
            value.encode()  # no lone surrogates: PostgreSQL takes none
        elif isinstance(value, int):
            assert 0 <= value < HIGHEST
    if paging.after is not None:
        assert paging_of({"cursor": _encode(paging.after)}, position).after == paging.after
    checks.words(repr(paging), 3_000)
