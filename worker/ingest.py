"""One pass: list the source, skip what is recorded, load the rest, say what was done.

It is the same pass whether ECS starts it, the schedule does, or a person: the trigger only decides when.
"""

from __future__ import annotations

import logging

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from worker.jobs import Run, connected, load_new
from worker.ledger import PASS_LOCK, Connection, recorded_versions
from worker.load import StoppedError
from worker.outcome import now
from worker.passes import Display, Pass, Stop
from worker.publish import PublishError, publish_manifest
from worker.settings import IngestSettings
from worker.sources import SourceError, open_source

log = logging.getLogger(__name__)


class CannotRunError(Exception):
    """The pass could not begin, or had to end early; the text says why and what to do."""


def run_pass(
    settings: IngestSettings, engine: Engine, trigger: str, stop: Stop, display: Display, *, retry_failed: bool = False
) -> Pass:
    """Run one pass and record it.

    `trigger` is manual, schedule or start. `retry_failed` also tries the files again that failed in this same version.

    Raises:
        CannotRunError: the source cannot be listed or the database cannot be used. What was loaded before that stays.
    """
    run = Run(stop, display, retry_failed)
    source = open_source(settings.source.address, anonymous=settings.source.anonymous)
    this = Pass(trigger, source.address, source.is_generated(), now())
    log.info("ingestion starts", extra={"action": "ingestion_started", "trigger": trigger, "source": source.address})
    try:
        with connected(engine) as connection:
            _close_dead_passes(connection)
            _begin(connection, this)
            try:
                load_new(engine, source, settings, this, run)
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


def _publish(connection: Connection, settings: IngestSettings, this: Pass) -> None:
    try:
        with connection.transaction():  # a cursor on the server needs one
            publish_manifest(settings.source, recorded_versions(connection, this.source), now())
    except PublishError as error:
        this.status, this.error = "failed", str(error)
        log.error("%s", error, extra={"action": "manifest_failed"})
