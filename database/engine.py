"""The SQLAlchemy engine: a pool of checked connections with timeouts, and logins that survive a rotated password."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
import sqlalchemy
from sqlalchemy import Engine, event

from database.credentials import credentials_of
from database.settings import DatabaseSettings

# A connection is given up after this long, so that connections move when a failover changes what the address means.
RECYCLE_AFTER_S = 900

# A session whose other end is gone without a word would keep its locks for hours, and a program would wait as long for
# an answer that cannot come: after so long, either end gives the other up.
SILENT_FOR_S = 45


def gone_after(seconds: int) -> dict[str, int]:
    """Options of libpq by which a server that is gone without a word is noticed after about so many seconds.

    A server that ends closes its connections. One that loses its machine or its network does not, and the kernel waits
    for it: a quarter of an hour for what is sent, hours for an answer. A server that is only slow still acknowledges.
    """
    probes = {
        "keepalives_idle": max(1, seconds // 2),
        "keepalives_interval": max(1, seconds // 4),
        "keepalives_count": 2,
    }
    return {**probes, "tcp_user_timeout": seconds * 1000}


# The same for the server's end of a session: its settings have the names of libpq's options, with "tcp_" before them.
_SERVER_SIDE = {f"tcp_{name.removeprefix('tcp_')}": value for name, value in gone_after(SILENT_FOR_S).items()}


def create_engine(
    settings: DatabaseSettings,
    application_name: str,
    statement_timeout_ms: int = 0,
    *,
    ping: bool = True,
    autocommit: bool = False,
    options: Mapping[str, int] | None = None,
    session: Mapping[str, str] | None = None,
) -> Engine:
    """An engine for the database of the settings. Nothing is connected yet. All sessions are in UTC, and
    write dates as ISO 8601.

    Args:
        settings: where the database is.
        application_name: what `pg_stat_activity` shows.
        statement_timeout_ms: after so many milliseconds PostgreSQL ends a statement; 0 for never. Each program knows
            how long its own may take: a load has no limit, a page has one.
        ping: ask a connection whether it is alive before it is used. Without, who uses it has to try again.
        autocommit: each statement is one of its own: no BEGIN before it, and nothing to roll back after it, which would
            be two more round trips.
        options: more options of libpq, such as those of `gone_after`.
        session: more settings of PostgreSQL for the sessions.
    """
    of_session = {
        "statement_timeout": statement_timeout_ms,
        "timezone": "UTC",
        "datestyle": "ISO",
        **_SERVER_SIDE,
        **(session or {}),
    }
    engine = sqlalchemy.create_engine(
        settings.url,
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.pool_timeout_s,
        pool_pre_ping=ping,
        pool_recycle=RECYCLE_AFTER_S,
        pool_reset_on_return=None if autocommit else "rollback",
        connect_args={
            "application_name": application_name,
            "connect_timeout": settings.connect_timeout_s,
            "options": " ".join(f"-c {name}={value}" for name, value in of_session.items()),
            **gone_after(SILENT_FOR_S),
            **(options or {}),
        },
    )
    credentials = credentials_of(settings)

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, _record: Any, arguments: Any, parameters: dict[str, Any]) -> psycopg.Connection[Any]:
        login = credentials.current()
        try:
            connection: psycopg.Connection[Any] = dialect.connect(*arguments, **{**parameters, **login})
        except psycopg.OperationalError as error:
            # Of a server that is away, nothing is learned about the password: its source would be asked in vain, by
            # every request, and Secrets Manager limits and charges for that.
            if not (error.pgconn and error.pgconn.used_password and credentials.refresh(login)):
                raise
            connection = dialect.connect(*arguments, **{**parameters, **credentials.current()})
        connection.autocommit = autocommit
        return connection

    return engine
