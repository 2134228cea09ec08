"""FastAPI with SQLAlchemy Core rows and orjson: no objects are made of rows, nothing is validated on the way out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import orjson
from fastapi import FastAPI, Query, Response
from sqlalchemy import Float, String, bindparam, column, select, table, text
from sqlalchemy.ext.asyncio import create_async_engine

from bench.references.envelope import DATABASE, POOL_SIZE, TOTALS, pagination

engine = create_async_engine(
    DATABASE.replace("postgresql://", "postgresql+asyncpg://"),
    pool_size=POOL_SIZE,
    max_overflow=0,
    isolation_level="AUTOCOMMIT",
)
totals: dict[str, int] = {}

station = table("station", column("id"), column("code"))
names = ("date", "tmax", "tmin", "prcp", "snow", "snwd")
o = table("observation", column("station_id"), *(column(name) for name in names))
QUERY = (
    select(
        bindparam("code", type_=String).label("station_id"),
        o.c.date,
        (o.c.tmax / text("10::float8")).cast(Float).label("max_temp_c"),
        (o.c.tmin / text("10::float8")).cast(Float).label("min_temp_c"),
        (o.c.prcp / text("10::float8")).cast(Float).label("precipitation_mm"),
        o.c.snow.label("snowfall_mm"),
        o.c.snwd.label("snow_depth_mm"),
    )
    # By a subquery, not by a join: PostgreSQL would sort all days of the station for the first of them.
    .where(o.c.station_id == select(station.c.id).where(station.c.code == bindparam("code")).scalar_subquery())
    .order_by(o.c.date)
    .limit(bindparam("limit"))
)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Read the totals."""
    async with engine.connect() as connection:
        totals.update(row.tuple() for row in await connection.execute(text(TOTALS)))
    yield


app = FastAPI(lifespan=lifespan)


@app.get("/api/weather")
async def observations(station_id: str, per_page: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
    """The first page of a station's observations."""
    async with engine.connect() as connection:
        result = await connection.execute(QUERY, {"code": station_id, "limit": per_page + 1})
        rows = result.all()
    fields = tuple(result.keys())
    last = (station_id, rows[per_page - 1].date) if len(rows) > per_page else None
    document = {
        "data": [dict(zip(fields, row, strict=True)) for row in rows[:per_page]],
        "pagination": pagination(totals.get(station_id, 0), per_page, last),
    }
    return Response(orjson.dumps(document), media_type="application/json")
