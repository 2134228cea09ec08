"""One file into the database, in one transaction: its rows, their statistics and the ledger's entry, or nothing."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import numpy as np
import psycopg

from worker.formats import ReadOptions, UnrecognisedFileError, ghcn_stations
from worker.formats.batch import Batch
from worker.formats.pieces import UnreadableFileError
from worker.ledger import FILE_LOCK, Connection, Known, Outcome, known_files, now, record, still_modified_at
from worker.reading import WeatherFile
from worker.rows import Collector
from worker.sources import FileUnavailableError, ListedFile, Source
from worker.staging import Staging
from worker.store import Stations, Stored, lock_out_bulk, store_rows, store_stations

# About 150 bytes a row while they are put together, in each of the jobs. A hundred years of one station are 36,500
# days: with a row for each of five elements, 182,500.
ROWS_IN_MEMORY = 185_000

Advance = Callable[[int], None]
"""Told of the bytes read since the last call. Called between pieces, so it may also raise to stop a load."""


class StoppedError(Exception):
    """The pass was asked to stop; what was not finished has been rolled back."""


class Loader:
    """Loads the files of one source, one after the other, over one connection."""

    def __init__(self, source: Source, options: ReadOptions, ingestion_id: int) -> None:
        self._source = source
        self._options = options
        self._ingestion_id = ingestion_id
        self._stations = Stations()

    def load(self, connection: Connection, file: ListedFile, known: Known | None, advance: Advance) -> Outcome | None:
        """Load what is new in a file and record what became of it.

        Returns None where there was nothing to do: another pass is at this file or has just loaded it, or it was only
        touched.

        Raises:
            StoppedError: by `advance`; nothing of the file has been kept.
            psycopg.Error: the database is gone; nothing of the file has been kept.
        """
        outcome = Outcome(file, started_at=now(), version=file.version or _unread_version(file))
        try:
            with connection.transaction():
                return self._load(connection, file, known, advance, outcome)
        except (UnreadableFileError, UnrecognisedFileError) as error:
            return self._record_failure(connection, outcome, "failed", str(error))
        except FileUnavailableError as error:
            return self._record_failure(connection, outcome, "interrupted", str(error))
        except psycopg.Error as error:
            if connection.broken or connection.closed:
                raise
            return self._record_failure(connection, outcome, "interrupted", f"the database refused it: {error}")
        finally:
            self._stations.rolled_back()

    def _load(
        self, connection: Connection, file: ListedFile, known: Known | None, advance: Advance, outcome: Outcome
    ) -> Outcome | None:
        # A commit that waits for the disk costs more than a file of ten thousand rows. A crash of the server may undo
        # the last moment's files, their ledger entries with them, so that the next pass loads them again; the end of
        # the pass is committed to the disk, and all before it.
        locked = connection.execute(
            "SELECT pg_try_advisory_xact_lock(%s, hashtext(%s)), set_config('synchronous_commit', 'off', true), "
            # All look-ups here go by an index. In a table that has just been filled the planner cannot know that.
            "set_config('enable_seqscan', 'off', true)",
            (FILE_LOCK, file.uri),
        ).fetchone()
        assert locked is not None
        if not locked[0]:
            return None
        newest = known_files(connection, [file.uri]).get(file.uri)
        if newest != known:
            return None  # another pass was faster
        weather = WeatherFile(self._source, file, known, self._options)
        try:
            if weather.unchanged:
                assert known is not None
                still_modified_at(connection, known, file.modified_at, file.version or known.version)
                return None
            stored = self._store(connection, weather, outcome, advance)
        finally:
            weather.close()
        outcome.size, outcome.sha256 = weather.size, weather.sha256()
        outcome.version = file.version or outcome.sha256
        outcome.rows_inserted, outcome.rows_updated = stored.inserted, stored.updated
        outcome.rows_unchanged = stored.unchanged
        # A line of `.dly` may be rejected for some of its days, more than once, and be loaded for the others.
        if outcome.rows_read and outcome.rows_rejected >= outcome.rows_read and outcome.first_date is None:
            first = outcome.rejected[0]
            raise UnreadableFileError(
                f"none of its {outcome.rows_read:,} lines could be read; line {first.line}: {first.reason}"
            )
        record(connection, self._ingestion_id, outcome)
        self._stations.committed()
        return outcome

    def _store(self, connection: Connection, weather: WeatherFile, outcome: Outcome, advance: Advance) -> Stored:
        assert weather.format is not None
        outcome.format = weather.format.name
        if weather.format.kind == "stations":
            return self._store_stations(connection, weather, outcome, advance)
        assert weather.format.open_reader is not None
        reader = weather.format.open_reader(outcome.file.name, self._options)
        collector, staging, read = Collector(), None, 0
        for piece, first_line in weather.pieces():
            advance(weather.size - read)
            read = weather.size
            batch = reader.read(piece, first_line)
            _count(outcome, batch)
            if staging is None and collector.size + len(batch.day) <= ROWS_IN_MEMORY:
                collector.add(batch)
                continue
            if staging is None:
                staging = Staging(connection, self._stations)
                collector.drain(staging.add)
            staging.add(batch)
        if staging is not None:
            stored, outcome.rows_duplicate, contradicted, superseded = staging.store()
            outcome.reject(superseded, contradicted)
            outcome.warnings = staging.warnings()
            return stored
        rows = collector.rows()
        outcome.rows_duplicate = rows.duplicates
        outcome.reject(rows.superseded, rows.contradicted)
        outcome.warnings = rows.warnings
        lock_out_bulk(connection)
        return store_rows(connection, rows, self._stations.ids(connection, rows.stations))

    def _store_stations(
        self, connection: Connection, weather: WeatherFile, outcome: Outcome, advance: Advance
    ) -> Stored:
        stored, read = Stored(), 0
        for piece, first_line in weather.pieces():
            advance(weather.size - read)
            read = weather.size
            batch = ghcn_stations.read(piece, first_line)
            stored.add(store_stations(connection, batch.stations))
            outcome.rows_read += batch.lines_read
            outcome.reject(batch.rejected, batch.rejected_count)
        return stored

    def _record_failure(self, connection: Connection, outcome: Outcome, status: str, error: str) -> Outcome:
        """Record that nothing of the file was loaded, and why."""
        outcome.status, outcome.error = status, error
        outcome.size = outcome.file.size
        outcome.rows_inserted = outcome.rows_updated = outcome.rows_unchanged = 0
        with connection.transaction():
            record(connection, self._ingestion_id, outcome)
        return outcome


def _count(outcome: Outcome, batch: Batch) -> None:
    outcome.rows_read += batch.lines_read
    outcome.values_flagged += batch.flagged
    outcome.reject(batch.rejected, batch.rejected_count)
    if len(batch.day):
        first, last = _date(batch.day.min()), _date(batch.day.max())
        outcome.first_date = min(outcome.first_date or first, first)
        outcome.last_date = max(outcome.last_date or last, last)


def _date(day: np.int32) -> datetime.date:
    return datetime.date(1970, 1, 1) + datetime.timedelta(days=int(day))


def _unread_version(file: ListedFile) -> str:
    """What stands for the version of a file in a folder whose content could not be read to its end."""
    return f"{file.size} bytes of {file.modified_at.isoformat()}"
