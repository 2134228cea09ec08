"""Rows into the tables, by each of the ways there are."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from database import roles
from tests.conftest import Database
from tests.integration.ingesting import ingest
from tests.unit.test_rows import batch_of, collected, lines
from worker import copy, store
from worker.formats.batch import MISSING
from worker.ledger import Connection
from worker.report import ProgressBar, print_report
from worker.staging import Staging
from worker.store import Stations, store_rows

# The database is emptied by rolling back, so that one serves all examples.
shared_database = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with psycopg.connect(database.url(roles.WORKER)) as opened:
        yield opened


def content(connection: Connection) -> list[Any]:
    return connection.execute(
        "SELECT code, date, tmax, tmin, prcp, snow, snwd FROM observation "
        "JOIN station ON station.id = station_id ORDER BY code, date"
    ).fetchall()


def statistics(connection: Connection) -> list[Any]:
    return connection.execute(
        b"SELECT code, year, days, max_temp_days, avg_max_temp_c FROM yearly_statistics "
        b"JOIN station ON station.id = station_id ORDER BY code, year"
    ).fetchall()


@shared_database
@given(before=lines, found=lines, cut=st.integers(0, 12))
def test_memory_and_the_server_put_a_file_together_alike(
    connection: Connection,
    before: list[tuple[int, int, tuple[int, ...]]],
    found: list[tuple[int, int, tuple[int, ...]]],
    cut: int,
) -> None:
    results = []
    connection.rollback()  # what an example that failed has left
    for staged in (False, True):
        stations = Stations()
        rows = collected([batch_of(before)])
        store_rows(connection, [rows], stations)
        if staged:
            staging = Staging(connection, stations)
            staging.add(batch_of(found[:cut]))
            staging.add(batch_of(found[cut:], cut + 1))
            reduced = staging.store()
            stored, warnings, superseded = reduced.stored, reduced.warnings, reduced.superseded
            duplicates, contradicted = reduced.duplicates, reduced.contradicted
        else:
            rows = collected([batch_of(found)])
            [stored] = store_rows(connection, [rows], stations)
            duplicates, contradicted, superseded = rows.duplicates, len(rows.superseded), rows.superseded
            warnings = rows.warnings
        results.append(
            (
                (stored.inserted, stored.updated, stored.unchanged),
                # The server counts the lines of a day that follow each other as one.
                (contradicted > 0, duplicates + contradicted > 0, bool(superseded), warnings),
                content(connection),
                statistics(connection),
            )
        )
        connection.rollback()
    assert results[0] == results[1]


@shared_database
@given(before=lines, found=lines)
def test_few_rows_and_many_are_merged_alike(
    connection: Connection,
    before: list[tuple[int, int, tuple[int, ...]]],
    found: list[tuple[int, int, tuple[int, ...]]],
) -> None:
    results = []
    for limit in (1_000, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store, "ROWS_AS_PARAMETERS", limit)
            stations = Stations()
            for part in (before, found):
                rows = collected([batch_of(part)])
                [stored] = store_rows(connection, [rows], stations)
            results.append((stored, content(connection), statistics(connection)))
        connection.rollback()
    assert results[0] == results[1]


smallints = st.one_of(st.just(int(MISSING)), st.integers(-32767, 32767))


@shared_database
@given(
    st.lists(
        st.tuples(st.integers(-(2**31), 2**31 - 1), st.integers(-90_000, 90_000), smallints, smallints), max_size=9
    )
)
def test_what_is_copied_is_what_is_there(connection: Connection, rows: list[tuple[int, int, int, int]]) -> None:
    connection.execute(
        "CREATE TEMPORARY TABLE copied (station_id integer, date date, a smallint, b smallint, line bigint)"
    )
    station, day, first, second = (np.array([row[number] for row in rows], np.int64) for number in range(4))
    blocks = copy.binary_rows(
        station.astype(np.int32),
        day.astype(np.int32),
        [first.astype(np.int16), second.astype(np.int16)],
        int(MISSING),
        [np.arange(len(rows), dtype=np.int64) << 33],
    )
    store.copy_rows(connection, "copied", ["a", "b", "line"], blocks)
    found = connection.execute("SELECT station_id, date - date '1970-01-01', a, b FROM copied ORDER BY line").fetchall()
    assert found == [
        tuple(None if value == MISSING and at > 1 else value for at, value in enumerate(row)) for row in rows
    ]
    connection.rollback()


def test_stations_of_a_transaction_that_was_rolled_back_are_forgotten(connection: Connection) -> None:
    stations = Stations()
    with stations.transaction(), connection.transaction():
        stations.ids(connection, ["A"])
        with contextlib.suppress(KeyError), stations.transaction(), connection.transaction():
            stations.ids(connection, ["B"])
            raise KeyError
        stations.ids(connection, ["B"])
    with contextlib.suppress(KeyError), stations.transaction(), connection.transaction():
        stations.ids(connection, ["A", "C"])
        raise KeyError
    numbers = stations.ids(connection, ["A", "B", "C"]).tolist()
    found = connection.execute("SELECT id FROM station ORDER BY code").fetchall()
    assert found == [(number,) for number in numbers]


def test_the_list_of_stations(database: Database, tmp_path: Any) -> None:
    path = tmp_path / "ghcnd-stations.txt"
    line = f"USC00110072  41.1947  -90.7442  224.6 IL {'ALEDO':<30}     HCN 72528\n"
    path.write_text(line + line.replace("USC00110072", "USC00110073") + line.replace("41.1947", " bad   "))
    done = ingest(database, tmp_path)
    assert (done.rows_read, done.rows_inserted, done.rows_rejected) == (3, 2, 1)
    path.write_text(line.replace("ALEDO", "ALEDA") + line.replace("USC00110072", "USC00110073"))
    done = ingest(database, tmp_path)
    assert (done.rows_inserted, done.rows_updated, done.rows_unchanged) == (0, 1, 1)
    assert database.rows("SELECT name, latitude, state, wmo_id FROM station ORDER BY code") == [
        ("ALEDA", 41.1947, "IL", "72528"),
        ("ALEDO", 41.1947, "IL", "72528"),
    ]


def test_the_report_says_what_a_person_wants_to_know(database: Database, tmp_path: Any) -> None:
    (tmp_path / "USC00000001.txt").write_text("20000101\t   10\t   20\t    0\n20000101\t   10\t   20\t    0\nx\n")
    (tmp_path / "page.txt").write_text("<html></html>")
    (tmp_path / "days.csv").write_text("USC00000002,20000101,SNOW,12,,X,0,\n")
    (tmp_path / "_windsock").mkdir()
    (tmp_path / "_windsock" / "sample.json").write_text("{}")
    done = ingest(database, tmp_path)
    shown = io.StringIO()
    print_report(done, Console(file=shown, width=160))
    for said in (
        f"Ingestion {done.id} failed",
        "generated by `worker sample`: this is no real weather",
        "2 loaded, 0 unchanged, 1 failed (of 3)",
        "4 read, 1 rejected, 1 repeated",
        "2 new, 0 changed, 0 as they were",
        "1 values that failed a quality check of their source",
        "1 days have a maximum below their minimum; they were loaded",
        "2000-01-01 to 2000-01-01",
        "page.txt: it is an HTML page",
    ):
        assert said in shown.getvalue()
    shown = io.StringIO()
    print_report(ingest(database, tmp_path), Console(file=shown, width=160))
    assert "--retry-failed" in shown.getvalue()


def test_the_progress_bar_takes_all_that_a_pass_tells_it(database: Database, tmp_path: Any) -> None:
    bar = ProgressBar()
    bar.advance(10)
    bar.found(0, 0)
    bar.found(1, 100)
    bar.found(1, 100)
    bar.advance(50)
    (tmp_path / "USC00000001.txt").write_text("20000101\t   10\t   20\t    0\n")
    assert ingest(database, tmp_path).files_loaded == 1
    bar.end()
