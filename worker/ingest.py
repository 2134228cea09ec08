"""One pass: list the source, skip what is recorded, load the rest, say what was done.

It is the same pass whether ECS starts it, the schedule does, or a person: the trigger only decides when.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Protocol

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from worker.formats import ReadOptions
from worker.formats.station_file import ghcn_id
from worker.ledger import PASS_LOCK, Connection, Known, Outcome, known_files, now, recorded_versions
from worker.load import Loader, StoppedError
from worker.publish import PublishError, publish_manifest
from worker.settings import IngestSettings
from worker.sources import ListedFile, Source, SourceError, open_source

log = logging.getLogger(__name__)

# After so many changed rows the planner's figures are made anew at once; the server itself does it within minutes.
ANALYZE_AFTER_ROWS = 100_000

FAILURES_SHOWN = 20

# So many new files are listed before they are loaded: a listing may be longer than the memory is large.
FILES_AT_ONCE = 10_000

Pending = tuple[ListedFile, Known | None]
"""A file to be loaded, and what the ledger says of its last version."""


class CannotRunError(Exception):
    """The pass could not begin, or had to end early; the text says why and what to do."""


class Stop(Protocol):
    """Asked between pieces of a file whether the pass is to end."""

    @property
    def requested(self) -> bool:
        """True once somebody wants the program to end."""
        ...


class Display(Protocol):
    """Shown to a person while the pass runs."""

    def found(self, files: int, size: int) -> None:
        """So many more files, of so many bytes together, are going to be read."""

    def advance(self, size: int) -> None:
        """So many more bytes have been read."""

    def finished(self, outcome: Outcome) -> None:
        """A file has been loaded, or has failed."""

    def end(self) -> None:
        """No more files."""


@dataclasses.dataclass
class Pass:
    """What a pass did. Rows are station-days; the sums are over the files that this pass has loaded."""

    trigger: str
    source: str
    generated: bool
    started_at: datetime.datetime
    id: int = 0
    status: str = "running"
    error: str | None = None
    finished_at: datetime.datetime | None = None
    files_found: int = 0
    files_unchanged: int = 0
    files_loaded: int = 0
    files_failed: int = 0
    rows_read: int = 0
    rows_inserted: int = 0
    rows_updated: int = 0
    rows_unchanged: int = 0
    rows_rejected: int = 0
    rows_duplicate: int = 0
    values_flagged: int = 0
    warnings: int = 0
    failures: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    failed_before: int = 0
    first_date: datetime.date | None = None
    last_date: datetime.date | None = None

    @property
    def seconds(self) -> float:
        """How long it took."""
        return ((self.finished_at or now()) - self.started_at).total_seconds()

    def count(self, outcome: Outcome) -> None:
        """Add what became of a file."""
        if outcome.status != "loaded":
            self.files_failed += 1
            if len(self.failures) < FAILURES_SHOWN:
                self.failures.append((outcome.file.uri, outcome.error or ""))
            return
        self.files_loaded += 1
        for name in ("read", "inserted", "updated", "unchanged", "rejected", "duplicate"):
            setattr(self, f"rows_{name}", getattr(self, f"rows_{name}") + getattr(outcome, f"rows_{name}"))
        self.values_flagged += outcome.values_flagged
        self.warnings += outcome.warnings
        if outcome.first_date and outcome.last_date:
            self.first_date = min(self.first_date or outcome.first_date, outcome.first_date)
            self.last_date = max(self.last_date or outcome.last_date, outcome.last_date)


@dataclasses.dataclass
class _Run:
    """What the jobs of a pass share with whoever started it."""

    stop: Stop
    display: Display
    retry_failed: bool
    ending: threading.Event = dataclasses.field(default_factory=threading.Event)

    def advance(self, size: int) -> None:
        """Show that so many more bytes were read, or end the load at this place."""
        self.display.advance(size)
        if self.stop.requested or self.ending.is_set():
            raise StoppedError


def run_pass(
    settings: IngestSettings, engine: Engine, trigger: str, stop: Stop, display: Display, *, retry_failed: bool = False
) -> Pass:
    """Run one pass and record it.

    `trigger` is manual, schedule or start. `retry_failed` also tries the files again that failed in this same version.

    Raises:
        CannotRunError: the source cannot be listed or the database cannot be used. What was loaded before that stays.
    """
    run = _Run(stop, display, retry_failed)
    source = open_source(settings.source.address, anonymous=settings.source.anonymous)
    this = Pass(trigger, source.address, source.is_generated(), now())
    log.info("ingestion starts", extra={"action": "ingestion_started", "trigger": trigger, "source": source.address})
    try:
        with _connected(engine) as connection:
            _close_dead_passes(connection)
            _begin(connection, this)
            try:
                _load_all(engine, source, settings, this, run)
                this.status = "failed" if this.files_failed else "succeeded"
                _publish(connection, settings, this)
            except StoppedError:
                this.status, this.error = "interrupted", "it was asked to stop"
            except SourceError as error:
                this.status, this.error = "failed", str(error)
                raise CannotRunError(str(error)) from error
            finally:
                display.end()
                _end(connection, this)
    except (psycopg.OperationalError, SQLAlchemyError) as error:
        raise CannotRunError(
            f"the database at {engine.url.render_as_string()} cannot be used: {str(error).splitlines()[0]}. "
            "What was loaded so far is kept; the next pass goes on from there"
        ) from error
    return this


@contextlib.contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    """A connection on which each statement outside a transaction block is committed at once."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        yield driver


def _begin(connection: Connection, this: Pass) -> None:
    with connection.transaction():
        added = connection.execute(
            "INSERT INTO ingestion (trigger, source, generated, status, started_at) VALUES (%s, %s, %s, %s, %s) "
            "RETURNING id",
            (this.trigger, this.source, this.generated, this.status, this.started_at),
        ).fetchone()
        assert added is not None
        this.id = int(added[0])  # type: ignore[call-overload]  # a number
        # Held as long as this session lives: whoever gets it knows that the pass is dead.
        connection.execute("SELECT pg_advisory_lock(%s, %s)", (PASS_LOCK, this.id))


def _close_dead_passes(connection: Connection) -> None:
    """Passes whose program was killed still say that they are running: correct that."""
    for (number,) in connection.execute("SELECT id FROM ingestion WHERE status = 'running'").fetchall():
        if connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (PASS_LOCK, number)).fetchone() == (True,):
            connection.execute(
                "UPDATE ingestion SET status = 'interrupted', error = %s, finished_at = now() "
                "WHERE id = %s AND status = 'running'",
                ("its program ended without recording why; the files it had not finished are loaded again", number),
            )
            connection.execute("SELECT pg_advisory_unlock(%s, %s)", (PASS_LOCK, number))


def _end(connection: Connection, this: Pass) -> None:
    this.finished_at = now()
    if connection.closed:
        return  # the next pass finds this one dead, and says so
    # The first commit that waits for the disk: with it, all files of the pass are safe.
    connection.execute(
        "UPDATE ingestion SET status = %s, error = %s, finished_at = %s, files_found = %s, files_unchanged = %s "
        "WHERE id = %s",
        (this.status, this.error, this.finished_at, this.files_found, this.files_unchanged, this.id),
    )
    connection.execute("SELECT pg_advisory_unlock(%s, %s)", (PASS_LOCK, this.id))


def _load_all(engine: Engine, source: Source, settings: IngestSettings, this: Pass, run: _Run) -> None:
    options = ReadOptions(settings.source.daily_summaries_units)
    counting = threading.Lock()

    def work(groups: Iterator[list[Pending]]) -> None:
        loader = Loader(source, options, this.id)
        with _connected(engine) as own:
            for file, entry in itertools.chain.from_iterable(groups):
                run.advance(0)
                outcome = loader.load(own, file, entry, run.advance)
                with counting:
                    if outcome is None:
                        this.files_unchanged += 1
                        continue
                    this.count(outcome)
                    run.display.finished(outcome)
                    _log_file(outcome)

    others: list[Pending] = []
    with _connected(engine) as connection:
        for pending in _new_files(connection, source, this, retry_failed=run.retry_failed):
            # Whoever asks the API while the pass runs can see how far it is.
            connection.execute("UPDATE ingestion SET files_found = %s WHERE id = %s", (this.files_found, this.id))
            run.display.found(len(pending), sum(file.size for file, _ in pending))
            by_station, rest = _in_order(pending)
            others += rest
            # While the server stores the rows of one file, the next one is read: two do more than twice what one does.
            _in_threads(min(settings.jobs, len(by_station)), work, iter(by_station), run.ending)
    work(iter([others]))
    if this.rows_inserted + this.rows_updated >= ANALYZE_AFTER_ROWS:
        with _connected(engine) as connection:
            connection.execute("ANALYZE observation, yearly_statistics, station")


def _in_order(pending: list[Pending]) -> tuple[list[list[Pending]], list[Pending]]:
    """The files named after a station, grouped by it, and all others.

    Where two files of a pass speak of the same day of the same station, the later one wins. For that to be the same one
    each time, the files of a station are loaded one after the other, in the order of their names; the files that may
    hold any station come after them, one by one.
    """
    by_station: dict[str, list[Pending]] = {}
    others: list[Pending] = []
    for file, entry in pending:
        station = ghcn_id(file.name)
        if station is None:
            others.append((file, entry))
        else:
            by_station.setdefault(station, []).append((file, entry))
    return list(by_station.values()), others


def _in_threads(
    count: int,
    work: Callable[[Iterator[list[Pending]]], None],
    groups: Iterator[list[Pending]],
    ending: threading.Event,
) -> None:
    """Share the groups out among so many threads. Where one fails, the others end soon, and its error is raised."""
    if not count:
        return
    with ThreadPoolExecutor(count, thread_name_prefix="load") as pool:
        jobs = [pool.submit(work, groups) for _ in range(count)]  # the iterator of a list may be shared by threads
        for job in as_completed(jobs):
            if job.exception() is not None:
                ending.set()
    # Those that were made to end raise StoppedError: the cause comes first.
    for job in sorted(jobs, key=lambda job: isinstance(job.exception(), StoppedError)):
        job.result()


def _new_files(connection: Connection, source: Source, this: Pass, *, retry_failed: bool) -> Iterator[list[Pending]]:
    """The files whose present version is not in the ledger, each with its newest entry there; some at a time."""
    pending: list[Pending] = []
    for page in source.pages():
        known = known_files(connection, [file.uri for file in page])
        this.files_found += len(page)
        for file in page:
            entry = known.get(file.uri)
            if entry is not None and _is_recorded(file, entry) and not (retry_failed and entry.status == "failed"):
                this.files_unchanged += 1
                this.failed_before += entry.status == "failed"
            else:
                pending.append((file, entry))
        if len(pending) >= FILES_AT_ONCE:
            yield pending
            pending = []
    yield pending


def _is_recorded(file: ListedFile, known: Known) -> bool:
    """Whether this version of the file is in the ledger. In a folder, size and time of change stand for the content."""
    if known.status == "interrupted":
        return False
    if file.version is not None:
        return file.version == known.version
    return (file.size, file.modified_at) == (known.size, known.modified_at)


def _publish(connection: Connection, settings: IngestSettings, this: Pass) -> None:
    try:
        with connection.transaction():  # a cursor on the server needs one
            publish_manifest(settings.source, recorded_versions(connection, this.source), now())
    except PublishError as error:
        this.status, this.error = "failed", str(error)
        log.error("%s", error, extra={"action": "manifest_failed"})


def _log_file(outcome: Outcome) -> None:
    level = logging.INFO if outcome.status == "loaded" else logging.ERROR
    log.log(
        level,
        "file %s: %s",
        outcome.status,
        outcome.file.uri,
        extra={
            "action": f"file_{outcome.status}",
            "uri": outcome.file.uri,
            "format": outcome.format,
            "error": outcome.error,
            "bytes": outcome.size,
            "rows_read": outcome.rows_read,
            "rows_inserted": outcome.rows_inserted,
            "rows_updated": outcome.rows_updated,
            "rows_unchanged": outcome.rows_unchanged,
            "rows_rejected": outcome.rows_rejected,
            "rows_duplicate": outcome.rows_duplicate,
            "values_flagged": outcome.values_flagged,
            "warnings": outcome.warnings,
        },
    )
    for line in outcome.rejected[:3]:
        log.warning(
            "rejected %s line %d: %s",
            outcome.file.name,
            line.line,
            line.reason,
            extra={"action": "line_rejected", "uri": outcome.file.uri, "line": line.line, "reason": line.reason},
        )
