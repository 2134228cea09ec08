"""Files into the database: their rows, statistics and ledger entries in one transaction, or nothing of them."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence

import psycopg

from worker.formats import ReadOptions, UnrecognisedFileError, ghcn_stations
from worker.formats.batch import Batch
from worker.formats.pieces import UnreadableFileError
from worker.large import store_any, store_new
from worker.ledger import FILE_LOCK, Connection, Pending, known_files, record, still_modified_at
from worker.outcome import Outcome, Stored, now
from worker.reading import WeatherFile
from worker.rows import Collector, Rows, without_runs
from worker.sources import FileUnavailableError, ListedFile, Source
from worker.store import Stations, lock_out_bulk, store_rows, store_stations

# About 150 bytes a row while they are put together, in each of the jobs. A hundred years of one station are 36,500
# days: with a row for each of five elements, 182,500.
ROWS_IN_MEMORY = 185_000

Advance = Callable[[int], None]
"""Told of the bytes read since the last call. Called between pieces, so it may also raise to stop a load."""


class StoppedError(Exception):
    """The pass was asked to stop; what was not finished has been rolled back."""


class _NotTogetherError(Exception):
    """The file cannot be stored in one go with those that were read before it."""


class _NotNewError(Exception):
    """The database has some of the rows of a large file already, or the file has them twice."""


class _Held:
    """The rows of files that are going to be stored in one go: of the same columns, and each of other stations."""

    def __init__(self) -> None:
        self.files: list[tuple[Outcome, Rows]] = []
        self._stations: set[str] = set()
        self._size = 0

    @property
    def room(self) -> int:
        """How many more rows the memory has room for."""
        return ROWS_IN_MEMORY - self._size

    def add(self, outcome: Outcome, rows: Rows) -> None:
        """Take the rows of a file.

        Raises:
            _NotTogetherError: not these.
        """
        if not len(rows.day):
            return
        if self.files and (rows.columns != self.files[0][1].columns or not self._stations.isdisjoint(rows.stations)):
            raise _NotTogetherError
        self.files.append((outcome, rows))
        self._stations.update(rows.stations)
        self._size += len(rows.day)


class Loader:
    """Loads files of one source over one connection."""

    def __init__(self, source: Source, options: ReadOptions, ingestion_id: int) -> None:
        self._source = source
        self._options = options
        self._ingestion_id = ingestion_id
        self._stations = Stations()

    def load(self, connection: Connection, files: Sequence[Pending], advance: Advance) -> Iterator[Outcome | None]:
        """Load what is new in the files, in their order, and record what became of them.

        They go into one transaction, unless they are more than the memory holds, or differ in what they speak of: a
        transaction costs as much as a thousand rows. Yields for each file what became of it, once that is committed:
        None where there was nothing to do, since another pass is at this file or has just loaded it, or it was only
        touched.

        Raises:
            StoppedError: by `advance`; nothing has been kept of the files that were not yielded yet.
            psycopg.Error: the database is gone; the same.
        """
        done = 0
        while done < len(files):
            outcomes = self._load_together(connection, files[done:], advance)
            yield from outcomes
            done += len(outcomes)

    def _load_together(
        self, connection: Connection, files: Sequence[Pending], advance: Advance, *, are_new: bool = True
    ) -> Sequence[Outcome | None]:
        """Load the first of the files, and of the others as many as go together with it."""
        try:
            with self._stations.transaction(), connection.transaction():
                return self._load(connection, files, advance, are_new=are_new)
        except _NotNewError:
            return self._load_together(connection, files[:1], advance, are_new=False)
        except psycopg.Error as error:
            if connection.broken or connection.closed:
                raise
            if len(files) > 1:  # one of them is the reason: the first is tried by itself
                return self._load_together(connection, files[:1], advance)
            return [self._record_refusal(connection, files[0][0], error)]

    def _load(
        self, connection: Connection, files: Sequence[Pending], advance: Advance, *, are_new: bool
    ) -> Sequence[Outcome | None]:
        ours = _lock(connection, files)
        outcomes: list[Outcome | None] = []
        held = _Held()
        for (file, known), is_ours in zip(files, ours, strict=True):
            if not is_ours:
                outcomes.append(None)
                continue
            outcome = _begun(file)
            outcomes.append(outcome)
            try:
                with contextlib.closing(WeatherFile(self._source, file, known, self._options)) as weather:
                    if weather.unchanged:
                        assert known is not None
                        still_modified_at(connection, known, file.modified_at, file.version or known.version)
                        outcomes[-1] = None
                    elif not self._read(connection, weather, outcome, advance, held, are_new=are_new):
                        break
            except _NotTogetherError:
                outcomes.pop()
                advance(-weather.size)  # it is going to be read again
                break
            except psycopg.errors.UniqueViolation as error:
                advance(-weather.size)
                raise _NotNewError from error
            except (UnreadableFileError, UnrecognisedFileError) as error:
                outcome.fail("failed", str(error))
            except FileUnavailableError as error:
                outcome.fail("interrupted", str(error))
        if held.files:
            lock_out_bulk(connection)
            stored = store_rows(connection, [rows for _, rows in held.files], self._stations)
            for (outcome, _), one in zip(held.files, stored, strict=True):
                outcome.stored(one)
        record(connection, self._ingestion_id, [outcome for outcome in outcomes if outcome is not None])
        return outcomes

    def _read(
        self,
        connection: Connection,
        weather: WeatherFile,
        outcome: Outcome,
        advance: Advance,
        held: _Held,
        *,
        are_new: bool,
    ) -> bool:
        """Read a file, and let its rows be held; False where it has been stored by itself, while it was read.

        Raises:
            _NotTogetherError: it cannot be held together with the others.
        """
        assert weather.format is not None
        outcome.format = weather.format.name
        if weather.format.kind == "observations":
            batches = self._batches(weather, outcome, advance)
            collector = Collector()
            too_many = next((batch for batch in batches if not collector.add(batch, held.room)), None)
            if too_many is None:
                _end_of_file(outcome, weather)
                rows = collector.rows()
                held.add(outcome, rows)
                outcome.put_together(rows)
                return True
        if held.files:
            raise _NotTogetherError
        # Within the other transaction: of a file that breaks off, nothing stays.
        with self._stations.transaction(), connection.transaction():
            if weather.format.kind == "stations":
                stored = _store_stations(connection, weather, outcome, advance)
            else:
                assert too_many is not None
                store = store_new if are_new else store_any
                stored = store(connection, self._stations, collector, itertools.chain([too_many], batches), outcome)
            _end_of_file(outcome, weather)
        outcome.stored(stored)
        return False

    def _batches(self, weather: WeatherFile, outcome: Outcome, advance: Advance) -> Iterator[Batch]:
        """What a file says, piece by piece, counted as it is read."""
        assert weather.format is not None
        assert weather.format.open_reader is not None
        reader = weather.format.open_reader(outcome.file.name, self._options)
        for piece, first_line in _pieces(weather, advance):
            batch = without_runs(reader.read(piece, first_line))
            outcome.read(batch)
            yield batch

    def _record_refusal(self, connection: Connection, file: ListedFile, error: psycopg.Error) -> Outcome:
        """Record that nothing of a file was loaded since the database did not take it."""
        outcome = _begun(file)
        outcome.fail("interrupted", f"the database refused it: {error}")
        with connection.transaction():
            record(connection, self._ingestion_id, [outcome])
        return outcome


def _lock(connection: Connection, files: Sequence[Pending]) -> list[bool]:
    """Keep other passes from the files; which of them no other pass is at, or has loaded meanwhile."""
    # A commit that waits for the disk costs more than a file of ten thousand rows. A crash of the server may undo the
    # last moment's files, their ledger entries with them, so that the next pass loads them again; the end of the pass
    # is committed to the disk, and all before it.
    connection.execute(
        "SELECT set_config('synchronous_commit', 'off', true), "
        # All look-ups here go by an index. In a table that has just been filled the planner cannot know that.
        "set_config('enable_seqscan', 'off', true)"
    )
    uris = [file.uri for file, _ in files]
    locked = connection.execute(
        "SELECT pg_try_advisory_xact_lock(%s, hashtext(uri)) FROM unnest(%s::text[]) AS wanted (uri)", (FILE_LOCK, uris)
    ).fetchall()
    newest = known_files(connection, uris)
    return [free and newest.get(file.uri) == known for (file, known), (free,) in zip(files, locked, strict=True)]  # type: ignore[misc]  # a boolean


def _pieces(weather: WeatherFile, advance: Advance) -> Iterator[tuple[bytes, int]]:
    read = 0
    for piece in weather.pieces():
        advance(weather.size - read)
        read = weather.size
        yield piece


def _store_stations(connection: Connection, weather: WeatherFile, outcome: Outcome, advance: Advance) -> Stored:
    stored = Stored()
    for piece, first_line in _pieces(weather, advance):
        batch = ghcn_stations.read(piece, first_line)
        stored.add(store_stations(connection, batch.stations))
        outcome.rows_read += batch.lines_read
        outcome.reject(batch.rejected, batch.rejected_count)
    return stored


def _end_of_file(outcome: Outcome, weather: WeatherFile) -> None:
    """Note what is known only when a file has been read.

    Raises:
        UnreadableFileError: it has lines, but none that could be read.
    """
    outcome.size, outcome.sha256 = weather.size, weather.sha256()
    outcome.version = outcome.file.version or outcome.sha256
    # A line of `.dly` may be rejected for some of its days, more than once, and be loaded for the others.
    if outcome.rows_read and outcome.rows_rejected >= outcome.rows_read and outcome.first_date is None:
        first = outcome.rejected[0]
        raise UnreadableFileError(
            f"none of its {outcome.rows_read:,} lines could be read; line {first.line}: {first.reason}"
        )


def _begun(file: ListedFile) -> Outcome:
    # The version of a file in a folder is the hash of its content; until that is read, this stands for it.
    unread = f"{file.size} bytes of {file.modified_at.isoformat()}"
    return Outcome(file, started_at=now(), version=file.version or unread)
