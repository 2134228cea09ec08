"""The command that says what a database holds: its revision, its row counts, its last dates. It changes nothing."""

from __future__ import annotations

import datetime
import json

import sqlalchemy
from sqlalchemy import Connection, Engine, ScalarSelect, func, select
from sqlalchemy.exc import DBAPIError

from database.engine import create_engine
from database.tables import ingestion, observation, source_file, station, yearly_statistics
from runtime import logs
from runtime.environment import load
from worker.ingest import CannotRunError
from worker.settings import InspectSettings

Value = int | str | None

_FIGURES = {
    "stations": (station, func.count()),
    "observations": (observation, func.count()),
    "statistics": (yearly_statistics, func.count()),
    "first_date": (observation, func.min(observation.c.date)),
    "last_date": (observation, func.max(observation.c.date)),
    "last_year": (yearly_statistics, func.max(yearly_statistics.c.year)),
    "files": (source_file, func.count(source_file.c.uri.distinct())),
    "last_ingestion": (ingestion, func.max(ingestion.c.finished_at)),
}
_SIZE = sqlalchemy.text("SELECT pg_database_size(current_database())")


def run_inspection() -> str:
    """What the database holds, as one line of JSON.

    Its keys are `revision`, `stations`, `observations`, `statistics` (station-years), `first_date`, `last_date`,
    `last_year`, `files` (those that some pass has tried), `last_ingestion` (when the last pass ended, UTC) and `bytes`
    (on the disk). A value is null where there is nothing, and where there is no such table.

    Raises:
        SettingsError: a setting is missing or wrong.
        CredentialsError: the password cannot be read.
        CannotRunError: the database cannot be reached, or refuses.
    """
    settings = load(InspectSettings)
    logs.configure(settings.log.level, settings.log.format)
    engine = create_engine(settings.database, "windsock-inspect")
    try:
        return json.dumps(contents(engine))
    except DBAPIError as error:
        raise CannotRunError(f"the database at {settings.database.url.render_as_string()}: {error}") from error
    finally:
        engine.dispose()


def contents(engine: Engine) -> dict[str, Value]:
    """What `run_inspection` says, all of it as at one moment."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection:
        tables = set(sqlalchemy.inspect(connection).get_table_names())
        asked = {name: _one(figure, table) for name, (table, figure) in _FIGURES.items() if table.name in tables}
        columns = [each.label(name) for name, each in asked.items()]
        found = connection.execute(select(*columns)).mappings().one() if columns else {}
        figures = {name: _plain(found.get(name)) for name in _FIGURES}
        revision = _revision(connection) if "alembic_version" in tables else None
        size: int = connection.execute(_SIZE).scalar_one()
        return {"revision": revision, **figures, "bytes": size}


def _one(figure: sqlalchemy.ColumnElement[int], table: sqlalchemy.Table) -> ScalarSelect[int]:
    return select(figure).select_from(table).scalar_subquery()


def _revision(connection: Connection) -> str | None:
    revision: str | None = connection.execute(sqlalchemy.text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def _plain(value: int | datetime.date | None) -> Value:
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat(timespec="seconds")
    return value.isoformat() if isinstance(value, datetime.date) else value
