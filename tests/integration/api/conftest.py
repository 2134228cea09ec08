"""A database with a little weather, the API on it as a test client, and the API as it is really served."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.settings import ApiSettings
from database import roles
from runtime.environment import load
from tests.conftest import PROJECT, Database, free_port, wait_until

# In the order of loading, which is not the order of codes; one with what a file's name may hold, two without weather.
CODES = ["USC00300002", "USC00100001", "Zürich / Süd 1", "USC00200003", "EMPTY"]
UNUSUAL, EMPTY = CODES[2], CODES[4]
DAYS = {
    "USC00300002": [dt.date(1999, 12, 30) + dt.timedelta(days=n) for n in range(500)],
    "USC00100001": [dt.date(1985, 1, 1) + dt.timedelta(days=7 * n) for n in range(300)],
    UNUSUAL: [dt.date(2000, 2, 29)],
    "USC00200003": [dt.date(1985, 1, 1), dt.date(1990, 6, 30), dt.date(1990, 7, 1), dt.date(2000, 12, 31)],
}

Item = dict[str, Any]


def item(code: str, number: int, day: dt.date) -> Item:
    """An observation as the API gives it, with values in which each kind of number and of missing value occurs."""

    def value(divisor: int, lowest: int, span: int, missing_every: int) -> float | None:
        return None if number % missing_every == 1 else (lowest + number * 37 % span) / divisor

    return {
        "station_id": code,
        "date": day.isoformat(),
        "max_temp_c": value(10, -300, 650, 5),
        "min_temp_c": value(10, -400, 550, 7),
        "precipitation_mm": value(10, 0, 300, 3),
        "snowfall_mm": None if number % 2 else number % 40,
        "snow_depth_mm": None,
    }


OBSERVATIONS = [item(code, n, day) for code in sorted(DAYS) for n, day in enumerate(DAYS[code])]
"""All observations of the database in the order of the API."""


def tenths(value: float | None) -> int | None:
    """A value in tenths of its unit."""
    return None if value is None else round(value * 10)


COUNT_YEARS = """
INSERT INTO yearly_statistics
SELECT station_id, extract(year FROM date), round(avg(tmax) / 10, 2), round(avg(tmin) / 10, 2),
       round(sum(prcp) / 100.0, 2), count(*), count(tmax), count(tmin), count(prcp)
FROM observation GROUP BY station_id, extract(year FROM date)
"""


@pytest.fixture
def weather(database: Database) -> Database:
    """A database with the observations above, their statistics and the ledger of two passes."""
    fill(database)
    return database


def fill(database: Database) -> None:
    """Put the observations above, their statistics and the ledger of two passes into an empty database."""
    with psycopg.connect(database.url(roles.WORKER)) as connection:
        ids = {
            code: connection.execute("INSERT INTO station (code) VALUES (%s) RETURNING id", [code]).fetchone()[0]  # type: ignore[index]
            for code in CODES
        }
        connection.cursor().executemany(
            "INSERT INTO observation VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [
                [
                    ids[each["station_id"]],
                    each["date"],
                    *(tenths(each[name]) for name in ("max_temp_c", "min_temp_c", "precipitation_mm")),
                    each["snowfall_mm"],
                    each["snow_depth_mm"],
                ]
                for each in OBSERVATIONS
            ],
        )
        connection.execute(COUNT_YEARS)
        record_pass(connection, [("a.txt", "loaded", 805, 0), ("b.html", "failed", 0, 0)], "failed")
        record_pass(connection, [("a.txt", "loaded", 0, 2)], "succeeded")


def record_pass(
    connection: psycopg.Connection[Any], files: list[tuple[str, str, int, int]], status: str = "succeeded"
) -> int:
    """Record a pass with files (uri, status, rows inserted, lines rejected); gives its number."""
    number: int = connection.execute(
        """
        INSERT INTO ingestion (
            trigger, source, generated, status, started_at, finished_at, files_found, files_unchanged
        ) VALUES ('manual', '/weather', false, %s, now(), now(), %s, 0) RETURNING id
        """,
        [status, len(files)],
    ).fetchone()[0]  # type: ignore[index]
    for uri, file_status, inserted, rejected in files:
        file: int = connection.execute(
            """
            INSERT INTO source_file (ingestion_id, uri, version, bytes, status, error, rows_read, rows_inserted,
                rows_updated, rows_unchanged, rows_rejected, rows_duplicate, values_flagged, warnings,
                started_at, finished_at)
            VALUES (%s, %s, 'v1', 10, %s, %s, %s, %s, 0, 0, %s, 0, 0, 0, now(), clock_timestamp()) RETURNING id
            """,
            [
                number,
                uri,
                file_status,
                "not weather" if file_status == "failed" else None,
                inserted + rejected,
                inserted,
                rejected,
            ],
        ).fetchone()[0]  # type: ignore[index]
        for line in range(1, rejected + 1):
            connection.execute(
                "INSERT INTO rejected_line (source_file_id, line, text, reason) VALUES (%s, %s, %s, 'no date')",
                [file, line, f"line {line}"],
            )
    return number


@pytest.fixture
def settings(weather: Database) -> ApiSettings:
    """The settings of the API on that database."""
    return load(ApiSettings, {"WINDSOCK_DATABASE_URL": weather.url(roles.API)})


@pytest.fixture
def application(settings: ApiSettings) -> Iterator[Flask]:
    """The API, within this process."""
    made = create_app(settings)
    yield made
    made.extensions["windsock"].reads.close()


@pytest.fixture
def client(application: Flask) -> FlaskClient:
    """A client of the API within this process."""
    return application.test_client()


Get = Callable[..., Any]


@pytest.fixture
def get(client: FlaskClient) -> Get:
    """A function that gets an address with these parameters, as JSON."""

    def answer(path: str, **parameters: object) -> Any:
        response = client.get(path, query_string=parameters)
        assert response.status_code == 200, response.text
        return response.json

    return answer


@dataclasses.dataclass(frozen=True)
class Served:
    """The API as gunicorn serves it."""

    process: subprocess.Popen[str]
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> tuple[int, Any]:
        """The status and the JSON document of an address."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=30) as response:  # noqa: S310 - our own address
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def logged(self) -> list[dict[str, Any]]:
        """The lines of its log so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


COMMAND = [sys.executable, "-m", "gunicorn", "--config", "app/gunicorn.conf.py", "app:create_app()"]


@pytest.fixture
def serve(weather: Database, tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """A function that starts gunicorn with these variables besides the usual ones, and waits until it answers."""
    with contextlib.ExitStack() as started:
        yield lambda **variables: started.enter_context(
            serving_api({**weather.environment(roles.API), **variables}, tmp_path / "api.log")
        )


@contextlib.contextmanager
def serving_api(environment: Mapping[str, str], log: Path) -> Iterator[Served]:
    """The API with these variables and an address of its own, once it answers; stopped at the end if it still runs."""
    port = free_port()
    variables = {**environment, "WINDSOCK_API_BIND": f"127.0.0.1:{port}"}
    with log.open("w") as output:
        process = subprocess.Popen(COMMAND, env=variables, cwd=PROJECT, stderr=output, stdout=output, text=True)
    served = Served(process, port, log)
    try:
        wait_until(lambda: _answers(served), f"gunicorn answers; see {log}")
        yield served
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _answers(served: Served) -> bool:
    assert served.process.poll() is None, served.log.read_text()
    try:
        return served.get("/health/live")[0] == 200
    except OSError:
        return False
