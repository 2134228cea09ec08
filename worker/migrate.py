"""The command that brings the database to this release's schema."""

from __future__ import annotations

from sqlalchemy.exc import OperationalError

from database import credentials, roles
from database.engine import create_engine
from database.migrate import UnsuitableServerError, migrate
from runtime import logs
from runtime.environment import load
from worker.ingest import CannotRunError
from worker.settings import MigrateSettings


def run_migration() -> str:
    """Apply the migrations that the database lacks; the result says in a sentence what that changed.

    Raises:
        SettingsError: a setting is missing or wrong.
        CredentialsError: a password cannot be read.
        CannotRunError: the database cannot be reached, or its server is too old.
    """
    settings = load(MigrateSettings)
    logs.configure(settings.log.level, settings.log.format)
    passwords = roles.RolePasswords(
        worker=credentials.given_password(settings.worker_secret, settings.worker_password_file),
        api=credentials.given_password(settings.api_secret, settings.api_password_file),
    )
    engine = create_engine(settings.database, "windsock-migrate")
    try:
        done = migrate(engine, passwords)
    except (UnsuitableServerError, OperationalError) as error:
        raise CannotRunError(f"the database at {settings.database.url.render_as_string()}: {error}") from error
    finally:
        engine.dispose()
    if done.changed:
        return f"The database was migrated from {done.before or 'empty'} to revision {done.after}."
    return f"The database is at revision {done.after}: nothing to do."
