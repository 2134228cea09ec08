"""Where the database is and how long to wait for it: the variables that the API and the worker share."""

from __future__ import annotations

import dataclasses

import sqlalchemy
from sqlalchemy.engine import URL

from runtime.environment import variable, whole_number

DRIVER = "postgresql+psycopg"


def database_url(text: str) -> URL:
    """A parser of PostgreSQL's addresses that name a database."""
    try:
        url = sqlalchemy.make_url(text)
    except sqlalchemy.exc.ArgumentError:
        raise ValueError("not a URL") from None
    if url.get_backend_name() != "postgresql":
        raise ValueError(f"it begins with {url.drivername}://")
    if not url.database:
        raise ValueError("it names no database")
    return url.set(drivername=DRIVER)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DatabaseSettings:
    """How to reach PostgreSQL. The password comes from the secret, the file or the URL, whichever is given first."""

    url: URL = variable(
        "WINDSOCK_DATABASE_URL",
        holds="the database's address, such as postgresql://windsock_api@db.example.org:5432/windsock?sslmode=verify-full",
        parse=database_url,
        required=True,
    )
    password_file: str | None = variable(
        "WINDSOCK_DATABASE_PASSWORD_FILE",
        holds="the path of a file with the password alone, such as a Docker secret",
        parse=str,
    )
    secret: str | None = variable(
        "WINDSOCK_DATABASE_SECRET",
        holds="the name or ARN of an AWS Secrets Manager secret, a JSON object with username and password",
        parse=str,
    )
    pool_size: int = variable(
        "WINDSOCK_DATABASE_POOL_SIZE",
        holds="how many connections a process keeps at most, 1 to 100",
        parse=whole_number(1, 100),
        default="5",
    )
    pool_timeout_s: int = variable(
        "WINDSOCK_DATABASE_POOL_TIMEOUT",
        holds="seconds to wait for a free connection of the pool, 1 to 60",
        parse=whole_number(1, 60),
        default="5",
    )
    connect_timeout_s: int = variable(
        "WINDSOCK_DATABASE_CONNECT_TIMEOUT",
        holds="seconds to wait for a new connection, 2 to 60",
        parse=whole_number(2, 60),  # libpq takes 1 for 2
        default="5",
    )
