"""Traces of the API, as gunicorn serves it: to a real receiver, to one that fails, and to none."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from database import roles
from runtime import telemetry
from tests.collector import KINDS, Collector, collecting, is_sql, values
from tests.conftest import PROJECT, Database, free_port, wait_until
from tests.integration.api.conftest import Served

Serve = Callable[..., Served]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as started:
        yield started


def end(served: Served) -> None:
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(30) == 0


def test_a_request_is_one_trace_with_its_sql(collector: Collector, serve: Serve) -> None:
    served = serve(OTEL_EXPORTER_OTLP_ENDPOINT=collector.address + "/", WINDSOCK_ENVIRONMENT="tests")
    assert served.get("/api/weather?station_id=USC00100001&date=1985-01-01")[0] == 200
    end(served)  # what is not sent yet is sent at the end
    (request,) = collector.named("GET /api/weather")
    assert (request.kind, request.parent_span_id) == (KINDS.SPAN_KIND_SERVER, b"")
    assert values(request)["http.status_code"] == 200
    statements = [span for span in collector.of_trace(request) if is_sql(span)]
    assert "SELECT" in {span.name for span in statements if "FROM observation" in values(span)["db.statement"]}
    assert {span.parent_span_id for span in statements} == {request.span_id}
    assert collector.resources[0].items() >= {
        ("service.name", "windsock-api"),
        ("deployment.environment.name", "tests"),
    }


def test_the_log_names_the_trace(collector: Collector, serve: Serve) -> None:
    served = serve(OTEL_EXPORTER_OTLP_ENDPOINT=collector.address)
    served.get("/api/stations")
    end(served)
    (request,) = collector.named("GET /api/stations")
    (line,) = [line for line in served.logged() if line.get("path") == "/api/stations"]
    assert line["trace_id"] == request.trace_id.hex()
    assert all("trace_id" not in line for line in served.logged() if line.get("path") == "/health/live")


def test_health_checks_and_what_they_ask_are_not_traced(collector: Collector, serve: Serve) -> None:
    served = serve(OTEL_EXPORTER_OTLP_ENDPOINT=collector.address)
    assert served.get("/health/ready")[0] == 200
    assert served.get("/health/live?x=1")[0] == 200
    assert served.get("/api/stations?per_page=1")[0] == 200
    assert served.get("/api/weather?station_id=/health/")[0] == 200
    end(served)
    (stations,), (weather,) = collector.named("GET /api/stations"), collector.named("GET /api/weather")
    assert {span.trace_id for span in collector.spans} == {stations.trace_id, weather.trace_id}


def test_values_stay_here(collector: Collector, serve: Serve) -> None:
    served = serve(OTEL_EXPORTER_OTLP_ENDPOINT=collector.address)
    assert served.get("/api/weather?station_id=NOBODYS-BUSINESS&date=1985-01-01")[0] == 200
    assert served.get("/api/stations/NOBODYS-BUSINESS")[0] == 404
    assert served.get("/api/weather?password=NOBODYS-BUSINESS")[0] == 400
    end(served)
    assert len([span for span in collector.spans if span.kind == KINDS.SPAN_KIND_SERVER]) == 3
    # A path is in the access log too, a query string is not; parameters of statements are nowhere.
    (told,) = [span for span in collector.spans if b"NOBODYS" in span.SerializeToString()]
    assert (told.name, values(told)["http.target"]) == (
        "GET /api/stations/<path:station_id>",
        "/api/stations/NOBODYS-BUSINESS",
    )
    assert b"api's" not in collector.received  # the password


def test_an_error_of_the_database_is_told_without_its_values(
    weather: Database, collector: Collector, serve: Serve
) -> None:
    served = serve(OTEL_EXPORTER_OTLP_ENDPOINT=collector.address)
    assert served.get("/api/stations?per_page=1")[0] == 200
    with weather.cluster.superuser(weather.name) as connection:
        connection.execute("ALTER TABLE observation RENAME TO gone")
    assert served.get("/api/weather?station_id=USC00100001")[0] == 503
    end(served)
    (request,) = collector.named("GET /api/weather")
    (failed,) = [span for span in collector.of_trace(request) if is_sql(span) and span.status.code == 2]
    assert failed.status.message == "UndefinedTable"
    assert [values(event) for event in failed.events] == [{"exception.type": "psycopg.errors.UndefinedTable"}]


def test_strangers_do_not_decide_what_is_traced(collector: Collector, serve: Serve) -> None:
    served = serve(OTEL_EXPORTER_OTLP_ENDPOINT=collector.address, OTEL_TRACES_SAMPLER_ARG="0")
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {
        "traceparent": f"00-{trace}-b7ad6b7169203331-01",
        "X-Amzn-Trace-Id": f"Root=1-{trace[:8]}-{trace[8:]};Parent=b7ad6b7169203331;Sampled=1",
    }
    request = urllib.request.Request(served.url + "/api/stations", headers=headers)  # noqa: S310 - our own address
    urllib.request.urlopen(request).close()  # noqa: S310 - our own address
    end(served)
    assert collector.spans == []


def test_a_collector_that_fails_is_said_once_and_again_when_it_is_back(collector: Collector, serve: Serve) -> None:
    collector.status = 400
    served = serve(OTEL_EXPORTER_OTLP_ENDPOINT=collector.address, WINDSOCK_API_WORKERS="1")
    for asked in range(1, 4):
        assert served.get("/api/stations")[0] == 200
        wait_until(lambda least=asked: collector.requests >= least, "the batch was sent")
    wait_until(lambda: lines(served, "tracing_failed") == 1, "it is said")
    collector.status = 200
    assert served.get("/api/stations")[0] == 200
    wait_until(lambda: lines(served, "tracing_resumed") == 1, "it is said")
    end(served)
    assert (lines(served, "tracing_failed"), lines(served, "tracing_resumed")) == (1, 1)
    assert not [line for line in served.logged() if line["logger"].startswith("opentelemetry")]


def lines(served: Served, action: str) -> int:
    return sum(line.get("action") == action for line in served.logged())


@pytest.mark.parametrize("listens", [False, True], ids=["nothing listens", "it never answers"])
def test_without_a_collector_requests_work_and_the_end_is_soon(serve: Serve, listens: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1] if listens else free_port()
        served = serve(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}", WINDSOCK_API_WORKERS="1")
        for _ in range(telemetry.QUEUE_SPANS // 3):  # more spans than may wait to be sent
            assert served.get("/api/stations?per_page=1")[0] == 200
        end(served)
        assert lines(served, "tracing_failed") == 1
        assert not [line for line in served.logged() if line["logger"].startswith(("opentelemetry", "urllib3"))]


def test_untraced_means_that_nothing_of_it_is_there(weather: Database) -> None:
    program = (
        "import sys, app, flask, psycopg\n"
        "plain = psycopg.connect\n"
        "made = app.create_app()\n"
        "assert made.test_client().get('/api/weather').status_code == 200\n"
        "assert made.wsgi_app._app.__func__ is flask.Flask.wsgi_app and psycopg.connect is plain\n"
        "print([name for name in sys.modules if 'opentelemetry' in name or name == 'runtime.telemetry'])"
    )
    environment = {
        name: value for name, value in weather.environment(roles.API).items() if not name.startswith("OTEL_")
    }
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, env=environment, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.strip()) == (0, "[]"), run.stderr
