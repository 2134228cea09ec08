"""The new files of a source, shared out among jobs that load them at the same time."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed

from sqlalchemy import Engine

from runtime import tracing
from worker.formats import ReadOptions
from worker.formats.station_file import ghcn_id
from worker.ledger import Connection, Known, Pending, known_files
from worker.load import Loader, StoppedError
from worker.outcome import Outcome
from worker.passes import Display, Pass, Stop
from worker.settings import IngestSettings
from worker.sources import ListedFile, Source

log = logging.getLogger(__name__)

# After so many changed rows the planner's figures are made anew at once; the server itself does it within minutes.
ANALYZE_AFTER_ROWS = 100_000

# So many new files are listed before they are loaded: a listing may be longer than the memory is large.
FILES_AT_ONCE = 10_000

# Small files are loaded together, so many of them, or so many bytes: about seven station files of thirty years.
FILES_TOGETHER = 64
BYTES_TOGETHER = 2 << 20


@dataclasses.dataclass
class Run:
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


@contextlib.contextmanager
def connected(engine: Engine) -> Iterator[Connection]:
    """A connection on which each statement outside a transaction block is committed at once."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        try:
            yield driver
        finally:
            if driver.closed:  # SQLAlchemy, which has not seen that, would try to roll back and log that it cannot
                connection.invalidate()


def load_new(engine: Engine, source: Source, settings: IngestSettings, this: Pass, run: Run) -> None:
    """Load all files of the source that have no entry in the ledger, and count them in `this`.

    Raises:
        StoppedError: somebody wanted an end; what was not finished is loaded by the next pass.
        SourceError: the source cannot be listed.
        psycopg.Error: the database cannot be used.
    """
    options = ReadOptions(settings.source.daily_summaries_units)
    counting = threading.Lock()

    def work(portions: Iterator[list[Pending]]) -> None:
        loader = Loader(source, options, this.id)
        with connected(engine) as own:
            for files in portions:
                size = sum(file.size for file, _ in files)
                with tracing.linked_trace("files", first=files[0][0].uri, files=len(files), bytes=size) as traced:
                    for outcome in loader.load(own, files, run.advance):
                        with counting:
                            if outcome is None:
                                this.files_unchanged += 1
                                continue
                            this.count(outcome)
                            run.display.finished(outcome)
                            _log_file(outcome)
                        if outcome.status != "loaded":
                            traced.fail(f"{outcome.file.uri}: {outcome.error}")

    others: list[Pending] = []
    with connected(engine) as connection:
        for pending in _new_files(connection, source, this, retry_failed=run.retry_failed):
            # Whoever asks the API while the pass runs can see how far it is.
            connection.execute("UPDATE ingestion SET files_found = %s WHERE id = %s", (this.files_found, this.id))
            run.display.found(len(pending), sum(file.size for file, _ in pending))
            by_station, rest = _in_order(pending)
            others += rest
            portions = _portions(by_station)
            # While the server stores the rows of some files, others are read: two do more than twice what one does.
            _in_threads(min(settings.jobs, len(portions)), work, iter(portions), run.ending)
    work(iter(_portions([one] for one in others)))
    if this.rows_inserted + this.rows_updated >= ANALYZE_AFTER_ROWS:
        with connected(engine) as connection:
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


def _portions(groups: Iterable[list[Pending]]) -> list[list[Pending]]:
    """The groups of files put together to portions that go into one transaction, if what they hold lets them."""
    portions: list[list[Pending]] = []
    size = 0
    for group in groups:
        if not portions or size >= BYTES_TOGETHER or len(portions[-1]) >= FILES_TOGETHER:
            portions.append([])
            size = 0
        portions[-1] += group
        size += sum(_new_bytes(file, known) for file, known in group)
    return portions


def _new_bytes(file: ListedFile, known: Known | None) -> int:
    """How much of a file is likely to be new: most files that have become longer have only got more lines."""
    return file.size - known.size if known is not None and known.size < file.size else file.size


def _in_threads(
    count: int,
    work: Callable[[Iterator[list[Pending]]], None],
    portions: Iterator[list[Pending]],
    ending: threading.Event,
) -> None:
    """Share the portions out among so many threads. Where one fails, the others end soon, and its error is raised."""
    if not count:
        return
    with ThreadPoolExecutor(count, thread_name_prefix="load") as pool:
        # The iterator of a list may be shared by threads. Each has this thread's context: the trace of the pass.
        jobs = [pool.submit(contextvars.copy_context().run, work, portions) for _ in range(count)]
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
