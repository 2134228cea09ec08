"""FastAPI with asyncpg alone, and the JSON of the rows made by PostgreSQL: the fastest FastAPI that we know."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import asyncpg
import orjson
from fastapi import FastAPI, Query, Response

from bench.references.envelope import DATABASE, POOL_SIZE, TOTALS, pagination

totals: dict[str, int] = {}
QUERY = """
    SELECT string_agg(
               '{"station_id":' || to_json($1::text) || ',"date":"' || date
               || '","max_temp_c":' || coalesce((tmax * 0.1)::text, 'null')
               || ',"min_temp_c":' || coalesce((tmin * 0.1)::text, 'null')
               || ',"precipitation_mm":' || coalesce((prcp * 0.1)::text, 'null')
               || ',"snowfall_mm":' || coalesce(snow::text, 'null')
               || ',"snow_depth_mm":' || coalesce(snwd::text, 'null') || '}',
               ','
           ) FILTER (WHERE number <= $2),
           max(date) FILTER (WHERE number = $2),
           count(*)
    FROM (
        SELECT o.*, row_number() OVER () AS number
        FROM (
            SELECT * FROM observation WHERE station_id = (SELECT id FROM station WHERE code = $1)
            ORDER BY date LIMIT $2::int + 1
        ) AS o
    ) AS o
"""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Connect, and read the totals."""
    # No reset of a connection that goes back: nothing is ever set on one.
    async with asyncpg.create_pool(DATABASE, min_size=POOL_SIZE, max_size=POOL_SIZE, reset=_nothing) as app.state.pool:
        totals.update(await app.state.pool.fetch(TOTALS))
        yield


async def _nothing(_connection: asyncpg.Connection) -> None:
    """Leave the connection as it is."""


app = FastAPI(lifespan=lifespan)


@app.get("/api/weather")
async def observations(station_id: str, per_page: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
    """The first page of a station's observations."""
    items, date, count = await app.state.pool.fetchrow(QUERY, station_id, per_page)
    last = (station_id, date) if count > per_page else None
    surrounding = orjson.dumps(pagination(totals.get(station_id, 0), per_page, last)).decode()
    return Response(f'{{"data":[{items or ""}],"pagination":{surrounding}}}', media_type="application/json")
