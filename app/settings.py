"""What the API is told by its environment."""

from __future__ import annotations

import dataclasses
import re

from sqlalchemy.engine import URL

from database.settings import DatabaseSettings, database_url
from runtime.environment import variable, whole_number
from runtime.settings import DeploymentSettings, LogSettings, TracingSettings


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError("not host:port")
    return text


@dataclasses.dataclass(frozen=True)
class ServerSettings:
    """How gunicorn serves."""

    bind: str = variable(
        "WINDSOCK_API_BIND",
        holds="the host:port to listen on, such as 0.0.0.0:8000 for all addresses or [::1]:8000",
        parse=_address,
        default="127.0.0.1:8000",
    )
    workers: int = variable(
        "WINDSOCK_API_WORKERS",
        holds="how many processes answer requests, 1 to 64; about one for each processor core",
        parse=whole_number(1, 64),
        default="2",
    )
    threads: int = variable(
        "WINDSOCK_API_THREADS",
        holds="how many requests a process answers at the same time, 2 to 200; more than its database connections, for "
        "answers that need none. Health checks have threads of their own",
        parse=whole_number(2, 200),
        default="12",
    )
    keepalive_s: int = variable(
        "WINDSOCK_API_KEEPALIVE",
        holds="seconds that an idle connection stays open, 1 to 4000; longer than the load balancer's idle timeout",
        parse=whole_number(1, 4000),
        default="75",
    )
    graceful_timeout_s: int = variable(
        "WINDSOCK_API_GRACEFUL_TIMEOUT",
        holds="seconds that requests in flight may take to finish after SIGTERM, 1 to 3600; less than the platform "
        "waits before it kills",
        parse=whole_number(1, 3600),
        default="25",
    )
    stalled_timeout_s: int = variable(
        "WINDSOCK_API_STALLED_TIMEOUT",
        holds="seconds after which a client that takes nothing of its response is given up, 1 to 3600",
        parse=whole_number(1, 3600),
        default="60",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ApiSettings:
    """All that the API is told."""

    database: DatabaseSettings = dataclasses.field(default_factory=DatabaseSettings)
    log: LogSettings = dataclasses.field(default_factory=LogSettings)
    server: ServerSettings = dataclasses.field(default_factory=ServerSettings)
    deployment: DeploymentSettings = dataclasses.field(default_factory=DeploymentSettings)
    tracing: TracingSettings = dataclasses.field(default_factory=TracingSettings)
    revision: str = variable(
        "WINDSOCK_REVISION",
        holds="the commit that the program was built from, for /health; an image has its own",
        parse=str,
        default="unknown",
    )
    replica_url: URL | None = variable(
        "WINDSOCK_DATABASE_REPLICA_URL",
        holds="the address of a read replica with the same login: rows are read from it while it answers, and from "
        "WINDSOCK_DATABASE_URL while it does not",
        parse=database_url,
    )
    statement_timeout_ms: int = variable(
        "WINDSOCK_API_STATEMENT_TIMEOUT_MS",
        holds="milliseconds after which PostgreSQL ends a query of a page, 100 to 600000",
        parse=whole_number(100, 600_000),
        default="10000",
    )
    streams: int = variable(
        "WINDSOCK_API_STREAMS",
        holds="how many CSV downloads a process sends at the same time, 1 to 50; each has a database connection of its "
        "own besides those of the pool",
        parse=whole_number(1, 50),
        default="3",
    )
    stream_timeout_s: int = variable(
        "WINDSOCK_API_STREAM_TIMEOUT",
        holds="seconds that one CSV download may take, 1 to 86400",
        parse=whole_number(1, 86_400),
        default="900",
    )
    max_age_s: int = variable(
        "WINDSOCK_API_MAX_AGE",
        holds="seconds for which browsers and CloudFront may reuse an answer without asking again, 0 to 86400",
        parse=whole_number(0, 86_400),
        default="60",
    )
