"""Hostile files: each ends as rejected lines or as a failed file with a reason, and nothing else is touched."""

from __future__ import annotations

import csv
import http.server
import io
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from app.settings import ApiSettings
from database import roles
from runtime.environment import load
from tests.bucket import SOURCE, bucket, put
from tests.conftest import Database
from tests.integration.ingesting import a_year, ingest, observations, start_worker, station_lines
from tests.resilience.trials import Trial

__all__ = ["bucket"]

GOOD = station_lines(a_year(2000)).encode()


NAMES = [
    "\\..\\..\\etc\\passwd.txt",
    "a....txt",
    "a\nforged line.txt",
    "\x1b[31mred\x1b[0m.txt",
    "\x1b]0;owned\x07.txt",
    "\u202egnp.txt",
    "=HYPERLINK(1).txt",
    "+1.txt",
    "-1.txt",
    "@SUM(1).txt",
    "\uff1d1.txt",
    "\t=1.txt",
    "'; DROP TABLE station; --.txt",
    "$(touch owned).txt",
    "%s%n{0}.txt",
    "x" * 250 + ".txt",
    b"\xff\xfe.txt".decode("utf-8", "surrogateescape"),
]
HARMLESS = {"\\..\\..\\etc\\passwd", "a...", "'; DROP TABLE station; --", "$(touch owned)", "%s%n{0}", "\\xff\\xfe"}


def test_a_name_of_a_file_is_a_name_and_nothing_else(database: Database, tmp_path: Path, trial: Trial) -> None:
    for name in NAMES:
        (tmp_path / name).write_bytes(GOOD[:270])
    (tmp_path / "USC00000001.txt").write_bytes(GOOD)
    outside = sorted(tmp_path.parent.iterdir())
    said = []
    for form in ("json", "text"):
        with start_worker(database, tmp_path, "ingest", "--retry-failed", WINDSOCK_LOG_FORMAT=form) as worker:
            report, log = worker.communicate(timeout=120)
        said.append(log)
        for text in (report, log):
            assert all(char.isprintable() or char == "\n" for char in text), repr(text)
            assert not any(line.startswith("forged line") for line in text.splitlines())
    assert all(isinstance(json.loads(line), dict) for line in said[0].splitlines())
    stations = {str(row[0]) for row in database.rows("SELECT code FROM station")}
    assert "USC00000001" in stations
    assert stations - {"USC00000001"} <= HARMLESS, stations
    failed = database.rows("SELECT DISTINCT uri, error FROM source_file WHERE status = 'failed'")
    assert all("its name is no code of a station" in str(error) for _, error in failed), failed
    assert len(failed) + len(stations) == len(NAMES) + 1
    assert sorted(tmp_path.parent.iterdir()) == outside
    assert not list(Path.cwd().glob("owned"))
    trial.what, trial.times = "names of files: line ends, terminal escapes, formulas, SQL, shell", len(NAMES)
    trial.seen = f"{len(failed)} refused, the rest are names of stations"


FIRST, LAST = b"20000101\t1\t2\t3\n", b"20000103\t1\t2\t3\n"
CONTENTS = {
    "NUL bytes": b"2000\x000102\t1\t2\t3\n\0\0\0\n",
    "huge numbers": b"20000102\t" + b"9" * 5000 + b"\t1\t2\n" + b"9" * 100_000 + b"\t1\t2\t3\n",
    "dates out of range": b"00000000\t1\t2\t3\n99991231\t1\t2\t3\n16991231\t1\t2\t3\n",
    "mixed encodings": b"2000\xff\xfe\t1\t2\t3\n\xef\xbc\x91\t1\t2\t3\n2\x000\x000\x00\n",
    "terminal escapes": b"\x1b[2J\x1b[31m\x07\n20000102\t\x1b]0;owned\x07\t2\t3\n",
}


@pytest.mark.parametrize("what", CONTENTS)
def test_lines_that_are_hostile_are_rejected_and_the_others_loaded(
    database: Database, tmp_path: Path, trial: Trial, what: str
) -> None:
    content = FIRST + CONTENTS[what] + LAST
    (tmp_path / "USC00000001.txt").write_bytes(content)
    done = ingest(database, tmp_path)
    assert (done.status, [row[1] for row in observations(database)]) == ("succeeded", ["2000-01-01", "2000-01-03"])
    kept = database.rows("SELECT line, text, reason FROM rejected_line ORDER BY line")
    assert len(kept) == done.rows_rejected == content.count(b"\n") - 2
    for _, text, reason in kept:
        assert str(text).replace("\t", "").isprintable()
        assert str(reason).isprintable()
        assert len(str(reason)) <= 500
    trial.what, trial.times, trial.seen = f"lines with {what}", len(kept), "each rejected with its reason"


KEYS = ["wx/../../outside.txt", "wx/./../etc/passwd", "wx//etc/passwd", "wx/\\..\\a.txt", "wx/=1.txt"]


def test_a_key_in_s3_leads_nowhere_else(
    database: Database, bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trial: Trial
) -> None:
    monkeypatch.chdir(tmp_path)
    for key in (*KEYS, "wx/USC00000001.txt", "outside.txt", "wx_other/USC00000002.txt"):
        put(bucket, key, GOOD[:270])
    done = ingest(database, SOURCE)
    assert done.files_found == len(KEYS) + 1
    stations = {row[0] for row in observations(database)}
    assert stations == {"USC00000001", "outside", "passwd", "\\..\\a"}  # by the last part of their keys
    assert list(tmp_path.rglob("*")) == []
    written = {one["Key"] for one in bucket.list_objects_v2(Bucket="weather")["Contents"]}
    assert written == {
        *KEYS,
        "wx/USC00000001.txt",
        "outside.txt",
        "wx_other/USC00000002.txt",
        "wx/_windsock/manifest.json",
    }
    trial.what, trial.times = "keys in S3 with .., // and backslashes", len(KEYS)
    trial.seen = "nothing read or written elsewhere"


class Unprintable(http.server.BaseHTTPRequestHandler):
    """An S3 that lists, and has, a good file and some whose keys moto does not take."""

    KEYS = ("wx/USC00000001.txt", "wx/a%00b.txt", "wx/a%0Aforged.txt", "wx/%1B[31m.txt")

    def do_GET(self) -> None:
        entries = "".join(
            f"<Contents><Key>{key}</Key><Size>{len(GOOD)}</Size><ETag>v1</ETag>"
            "<LastModified>2025-01-01T00:00:00.000Z</LastModified></Contents>"
            for key in self.KEYS
        )
        listing = f"<ListBucketResult><EncodingType>url</EncodingType>{entries}</ListBucketResult>".encode()
        body = listing if "list-type=2" in self.path else GOOD
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.send_response(404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_key_that_cannot_be_stored_keeps_no_other_file_from_being_loaded(
    database: Database, monkeypatch: pytest.MonkeyPatch, trial: Trial
) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Unprintable) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        done = ingest(database, SOURCE, WINDSOCK_S3_ANONYMOUS="yes")
        server.shutdown()
    assert (done.files_found, done.files_loaded, done.files_failed) == (4, 2, 2)
    assert {row[0] for row in observations(database)} == {"USC00000001", r"a\x00b"}
    trial.what, trial.times = "keys in S3 with NUL, line ends, terminal escapes", 3
    trial.seen = "stored escaped or refused; the others are loaded"


STATIONS = (
    b"USC00000001  40.5000  -90.5000  200.0 IL =HYPERLINK(1)                  GSN     72530\n"
    b"USC00000002  40.5000  -90.5000  200.0 -1 GOOD NAME                              72530\n"
    b"USC00000003  40.5000  -90.5000  200.0 IL GOOD NAME                              @SUM\n"
    b'USC00000004  40.5000  -90.5000  200.0 IL GOOD, "NAME"                           72530\n'
)
SUMMARIES = (
    b"STATION,DATE,TMAX\n=1+1,2000-01-01,1\n@A,2000-01-01,1\n-A,2000-01-01,1\n+A,2000-01-01,1\nGOOD,2000-01-01,-1\n"
)


def test_no_cell_of_a_csv_download_is_a_formula(database: Database, tmp_path: Path, trial: Trial) -> None:
    (tmp_path / "ghcnd-stations.txt").write_bytes(STATIONS)
    (tmp_path / "summaries.csv").write_bytes(SUMMARIES)
    for name in NAMES:
        (tmp_path / name).write_bytes(GOOD[:270])
    ingest(database, tmp_path, WINDSOCK_DAILY_SUMMARIES_UNITS="metric")
    client = create_app(load(ApiSettings, {"WINDSOCK_DATABASE_URL": database.url(roles.API)})).test_client()
    cells = 0
    for path in (
        "/api/stations?include_empty=true&format=csv",
        "/api/weather?format=csv",
        "/api/weather/stats?format=csv",
    ):
        for row in csv.reader(io.StringIO(client.get(path).text)):
            for cell in row:
                cells += 1
                number = cell.removeprefix("-").replace(".", "", 1).isdigit()
                assert number or not cell.startswith(tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")), cell
    codes = {row[0] for row in database.rows("SELECT code FROM station")}
    assert {"USC00000004", "GOOD"} <= codes
    assert not {"USC00000001", "USC00000002", "USC00000003"} & codes
    trial.what, trial.times, trial.seen = (
        "formulas as names and codes of stations",
        14,
        f"none among {cells} cells of CSV",
    )
