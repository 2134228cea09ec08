"""Traces of the worker: a pass over a real S3 server and a real database, sent to a real receiver."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.collector import KINDS, Collector, collecting, is_sql, values
from tests.conftest import PROJECT, Database, free_port, wait_until
from tests.integration.ingesting import a_year, environment, observations, start_worker, station_lines

Variables = dict[str, str]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as started:
        yield started


@pytest.fixture
def s3() -> Iterator[tuple[Any, Variables]]:
    """A bucket `weather` with two stations and a page, and the variables of whoever reads it."""
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    variables = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "SECRET-OF-THE-BUCKET",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    client = boto3.client(
        "s3", endpoint_url=variables["AWS_ENDPOINT_URL"], region_name="us-east-1",
        aws_access_key_id="test", aws_secret_access_key="test",
    )  # fmt: skip
    client.create_bucket(Bucket="weather")
    for number in (1, 2):
        lines = station_lines(a_year(2000))
        client.put_object(Bucket="weather", Key=f"wx/USC0000000{number}.txt", Body=lines.encode())
    client.put_object(Bucket="weather", Key="wx/page.txt", Body=b"<!DOCTYPE html><html></html>")
    yield client, variables
    for found in client.list_objects_v2(Bucket="weather").get("Contents", []):
        client.delete_object(Bucket="weather", Key=found["Key"])
    server.stop()


def a_pass(database: Database, source: Path | str, **more: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit status of a pass in a process of its own, and its log."""
    _out, err = (worker := start_worker(database, source, "ingest", **more)).communicate(timeout=120)
    return worker.returncode, [json.loads(line) for line in err.splitlines()]


def test_a_pass_has_its_s3_and_its_sql(database: Database, s3: tuple[Any, Variables], collector: Collector) -> None:
    tracing = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.address, "WINDSOCK_ENVIRONMENT": "tests"}
    status, log = a_pass(database, "s3://weather/wx", **s3[1], **tracing)
    assert status == 1  # for the page
    assert collector.resources[0].items() >= {
        ("service.name", "windsock-worker"),
        ("deployment.environment.name", "tests"),
    }

    (whole,) = collector.named("pass")
    of_pass = collector.of_trace(whole)
    assert {"S3.ListObjectsV2", "S3.PutObject"} <= {span.name for span in of_pass}
    assert any("INTO ingestion" in values(span)["db.statement"] for span in of_pass if is_sql(span))
    told = values(whole)
    assert (told["windsock.trigger"], told["windsock.status"], told["windsock.files_loaded"]) == ("manual", "failed", 2)
    assert whole.status.code == 2

    # The two small files of stations go into one transaction, and so into one trace.
    files = {values(span)["windsock.first"].rsplit("/", 1)[-1]: span for span in collector.named("files")}
    assert {name: values(span)["windsock.files"] for name, span in files.items()} == {
        "USC00000001.txt": 2,
        "page.txt": 1,
    }
    assert {span.links[0].span_id for span in files.values()} == {whole.span_id}
    assert len({span.trace_id for span in [whole, *files.values()]}) == 3
    one = collector.of_trace(files["USC00000001.txt"])
    assert {"S3.GetObject", "copy", "statistics"} <= {span.name for span in one}
    (calculated,) = [span for span in one if span.name == "statistics"]
    (insert,) = [span for span in one if is_sql(span) and "yearly_statistics" in values(span)["db.statement"]]
    assert insert.parent_span_id == calculated.span_id
    assert (files["page.txt"].status.code, files["USC00000001.txt"].status.code) == (2, 0)

    traces = {line["uri"].rsplit("/", 1)[-1]: line["trace_id"] for line in log if "uri" in line}
    stations, page = (files[name].trace_id.hex() for name in ("USC00000001.txt", "page.txt"))
    assert traces == {"USC00000001.txt": stations, "USC00000002.txt": stations, "page.txt": page}
    assert log[-1]["trace_id"] == whole.trace_id.hex()
    for secret in (b"SECRET-OF-THE-BUCKET", b"worker's"):
        assert secret not in collector.received

    s3[0].put_object(Bucket="weather", Key="wx/USC00000001.txt", Body=station_lines(a_year(2000, tmax=7)).encode())
    collector.spans.clear()
    a_pass(database, "s3://weather/wx", **s3[1], **tracing)
    (changed,) = collector.named("files")
    assert "merge" in {span.name for span in collector.of_trace(changed)}


def test_the_share_is_of_files_and_a_pass_is_always_traced(
    database: Database, collector: Collector, tmp_path: Path
) -> None:
    (tmp_path / "USC00000001.txt").write_text(station_lines(a_year(2000)))
    tracing = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.address, "OTEL_TRACES_SAMPLER_ARG": "0"}
    assert a_pass(database, tmp_path, **tracing)[0] == 0
    assert len(collector.named("pass")) == 1
    assert not collector.named("files")
    assert not collector.named("copy")
    assert all(span.kind == KINDS.SPAN_KIND_CLIENT for span in collector.spans if span.name != "pass")


def test_a_schedule_that_is_stopped_has_sent_its_passes(
    database: Database, collector: Collector, tmp_path: Path
) -> None:
    (tmp_path / "USC00000001.txt").write_text(station_lines(a_year(2000)))
    worker = start_worker(
        database, tmp_path, "schedule", WINDSOCK_RUN_AT_START="yes", OTEL_EXPORTER_OTLP_ENDPOINT=collector.address
    )
    ended = "SELECT FROM ingestion WHERE status = 'succeeded'"
    wait_until(lambda: len(database.rows(ended)) == 1, "the pass has ended")
    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=60)
    assert worker.returncode == 0
    (whole,) = collector.named("pass")
    assert values(whole)["windsock.trigger"] == "start"
    assert len(collector.named("files")) == 1


@pytest.mark.parametrize("listens", [False, True], ids=["nothing listens", "it never answers"])
def test_without_a_collector_a_pass_loads_and_says_it_once(database: Database, tmp_path: Path, listens: bool) -> None:
    for number in range(200):  # more spans than may wait to be sent
        (tmp_path / f"USC{number:08d}.txt").write_text(station_lines(a_year(2000)))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1] if listens else free_port()
        status, log = a_pass(database, tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}")
    assert status == 0
    assert len(observations(database)) == 200 * 336
    assert [line["action"] for line in log].count("tracing_failed") <= 1  # none where the pass was over before
    assert not [line for line in log if line["logger"].startswith(("opentelemetry", "urllib3"))]


def test_untraced_means_that_nothing_of_it_is_there(database: Database, tmp_path: Path) -> None:
    (tmp_path / "USC00000001.txt").write_text(station_lines(a_year(2000)))
    program = (
        "import sys, worker.__main__\n"
        "assert worker.__main__.main(['ingest']) == 0\n"
        "print([name for name in sys.modules if 'opentelemetry' in name or name == 'runtime.telemetry'])"
    )
    variables = {name: text for name, text in environment(database, tmp_path).items() if not name.startswith("OTEL_")}
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, env=variables, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.strip()) == (0, "[]"), run.stderr


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "127.0.0.1:4318", "neither http://host nor https://host"),
        ("OTEL_TRACES_SAMPLER_ARG", "5", "not between 0 and 1"),
        ("OTEL_TRACES_SAMPLER_ARG", "much", "could not convert"),
    ],
)
def test_a_malformed_setting_stops_the_start(
    database: Database, tmp_path: Path, name: str, text: str, why: str
) -> None:
    _out, err = (worker := start_worker(database, tmp_path, "ingest", **{name: text})).communicate(timeout=60)
    assert worker.returncode == 2
    assert f"{name} is malformed" in err
    assert why in err
    assert "Traceback" not in err
