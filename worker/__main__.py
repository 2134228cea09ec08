"""The worker's command line: `python -m worker ingest | schedule | migrate | inspect | sample`."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator

from rich.console import Console

from database import credentials
from database.engine import create_engine
from runtime import logs, tracing
from runtime.environment import SettingsError, load
from worker import sample
from worker.ingest import CannotRunError, run_pass
from worker.inspection import run_inspection
from worker.metrics import PassMetrics, publish_pass
from worker.passes import Pass
from worker.report import NoDisplay, ProgressBar, log_summary, print_report
from worker.settings import IngestSettings, OnePassSettings, ScheduleSettings
from worker.stop import StopRequest, stop_on_signals

DONE, SOME_FAILED, CANNOT_RUN = 0, 1, 2

EPILOG = """
exit status:
  0  all that was new has been loaded
  1  some file could not be loaded, or the pass was stopped before its end
  2  cannot run: a setting is wrong, or the source or the database cannot be reached

Settings are environment variables: see docs/settings.md.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the chosen command; the result is the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m worker",
        description="Loads weather files into the database and keeps the yearly statistics.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    ingest = commands.add_parser("ingest", help="one pass: load what is new in the source")
    ingest.add_argument(
        "--retry-failed", action="store_true", help="also try the files again that failed and have not changed since"
    )
    commands.add_parser("schedule", help="passes at the times that WINDSOCK_SCHEDULE says")
    commands.add_parser("migrate", help="bring the database to this release's schema")
    commands.add_parser("inspect", help="say what the database holds, as JSON; change nothing")
    sample.add_arguments(commands.add_parser("sample", help="write generated station files, to try Windsock with"))
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "ingest":
            return _ingest(retry_failed=chosen.retry_failed)
        if chosen.command == "schedule":
            return _schedule()
        if chosen.command in ("migrate", "inspect"):
            sys.stdout.write((_migrated() if chosen.command == "migrate" else run_inspection()) + "\n")
            return DONE
        return sample.main(chosen)
    except SettingsError as error:
        return _cannot_run("wrong settings:\n  " + str(error).replace("\n", "\n  "))
    except (CannotRunError, credentials.CredentialsError) as error:
        return _cannot_run(str(error))


def _migrated() -> str:
    from worker.migrate import run_migration  # noqa: PLC0415  # only this command needs Alembic, and its memory

    return run_migration()


def _cannot_run(reason: str) -> int:
    sys.stderr.write(f"python -m worker cannot run: {reason}\n")
    return CANNOT_RUN


def _ingest(*, retry_failed: bool) -> int:
    settings = load(OnePassSettings)
    with _said(settings), stop_on_signals() as stop:
        this = _one_pass(settings, settings.trigger, stop, retry_failed=retry_failed)
    return DONE if this.status == "succeeded" else SOME_FAILED


@contextlib.contextmanager
def _said(settings: IngestSettings) -> Iterator[None]:
    """Log, and trace where that is wanted, as the settings say."""
    logs.configure(settings.log.level, settings.log.format)
    tracing.start(settings.tracing, service="windsock-worker", environment=settings.report.environment)
    try:
        yield
    finally:
        tracing.stop()


def _one_pass(settings: IngestSettings, trigger: str, stop: StopRequest, *, retry_failed: bool = False) -> Pass:
    watched = sys.stderr.isatty()
    engine = create_engine(settings.database, "windsock-worker")
    display = ProgressBar() if watched else NoDisplay()
    with tracing.span("pass", trigger=trigger, source=settings.source.address) as traced:
        try:
            this = run_pass(settings, engine, trigger, stop, display, retry_failed=retry_failed)
        finally:
            engine.dispose()
        log_summary(this)
        traced.set(
            ingestion=this.id, status=this.status, files_loaded=this.files_loaded, files_failed=this.files_failed
        )
        if this.status != "succeeded":
            traced.fail(this.error or f"{this.files_failed} files failed")
    publish_pass(_metrics(this), metrics_format=settings.report.metrics_format, environment=settings.report.environment)
    if sys.stdout.isatty():
        print_report(this, Console())
    return this


def _metrics(this: Pass) -> PassMetrics:
    return PassMetrics(
        files_loaded=this.files_loaded,
        files_failed=this.files_failed,
        files_unchanged=this.files_unchanged,
        rows_read=this.rows_read,
        rows_inserted=this.rows_inserted,
        rows_updated=this.rows_updated,
        rows_rejected=this.rows_rejected,
        seconds=this.seconds,
        failed=this.status != "succeeded",
    )


def _schedule() -> int:
    from worker.schedule import run_schedule  # noqa: PLC0415  # only this command needs APScheduler

    settings = load(ScheduleSettings)
    with _said(settings.ingest):
        return run_schedule(
            lambda trigger, stop: _one_pass(settings.ingest, trigger, stop),
            cron=settings.schedule,
            timezone=settings.time_zone,
            run_at_start=settings.run_at_start,
        )


if __name__ == "__main__":
    sys.exit(main())
