"""The API as gunicorn serves it: signals, downloads that break, a database that goes away, the log."""

from __future__ import annotations

import contextlib
import http.client
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable

import psycopg
import pytest

from database import roles
from tests.conftest import PROJECT, Database, free_port, wait_until
from tests.integration.api.conftest import COMMAND, Served, record_pass

Serve = Callable[..., Served]

MANY = 600_000  # rows: far more than what fits into the buffers between the server and its client
DOWNLOAD = "/api/weather?format=csv&station_id=EMPTY"


@pytest.fixture
def much(weather: Database) -> Database:
    """The database with a station of very many days."""
    with psycopg.connect(weather.url(roles.WORKER)) as connection:
        connection.execute(
            "INSERT INTO observation (station_id, date, tmax) SELECT 5, date '0400-01-01' + n, n %% 400 "
            "FROM generate_series(1, %s) AS n",
            [MANY],
        )
        connection.execute(
            "INSERT INTO yearly_statistics SELECT 5, extract(year FROM date), 0, 0, 0, count(*), 0, 0, 0 "
            "FROM observation WHERE station_id = 5 GROUP BY extract(year FROM date)"
        )
        record_pass(connection, [("much.txt", "loaded", MANY, 0)])
    return weather


def download(served: Served) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse, bytes]:
    """Begin a download, and take only the beginning of it."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port)
    connection.sock = socket.socket()
    connection.sock.settimeout(30)
    # Else the client's system may take all of it, whether the client does or not.
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 262_144)
    connection.sock.connect(("127.0.0.1", served.port))
    connection.request("GET", DOWNLOAD)
    response = connection.getresponse()
    assert (response.status, response.headers["X-Total-Count"]) == (200, str(MANY))
    return connection, response, response.read(1000)


def downloads_in_the_database(database: Database) -> int:
    rows = database.rows(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'windsock-api-download' "
        "AND datname = current_database() AND state <> 'idle'"
    )
    return int(str(rows[0][0]))


@pytest.mark.usefixtures("much")
def test_a_request_in_flight_is_finished_after_sigterm(serve: Serve) -> None:
    served = serve(WINDSOCK_API_GRACEFUL_TIMEOUT="30")
    _connection, response, beginning = download(served)
    served.process.send_signal(signal.SIGTERM)
    wait_until(lambda: "Handling signal: term" in served.log.read_text(), "the signal has come")
    assert served.process.poll() is None
    lines = (beginning + response.read()).splitlines()
    assert len(lines) == MANY + 1
    assert served.process.wait(30) == 0


def test_a_download_that_breaks_does_not_look_complete(much: Database, serve: Serve) -> None:
    served = serve()
    _connection, response, _beginning = download(served)
    with much.cluster.superuser() as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'windsock-api-download'"
        ).fetchall()
    assert ended
    with pytest.raises(http.client.IncompleteRead):
        response.read()
    wait_until(lambda: any(line.get("complete") is False for line in served.logged()), "the log says so")
    assert any(line["message"] == "download broken off" for line in served.logged())
    assert served.get("/api/weather")[0] == 200


def test_a_download_that_takes_too_long_is_broken_off(much: Database, serve: Serve) -> None:
    served = serve(WINDSOCK_API_STREAM_TIMEOUT="1")
    _connection, response, _beginning = download(served)
    time.sleep(1.2)
    with pytest.raises(http.client.IncompleteRead):
        response.read()
    wait_until(lambda: downloads_in_the_database(much) == 0, "the database is no longer asked")


def test_a_client_that_takes_nothing_is_given_up(much: Database, serve: Serve) -> None:
    served = serve(WINDSOCK_API_STALLED_TIMEOUT="1")
    connection, _response, _beginning = download(served)
    wait_until(lambda: any(line.get("complete") is False for line in served.logged()), "the log says so")
    wait_until(lambda: downloads_in_the_database(much) == 0, "the connection is free again")
    connection.close()


def test_a_client_that_goes_away_frees_the_connection(much: Database, serve: Serve) -> None:
    served = serve()
    connection, response, _beginning = download(served)
    response.close()
    connection.close()
    wait_until(lambda: downloads_in_the_database(much) == 0, "the connection is free again")


@pytest.mark.usefixtures("much")
def test_downloads_leave_pages_and_health_alone(serve: Serve) -> None:
    served = serve(WINDSOCK_API_WORKERS="1", WINDSOCK_API_STREAMS="2")
    open_downloads = [download(served) for _ in range(2)]
    assert served.get("/api/weather")[0] == 200
    assert served.get("/health/ready")[0] == 200
    status, problem = served.get(DOWNLOAD)
    assert (status, problem["detail"]) == (503, "Too many downloads are running.")
    for connection, response, _beginning in open_downloads:
        response.close()
        connection.close()


def test_the_api_goes_on_when_the_database_comes_back(weather: Database, serve: Serve) -> None:
    served = serve()
    assert served.get("/api/weather")[0] == 200
    with weather.cluster.superuser() as connection:
        connection.execute(f"ALTER DATABASE {weather.name} ALLOW_CONNECTIONS false".encode())
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [weather.name])
        wait_until(lambda: served.get("/api/weather")[0] == 503, "what the API held for a second is forgotten")
        assert served.get("/health/ready")[0] == 503
        assert served.get("/health/live")[0] == 200
        connection.execute(f"ALTER DATABASE {weather.name} ALLOW_CONNECTIONS true".encode())
    for _ in range(10):
        assert served.get("/api/weather")[0] == 200
    assert served.process.poll() is None


def test_each_request_is_one_line_of_the_log(serve: Serve) -> None:
    served = serve()
    path = "/api/stations/a%0D%0A%7B%22status%22%3A200%7D%1B%5B31m"
    request = urllib.request.Request(  # noqa: S310 - our own address
        f"{served.url}{path}", headers={"X-Request-ID": "test-1", "User-Agent": 'a "browser" \t\xe9'}
    )
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(request)  # noqa: S310 - our own address
    assert served.get("/api/weather?station_id=secret")[0] == 200
    wait_until(lambda: any(line.get("path") == "/api/weather" for line in served.logged()), "both are logged")
    lines = [line for line in served.logged() if line["logger"] == "windsock.access"]
    (logged,) = [line for line in lines if line["request_id"] == "test-1"]
    assert (logged["method"], logged["status"], logged["complete"]) == ("GET", 404, True)
    assert logged["path"] == '/api/stations/a\\r\\n{"status":200}\\x1b[31m'
    assert logged["ms"] > 0
    assert logged["bytes"] > 0
    assert logged["user_agent"].startswith('a "browser"')
    assert "secret" not in served.log.read_text()


def test_the_log_for_people_cannot_be_forged_either(serve: Serve) -> None:
    served = serve(WINDSOCK_LOG_FORMAT="text")
    assert served.get("/api/stations/a%0D%0A12:00:00%20INFO%20forged%1B%5B31m")[0] == 404
    wait_until(lambda: "forged" in served.log.read_text(), "it is logged")
    (line,) = [line for line in served.log.read_text().splitlines() if "forged" in line]
    assert "GET /api/stations/a\\r\\n12:00:00 INFO forged\\x1b[31m 404 in" in line


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"WINDSOCK_DATABASE_URL": ""}, "WINDSOCK_DATABASE_URL is not set"),
        ({"WINDSOCK_API_BIND": "8000"}, "WINDSOCK_API_BIND is malformed (not host:port)"),
        ({"WINDSOCK_API_THREADS": "many", "WINDSOCK_API_STREAMS": "0"}, "WINDSOCK_API_STREAMS is malformed"),
    ],
)
def test_a_bad_setting_stops_the_start_with_its_name(weather: Database, variables: dict[str, str], said: str) -> None:
    assert said in failed_start(weather, variables)


def test_a_port_that_is_taken_stops_the_start(weather: Database) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        said = failed_start(weather, {"WINDSOCK_API_BIND": f"127.0.0.1:{port}"})
    assert f"cannot listen on 127.0.0.1:{port} (WINDSOCK_API_BIND): Address already in use" in said


def failed_start(database: Database, variables: dict[str, str]) -> str:
    environment = {**database.environment(roles.API), **variables}
    result = subprocess.run(
        COMMAND, env=environment, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    return result.stdout + result.stderr


def test_clients_that_are_gone_wait_for_no_thread(serve: Serve, weather: Database) -> None:
    served = serve(WINDSOCK_API_WORKERS="1", WINDSOCK_API_THREADS="2")
    pages = [threading.Thread(target=served.get, args=["/api/weather"]) for _ in range(4)]
    with psycopg.connect(weather.url(roles.OWNER)) as connection:
        connection.execute("LOCK TABLE observation")
        for page in pages:
            page.start()
        # Each on a connection of its own that the client closes; more than a process of gunicorn's has at a time.
        for _ in range(1_100):
            check = http.client.HTTPConnection("127.0.0.1", served.port, timeout=5)
            check.request("GET", "/health/live")
            assert check.getresponse().status == 200
            check.close()
    for page in pages:
        page.join()


def test_clients_that_do_not_close_hold_up_nobody(serve: Serve) -> None:
    served = serve(WINDSOCK_API_WORKERS="1")
    request = b"GET /health/live HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=10)) for _ in range(20)
        ]
        for client in clients:
            client.sendall(request)
        for client in clients:
            assert client.makefile("rb").read().startswith(b"HTTP/1.1 200 ")
        clients[-1].sendall(b"more than was asked for" * 1000)
        assert served.get("/health/live")[0] == 200
        assert clients[-1].recv(1) == b"", "what comes after the end is taken, and nothing is reset"
