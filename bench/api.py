"""The API: pages against FastAPI in three ways, what is not sent again, the last page, CSV against COPY, the start."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence

from bench.context import Bench
from bench.http_load import Load, load, request
from bench.results import Figure, ratios, timed
from bench.server import Server
from bench.services import REFERENCES, Service, api, reference

# Rates are compared in short turns, several for each run: two shared cores change from minute to minute.
TURN_S, TURNS = 1.0, 3
# Of the rate of each reference, at this many rows.
LIMITS = {
    100: {"plain": 3.5, "tuned": 1.0, "fastest": 0.75},
    1000: {"plain": 9.0, "tuned": 1.9, "fastest": 0.85},
}
MEMORY_LIMIT_MB = 90
DOWNLOAD_MEMORY_LIMIT_MB = 20
_COPY = """
    COPY (SELECT s.code, o.date, o.tmax / 10::float8, o.tmin / 10::float8, o.prcp / 10::float8, o.snow, o.snwd
          FROM observation AS o JOIN station AS s ON s.id = o.station_id)
    TO STDOUT (FORMAT csv)
"""


def measure(bench: Bench) -> Iterator[Figure]:
    """The figures of the API over the weather files."""
    server, runs = bench.server, bench.runs
    bench.first_load(bench.weather)
    with api(server) as ours:
        codes = [row["station_id"] for row in json.loads(ours.get("/api/stations?per_page=1000")[1])["data"]]
        with contextlib.ExitStack() as stack:
            references = {name: stack.enter_context(reference(server, name)) for name in REFERENCES}
            for rows, limits in LIMITS.items():
                yield from _pages(ours, references, codes, rows, limits, runs)
        yield from _unchanged(ours, codes, runs)
        yield from _last_page(ours, runs)
        yield from _total(server, ours)
        yield Figure("memory of an API process", "MB", [ours.largest_mb()], "at most", MEMORY_LIMIT_MB)
    with api(server, processes=1) as ours:
        yield from _download(server, ours, runs)
    yield from _start(server, runs)


def _pages(
    ours: Service,
    references: Mapping[str, Service],
    codes: Sequence[str],
    rows: int,
    limits: Mapping[str, float],
    runs: int,
) -> Iterator[Figure]:
    """Rates of the first pages of all stations. Every service has answered each of them before, with the same bytes."""
    paths = [f"/api/weather?station_id={code}&per_page={rows}" for code in codes]
    for path in paths:
        bodies = {service.get(path, each)[1] for service in (ours, *references.values()) for each in (0, 1)}
        if len(bodies) != 1:
            raise RuntimeError(f"{path}: a reference does not give the API's answer")
    requests = [request(path) for path in paths]
    loads: dict[str, list[Load]] = {name: [] for name in ("ours", *references)}
    cpu: dict[str, list[float]] = {name: [] for name in loads}
    for _ in range(TURNS * runs):
        for name, service in {"ours": ours, **references}.items():
            before = service.cpu_s()
            loads[name].append(load(service.ports, requests, TURN_S))
            cpu[name].append((service.cpu_s() - before) / loads[name][-1].requests * 1e6)
    what = f"GET /api/weather, {rows} rows"
    for name, limit in limits.items():
        rates = [mine.rate / theirs.rate for mine, theirs in zip(loads["ours"], loads[name], strict=True)]
        yield Figure(what, f"rate of FastAPI, {REFERENCES[name]}", rates, "at least", limit)
    # The rates bend with what else the machine does, and the load takes its part of it; the CPU does so much less.
    for name in loads:
        yield Figure(f"{what}: {REFERENCES.get(name, 'the API')}", "µs of CPU a request", cpu[name])
    client = [each.client_cpu_s / each.requests * 1e6 for all_of_one in loads.values() for each in all_of_one]
    yield Figure(f"{what}: the load itself", "µs of CPU a request", client)


def _unchanged(ours: Service, codes: Sequence[str], runs: int) -> Iterator[Figure]:
    paths = [f"/api/weather?station_id={code}&per_page=100" for code in codes]
    tag = ours.get(paths[0])[0]["ETag"]
    sent = [request(path) for path in paths]
    kept = [request(path, f"If-None-Match: {tag}\r\n") for path in paths]
    values = []
    for _ in range(TURNS * runs):
        whole = load(ours.ports, sent, TURN_S)
        empty = load(ours.ports, kept, TURN_S, status=304)
        values.append(empty.rate / whole.rate)
    yield Figure("304, nothing has changed", "rate of a page of 100 rows", values, "at least", 1.7)


def _last_page(ours: Service, runs: int) -> Iterator[Figure]:
    """The last full page by cursor against the first, one request after the other."""
    pages = json.loads(ours.get("/api/weather")[1])["pagination"]["total_pages"]
    cursor = json.loads(ours.get(f"/api/weather?page={pages - 2}")[1])["pagination"]["next_cursor"]
    first, last = [request("/api/weather")], [request(f"/api/weather?cursor={cursor}")]

    def seconds(requests: Sequence[bytes]) -> float:
        return 1 / load(ours.ports[:1], requests, TURN_S, connections=1).rate

    seconds(last)
    values = [1 / value for value in ratios(lambda: seconds(first), lambda: seconds(last), runs)]
    yield Figure("last full page by cursor", "time of the first page", values, "at most", 1.2)


def _total(server: Server, ours: Service) -> Iterator[Figure]:
    """What PostgreSQL reads of the table for the number of all its rows."""
    query = """
        SELECT sum(seq_scan), sum(seq_tup_read) + sum(idx_tup_fetch) FROM pg_stat_user_tables
        WHERE relname = 'observation'
    """
    asked = 100

    def read() -> tuple[int, int]:
        with server.connect() as connection:
            scans, rows = connection.execute(query).fetchone() or (0, 0)
        return int(str(scans)), int(str(rows))

    settle_s = 11.0  # PostgreSQL's processes report what they have read when they have been idle for ten seconds
    time.sleep(settle_s)
    scans, rows = read()
    for _ in range(asked):
        ours.get("/api/weather?per_page=100")
    time.sleep(settle_s)
    scans_after, rows_after = read()
    what = "total_items without a filter"
    yield Figure(what, "scans of the table in 100 pages", [scans_after - scans], "at most", 0)
    yield Figure(what, "rows read for each row shown", [(rows_after - rows) / asked / 100], "at most", 1.1)


def _download(server: Server, ours: Service, runs: int) -> Iterator[Figure]:
    def bare_copy() -> float:
        with server.connect() as connection, connection.cursor().copy(_COPY) as copy:
            return timed(lambda: [None for _ in copy])

    before = ours.largest_mb()
    with _peak(ours) as peaks:
        values = [1 / value for value in ratios(bare_copy, lambda: timed(lambda: _everything(ours)), runs)]
    yield Figure("CSV of everything", "time of COPY TO STDOUT of the same rows, in no order", values, "at most", 2.0)
    added = max(peaks) - before
    yield Figure("memory that such downloads add", "MB", [added], "at most", DOWNLOAD_MEMORY_LIMIT_MB)


def _everything(ours: Service) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", ours.ports[0])
    with contextlib.closing(connection):
        connection.request("GET", "/api/weather?format=csv")
        response = connection.getresponse()
        lines = -1  # the header
        while block := response.read(1_048_576):
            lines += block.count(b"\n")
    if lines != int(response.headers["X-Total-Count"]):
        raise RuntimeError(f"a download had {lines} rows of {response.headers['X-Total-Count']}")


@contextlib.contextmanager
def _peak(ours: Service) -> Iterator[list[float]]:
    """The sizes of the service in MB, looked at ten times a second."""
    sizes, stop = [ours.largest_mb()], threading.Event()

    def look() -> None:
        while not stop.wait(0.1):
            sizes.append(ours.largest_mb())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield sizes
    finally:
        stop.set()
        thread.join()


def _start(server: Server, runs: int) -> Iterator[Figure]:
    seconds = []
    for _ in range(runs):
        with api(server, processes=1) as ours:
            ours.get("/api/weather")
            seconds.append(ours.cpu_s())
    yield Figure("start to the first answer, gunicorn and one process", "s of CPU", seconds, "at most", 1.0)
