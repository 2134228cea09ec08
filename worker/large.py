"""Files with more rows than are held in memory: stored while they are read."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from worker import statistics
from worker.formats.batch import Batch
from worker.ledger import Connection
from worker.outcome import Outcome, Stored
from worker.rows import ROWS_OF_A_STATION, Collector, Rows
from worker.staging import Staging
from worker.store import Stations, copy_part, lock_out_others

T = TypeVar("T")


def store_new(
    connection: Connection, stations: Stations, collector: Collector, batches: Iterable[Batch], outcome: Outcome
) -> Stored:
    """Store what was collected of a file and all that follows, supposing that all its rows are new.

    They are copied straight into the table, which takes half of the time of `store_any`.

    Raises:
        psycopg.errors.UniqueViolation: the database has some of the rows already, or the file has them twice.
    """
    lock_out_others(connection)
    stored = Stored()
    with contextlib.closing(_ahead(_parts(collector, batches, outcome))) as parts:
        for rows in parts:
            if len(rows.day):
                copy_part(connection, rows, stations)
                stored.inserted += len(rows.day)
    statistics.calculate(connection)
    return stored


def store_any(
    connection: Connection, stations: Stations, collector: Collector, batches: Iterable[Batch], outcome: Outcome
) -> Stored:
    """Store what was collected of a file and all that follows, whatever the database has of it."""
    staging = Staging(connection, stations)
    collector.drain(staging.add)
    with contextlib.closing(_ahead(iter(batches))) as coming:
        for batch in coming:
            staging.add(batch)
    reduced = staging.store()
    outcome.put_together(reduced)
    return reduced.stored


def _parts(collector: Collector, batches: Iterable[Batch], outcome: Outcome) -> Iterator[Rows]:
    """What was collected and what follows, put together as much at a time as was collected; no day is in two parts."""
    room = collector.size + len(collector.stations) * ROWS_OF_A_STATION
    for batch in batches:
        if not collector.add(batch, room):
            rest = collector.add_rest_of_day(batch)
            yield _put_together(collector, outcome)
            collector = Collector()
            collector.add(rest, sys.maxsize)
    yield _put_together(collector, outcome)


def _put_together(collector: Collector, outcome: Outcome) -> Rows:
    rows = collector.rows()
    outcome.put_together(rows)
    return rows


def _ahead(items: Iterator[T]) -> Generator[T]:
    """The items, each made by a thread of its own while the one before it is dealt with."""
    with ThreadPoolExecutor(1, thread_name_prefix="read") as reading:
        coming = reading.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = reading.submit(next, items, None)
            yield item
