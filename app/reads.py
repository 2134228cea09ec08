"""The API's way to the database: pages from a pool, downloads and the readiness probe each from one of their own.

Plain tuples from psycopg, no ORM: making objects of rows costs several times what PostgreSQL takes to find them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, cast

import psycopg
import sqlalchemy
from sqlalchemy import Engine

from app.settings import ApiSettings
from database.credentials import CredentialsError
from database.engine import create_engine, gone_after

Row = tuple[Any, ...]
Fetch = Callable[[str, Mapping[str, Any]], list[Row]]
"""Runs a query with named parameters and gives all its rows."""

RETRY_AFTER_S = 5
ONE_PLAN = {"plan_cache_mode": "force_generic_plan"}
"""Settings of the sessions that pages are read in."""
MOST_KEPT_ROWS = 1001
"""A cursor holds what it has read last. A page may stay in memory, the list of all stations is not to."""
PROBE_TIMEOUT_S = 2  # load balancers wait about 5 seconds for a health check


_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, sqlalchemy.exc.DBAPIError, CredentialsError)
# A server that stops says so and closes the connection. Which of the two psycopg has seen when it raises is chance: the
# connection may still look whole.
_GOODBYE = (psycopg.errors.AdminShutdown, psycopg.errors.CrashShutdown)
_NOT_MIGRATED = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.InsufficientPrivilege,
)


class UnavailableError(Exception):
    """The database cannot answer now; the text says why, in words that may be shown to anyone."""


class AwayError(UnavailableError):
    """The server does not answer, or not to us."""


class _BrokenError(AwayError):
    """The connection broke while it was idle or in use."""


class Reads:
    """The connections of one process to one server. Many slow pages delay no download and no probe, nor the other way
    round.
    """

    server = "primary"
    """Where the rows are read now: `primary` or `replica`."""

    def __init__(self, settings: ApiSettings) -> None:
        database = settings.database
        probe = dataclasses.replace(
            database, pool_size=1, pool_timeout_s=PROBE_TIMEOUT_S, connect_timeout_s=PROBE_TIMEOUT_S
        )
        # A download that finds no free connection is better told so at once than after a wait.
        streams = dataclasses.replace(database, pool_size=settings.streams, pool_timeout_s=1)
        # Else a server that vanishes keeps all threads waiting.
        make = functools.partial(create_engine, options=gone_after(database.connect_timeout_s))
        # No ping: it would cost as much as the query of a page. Nor a plan for each page, as PostgreSQL makes them: the
        # one of any page is as good, an index scan of a station.
        self._pages = make(
            database, "windsock-api", settings.statement_timeout_ms, ping=False, autocommit=True, session=ONE_PLAN
        )
        self._streams = make(streams, "windsock-api-download", settings.stream_timeout_s * 1000)
        self._probe = make(probe, "windsock-api-probe", PROBE_TIMEOUT_S * 1000, autocommit=True)

    def rows(self, query: str, parameters: Mapping[str, Any]) -> list[Row]:
        """All rows of a query for a page.

        Raises:
            UnavailableError: no connection, or the query took too long.
        """
        return _read(self._pages, "All database connections are busy.", query, parameters)

    def probe(self, query: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """All rows of a query of the readiness probe, on its own connection.

        Raises:
            UnavailableError: no connection, or no answer within two seconds.
        """
        return _read(self._probe, "Another probe has been waiting for two seconds.", query, parameters or {})

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[psycopg.Connection[Row]]:
        """A connection for one download, in a read-only transaction that sees one state of the data throughout.

        Raises:
            UnavailableError: no connection, or too many downloads at the same time.
        """
        with _Connection(self._streams, "Too many downloads are running.") as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield connection

    def close(self) -> None:
        """Close all connections that are not in use."""
        for engine in (self._pages, self._streams, self._probe):
            engine.dispose()


def _read(engine: Engine, busy: str, query: str, parameters: Mapping[str, Any]) -> list[Row]:
    try:
        return _read_once(engine, busy, query, parameters)
    except _BrokenError:
        # The database was started again, or another one has taken over: what else the pool holds is of no use either.
        # A read can be repeated, and if new connections break as well, that is the answer.
        engine.dispose()
        return _read_once(engine, busy, query, parameters)


def _read_once(engine: Engine, busy: str, query: str, parameters: Mapping[str, Any]) -> list[Row]:
    pooled = _Connection(engine, busy)
    with pooled as connection:
        # A cursor remembers how the types that it has met are read and written: to learn it costs a fifth of a query.
        fetch: Fetch = pooled.kept.pop("fetch", None) or fetch_from(connection)
        rows = fetch(query, parameters)
        if len(rows) <= MOST_KEPT_ROWS:
            pooled.kept["fetch"] = fetch
        return rows


def fetch_from(connection: psycopg.Connection[Row]) -> Fetch:
    """A function that runs queries on this connection, with results in PostgreSQL's binary form: cheaper to read."""
    cursor = connection.cursor(binary=True)

    def fetch(query: str, parameters: Mapping[str, Any]) -> list[Row]:
        return cursor.execute(query.encode(), parameters).fetchall()

    return fetch


class _Connection:
    """A connection of a pool, for a `with` block. What goes wrong with it becomes an `UnavailableError`.

    Not a generator with `contextlib`: of the time of a page, that would be as much as the pool takes.
    """

    def __init__(self, engine: Engine, busy: str) -> None:
        self._engine = engine
        self._busy = busy
        self._pooled: sqlalchemy.PoolProxiedConnection | None = None
        self._connection: psycopg.Connection[Row] | None = None

    def __enter__(self) -> psycopg.Connection[Row]:
        try:
            self._pooled = self._engine.raw_connection()
        except Exception as error:
            self._explain(error)
            raise
        self._connection = cast("psycopg.Connection[Row]", self._pooled.driver_connection)
        return self._connection

    @property
    def kept(self) -> dict[Any, Any]:
        """What is kept with this connection, for as long as it lives."""
        assert self._pooled is not None
        return self._pooled.info

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        try:
            if error is not None:
                self._explain(error)
        finally:
            if self._pooled is not None:
                if self._connection is not None and self._connection.closed:
                    self._pooled.invalidate()
                self._pooled.close()  # back to the pool

    def _explain(self, error: BaseException) -> None:
        """Raise the error that it is to the client, where there is one."""
        if isinstance(error, sqlalchemy.exc.TimeoutError):
            raise UnavailableError(self._busy) from error
        if isinstance(error, psycopg.errors.QueryCanceled):
            raise UnavailableError("The database took too long. Ask for fewer stations or a shorter time.") from error
        if isinstance(error, _NOT_MIGRATED):
            raise UnavailableError("The database is not at the schema that this release needs.") from error
        if isinstance(error, _GOODBYE):
            if self._connection is not None:
                self._connection.close()
            raise _BrokenError("The database does not answer.") from error
        if isinstance(error, _AWAY):
            broken = self._connection is not None and self._connection.broken
            raise (_BrokenError if broken else AwayError)("The database does not answer.") from error
