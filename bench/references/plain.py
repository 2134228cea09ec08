"""FastAPI with SQLAlchemy's ORM, asyncpg and pydantic models, as people write it."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query
from pydantic import BaseModel
from sqlalchemy import ForeignKey, Select, select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship

from bench.references.envelope import DATABASE, POOL_SIZE, TOTALS, pagination

engine = create_async_engine(
    DATABASE.replace("postgresql://", "postgresql+asyncpg://"), pool_size=POOL_SIZE, max_overflow=0
)
new_session = async_sessionmaker(engine)
totals: dict[str, int] = {}


class Base(DeclarativeBase):
    """The models."""


class Station(Base):
    """A weather station."""

    __tablename__ = "station"
    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str]


class Observation(Base):
    """One station, one day."""

    __tablename__ = "observation"
    station_id: Mapped[int] = mapped_column(ForeignKey("station.id"), primary_key=True)
    date: Mapped[dt.date] = mapped_column(primary_key=True)
    tmax: Mapped[int | None]
    tmin: Mapped[int | None]
    prcp: Mapped[int | None]
    snow: Mapped[int | None]
    snwd: Mapped[int | None]
    station: Mapped[Station] = relationship()


class Item(BaseModel):
    """An observation as it is sent."""

    station_id: str
    date: dt.date
    max_temp_c: float | None
    min_temp_c: float | None
    precipitation_mm: float | None
    snowfall_mm: int | None
    snow_depth_mm: int | None

    @classmethod
    def of(cls, row: Observation) -> Item:
        """The item of a row."""
        return cls(
            station_id=row.station.code,
            date=row.date,
            max_temp_c=None if row.tmax is None else row.tmax / 10,
            min_temp_c=None if row.tmin is None else row.tmin / 10,
            precipitation_mm=None if row.prcp is None else row.prcp / 10,
            snowfall_mm=row.snow,
            snow_depth_mm=row.snwd,
        )


class Pagination(BaseModel):
    """Where a page stands in the list."""

    page: int
    per_page: int
    total_items: int
    total_pages: int
    next_cursor: str | None


class Page(BaseModel):
    """A page of observations."""

    data: list[Item]
    pagination: Pagination


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Read the totals."""
    async with new_session() as session:
        totals.update(row.tuple() for row in await session.execute(text(TOTALS)))
    yield


async def session() -> AsyncIterator[AsyncSession]:
    """A session for one request."""
    async with new_session() as opened:
        yield opened


app = FastAPI(lifespan=lifespan)


def query(station_id: str, limit: int) -> Select[Any]:
    """The rows of the first page."""
    # The station by a subquery, not by its join: PostgreSQL would sort all of its days for the first of them.
    station = select(Station.id).where(Station.code == station_id).scalar_subquery()
    return (
        select(Observation)
        .options(joinedload(Observation.station))
        .where(Observation.station_id == station)
        .order_by(Observation.date)
        .limit(limit)
    )


@app.get("/api/weather")
async def observations(
    session: Annotated[AsyncSession, Depends(session)],
    station_id: str,
    per_page: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Page:
    """The first page of a station's observations."""
    rows = (await session.scalars(query(station_id, per_page + 1))).all()
    last = (station_id, rows[per_page - 1].date) if len(rows) > per_page else None
    return Page(
        data=[Item.of(row) for row in rows[:per_page]],
        pagination=Pagination(**pagination(totals.get(station_id, 0), per_page, last)),
    )
